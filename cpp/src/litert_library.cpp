#include "edgeloop/litert_library.hpp"

namespace edgeloop {
namespace {

constexpr LiteRtStatus kLiteRtRuntimeFailure = 3;

// The runtime asks for a delegate while it compiles, on the same thread, and passes nothing of
// ours.
struct Offering {
  const LiteRtApi* api;
  const LiteRtOffers* offers;
};
thread_local Offering offering{};

LiteRtStatus accelerator_name(const LiteRtAcceleratorT*, const char** name) {
  *name = "edgeloop";
  return 0;
}

LiteRtStatus accelerator_version(const LiteRtAcceleratorT*, LiteRtVersion* version) {
  *version = {1, 0, 0};
  return 0;
}

LiteRtStatus accelerator_hardware(const LiteRtAcceleratorT*, int* hardware) {
  *hardware = kLiteRtHardwareCpu;
  return 0;
}

// "Yes" binds it to models that are compiled for the CPU.
LiteRtStatus accelerator_compiles(const LiteRtAcceleratorT*, bool* compiles) {
  *compiles = true;
  return 0;
}

LiteRtStatus accelerator_delegate(void*, LiteRtEnvironmentT*, const LiteRtAcceleratorT* accelerator,
                                  LiteRtOptionsT*, LiteRtDelegateWrapperT** wrapper) {
  const auto keep = [](TfLiteDelegate*) {};  // the engine owns its delegates
  for (const auto& [offered, delegate] : *offering.offers) {
    if (offered == accelerator) return offering.api->LiteRtWrapDelegate(delegate, keep, wrapper);
  }
  return kLiteRtRuntimeFailure;
}

const char* meaning_of(LiteRtStatus status) noexcept {
  switch (status) {
    case 1:
      return "invalid argument";
    case 2:
      return "out of memory";
    case 3:
      return "runtime failure";
    case 5:
      return "unsupported";
    case 500:
      return "file error";
    case 501:
      return "invalid flatbuffer: the file is damaged, cut short or no TFLite model";
    case 504:
      return "compilation failed";
    default:
      return "without a name here";
  }
}

}  // namespace

LiteRtApi load_litert_api(const Dylib& library) {
  LiteRtApi api;
#define EDGELOOP_LOAD(name, result, parameters) \
  api.name = library.symbol<result(*) parameters>(#name);
  EDGELOOP_LITERT_SYMBOLS(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  if (library.optional_symbol<void*>("LiteRtCreateModelFromFd") == nullptr) {
    throw Error(ErrorKind::not_available, "the library " + library.path() +
                                              " is LiteRT older than 2.1.6, whose functions take "
                                              "other parameters; install ai-edge-litert>=2.1.6");
  }
  return api;
}

std::string litert_status_text(LiteRtStatus status) {
  return "LiteRT's status is " + std::to_string(status) + " (" + meaning_of(status) + ")";
}

void check_litert(LiteRtStatus status, ErrorKind kind, const std::string& failed) {
  if (status != 0) throw Error(kind, failed + ": " + litert_status_text(status));
}

// Accelerators apply in the order of their registration, and the CPU's own is registered already.
LiteRtOffers register_litert_delegates(const LiteRtApi& api, LiteRtEnvironmentT* environment,
                                       const std::vector<TfLiteDelegate*>& delegates) {
  LiteRtOffers offers;
  for (TfLiteDelegate* delegate : delegates) {
    LiteRtAcceleratorT* accelerator = nullptr;
    LiteRtStatus status = api.LiteRtCreateAccelerator(&accelerator);
    status |= api.LiteRtSetAcceleratorGetName(accelerator, accelerator_name);
    status |= api.LiteRtSetAcceleratorGetVersion(accelerator, accelerator_version);
    status |= api.LiteRtSetAcceleratorGetHardwareSupport(accelerator, accelerator_hardware);
    status |= api.LiteRtSetIsAcceleratorDelegateResponsibleForJitCompilation(accelerator,
                                                                             accelerator_compiles);
    status |= api.LiteRtSetDelegateFunction(accelerator, accelerator_delegate);
    status |= api.LiteRtRegisterAccelerator(environment, accelerator, nullptr, nullptr);
    check_litert(status, ErrorKind::runtime, "LiteRT does not accept a delegate as accelerator");
    offers.emplace_back(accelerator, delegate);
  }
  return offers;
}

LiteRtStatus compile_with(const LiteRtApi& api, const LiteRtOffers& offers,
                          LiteRtEnvironmentT* environment, LiteRtModelT* model,
                          LiteRtOptionsT* options, LiteRtCompiledModelT** compiled) {
  offering = {&api, &offers};
  const LiteRtStatus status = api.LiteRtCreateCompiledModel(environment, model, options, compiled);
  offering = {};
  return status;
}

}  // namespace edgeloop

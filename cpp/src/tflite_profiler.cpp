#include "edgeloop/tflite_profiler.hpp"

#include <iterator>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

OperatorRecorder& recorder_of(const TfLiteTelemetryProfiler* profiler) {
  return *static_cast<OperatorRecorder*>(profiler->data);
}

// tflite::Subgraph::SubgraphAwareProfiler, a profiler of the library's own: where its table of
// virtual functions begins, and which stand in it, after the two destructors.
constexpr const char* kKnownTable = "_ZTVN6tflite8Subgraph21SubgraphAwareProfilerE";
constexpr const char* kKnownFunctions[] = {
    "_ZN6tflite8Subgraph21SubgraphAwareProfiler10BeginEventEPKcNS_8Profiler9EventTypeEll",
    "_ZN6tflite8Subgraph21SubgraphAwareProfiler8EndEventEjll",
    "_ZN6tflite8Subgraph21SubgraphAwareProfiler8EndEventEj",
    "_ZN6tflite8Subgraph21SubgraphAwareProfiler8AddEventEPKcNS_8Profiler9EventTypeEmll"};
constexpr std::size_t kBeforeFunctions = 4;  // offset, type, two destructors

// tflite::impl::Interpreter::SetProfiler(tflite::Profiler*)
constexpr const char* kSetProfiler = "_ZN6tflite4impl11Interpreter11SetProfilerEPNS_8ProfilerE";

void require_known_functions(const Dylib& library) {
  void* const* table = library.optional_symbol<void* const*>(kKnownTable);
  bool known = table != nullptr;
  for (std::size_t index = 0; known && index < std::size(kKnownFunctions); ++index) {
    const void* function = library.optional_symbol<void*>(kKnownFunctions[index]);
    known = function != nullptr && table[kBeforeFunctions + index] == function;
  }
  if (known) return;
  throw Error(
      ErrorKind::not_available,
      "the library " + library.path() +
          " has no profiler that edgeloop knows; profile the model with --runtime litert or "
          "tflite");
}

constexpr int kOperatorEvent = 2;
constexpr int kDelegateOperatorEvent = 4;
constexpr int kDelegateReportedEvent = 8;

bool is_operator(int type) {
  return type == kOperatorEvent || type == kDelegateOperatorEvent || type == kDelegateReportedEvent;
}

constexpr std::uint32_t kNoEvent = 0xfffffffe;  // of another kind than an operator's

}  // namespace

TfliteTelemetry::TfliteTelemetry() noexcept {
  profiler_.data = &recorder_;
  profiler_.event = [](TfLiteTelemetryProfiler*, const char*, std::uint64_t) {};
  profiler_.operator_event = [](TfLiteTelemetryProfiler*, const char*, std::int64_t, std::int64_t,
                                std::uint64_t) {};
  profiler_.settings = [](TfLiteTelemetryProfiler*, const char*, const void*) {};
  profiler_.begin_operator = [](TfLiteTelemetryProfiler* self, const char* name, std::int64_t node,
                                std::int64_t subgraph) {
    return recorder_of(self).begin(name, node, subgraph);
  };
  profiler_.end_operator = [](TfLiteTelemetryProfiler* self, std::uint32_t handle) {
    recorder_of(self).end(handle);
  };
  profiler_.timed_operator = [](TfLiteTelemetryProfiler* self, const char* name,
                                std::uint64_t elapsed_us, std::int64_t node,
                                std::int64_t subgraph) {
    recorder_of(self).add(name, elapsed_us, node, subgraph);
  };
}

// Its virtual functions are those of tflite::Profiler, in their order.
struct TfliteInterpreterProfiler::Virtual {
  virtual ~Virtual() = default;
  virtual std::uint32_t begin_event(const char* name, int type, std::int64_t node,
                                    std::int64_t subgraph) {
    return is_operator(type) ? recorder.begin(name, node, subgraph) : kNoEvent;
  }
  virtual void end_event_with(std::uint32_t handle, std::int64_t, std::int64_t) {
    end_event(handle);
  }
  virtual void end_event(std::uint32_t handle) {
    if (handle != kNoEvent) recorder.end(handle);
  }
  virtual void add_event(const char* name, int type, std::uint64_t elapsed_us, std::int64_t node,
                         std::int64_t subgraph) {
    if (is_operator(type)) recorder.add(name, elapsed_us, node, subgraph);
  }
  virtual void add_event_with_data(const char*, int, const void*) {}

  OperatorRecorder recorder;
};

TfliteInterpreterProfiler::TfliteInterpreterProfiler(const std::string& library_path,
                                                     void* interpreter)
    : library_(Dylib::loaded(library_path)), object_(std::make_unique<Virtual>()) {
  require_known_functions(library_);
  library_.symbol<void (*)(void*, void*)>(kSetProfiler)(interpreter, object_.get());
}

TfliteInterpreterProfiler::~TfliteInterpreterProfiler() = default;

std::vector<OperatorEvent> TfliteInterpreterProfiler::take_events() {
  return object_->recorder.take();
}

void TfliteInterpreterProfiler::drop_events() noexcept { object_->recorder.drop(); }

}  // namespace edgeloop

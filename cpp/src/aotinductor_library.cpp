#include "edgeloop/aotinductor_library.hpp"

#include <cstring>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

// at::set_num_threads(int): it alone reaches PyTorch's own pool and that of its BLAS.
constexpr char kSetThreads[] = "_ZN2at15set_num_threadsEi";
constexpr char kSetOpenMpThreads[] = "omp_set_num_threads";

[[noreturn]] void refuse(const std::string& package, const Error& error) {
  throw Error(ErrorKind::model,
              "the package " + package + " does not fit this PyTorch or this machine: " +
                  error.what() + "; compile it again here with edgeloop convert --to aotinductor");
}

}  // namespace

AotiTorchApi load_aoti_torch_api(const Dylib& torch) {
  AotiTorchApi api;
#define EDGELOOP_LOAD(name, result, parameters) \
  api.name = torch.symbol<result(*) parameters>(#name);
  EDGELOOP_AOTI_TORCH_SYMBOLS(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  return api;
}

Dylib open_aoti_model(const std::string& path, const std::string& package) {
  try {
    return Dylib::open(path);
  } catch (const Error& error) {
    refuse(package, error);
  }
}

AotiModelApi load_aoti_model_api(const Dylib& library, const std::string& package) {
  AotiModelApi api;
  try {
#define EDGELOOP_LOAD(name, result, parameters) \
  api.name = library.symbol<result(*) parameters>(#name);
    EDGELOOP_AOTI_MODEL_SYMBOLS(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  } catch (const Error& error) {
    refuse(package, error);
  }
  api.last_error =
      library.optional_symbol<AOTInductorGetLastErrorFunction>("AOTInductorGetLastError");
  return api;
}

void set_aoti_threads(const Dylib& torch, int threads) {
  bool set = false;
  for (const char* name : {kSetThreads, kSetOpenMpThreads}) {
    const auto set_threads = torch.optional_symbol<void (*)(int)>(name);
    if (set_threads == nullptr) continue;
    set_threads(threads);
    set = true;
  }
  if (!set && threads != 1) {
    throw Error(ErrorKind::not_available,
                "the library " + torch.path() + " offers no way to set its threads (" +
                    kSetThreads + ", " + kSetOpenMpThreads + "); measure with --threads 1");
  }
}

std::int32_t aoti_dtype(const AotiTorchApi& api, DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return api.aoti_torch_dtype_bool();
    case DType::int8:
      return api.aoti_torch_dtype_int8();
    case DType::uint8:
      return api.aoti_torch_dtype_uint8();
    case DType::int16:
      return api.aoti_torch_dtype_int16();
    case DType::uint16:
      return api.aoti_torch_dtype_uint16();
    case DType::int32:
      return api.aoti_torch_dtype_int32();
    case DType::uint32:
      return api.aoti_torch_dtype_uint32();
    case DType::int64:
      return api.aoti_torch_dtype_int64();
    case DType::uint64:
      return api.aoti_torch_dtype_uint64();
    case DType::float16:
      return api.aoti_torch_dtype_float16();
    case DType::float32:
      return api.aoti_torch_dtype_float32();
    case DType::float64:
      break;
  }
  return api.aoti_torch_dtype_float64();
}

int dtype_of_aoti(const AotiTorchApi& api, std::int32_t number) {
  for (int dtype = 0; dtype <= static_cast<int>(DType::float64); ++dtype) {
    if (aoti_dtype(api, static_cast<DType>(dtype)) == number) return dtype;
  }
  return -1;
}

std::vector<std::int64_t> dense_strides(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t axis = shape.size(); axis-- > 1;) {
    strides[axis - 1] = strides[axis] * (shape[axis] < 1 ? 1 : shape[axis]);
  }
  return strides;
}

void copy_dense(const void* from, const std::vector<std::int64_t>& shape,
                const std::vector<std::int64_t>& strides, std::size_t element_bytes, void* to) {
  const auto size = static_cast<std::int64_t>(element_bytes);
  const char* source = static_cast<const char*>(from);
  char* target = static_cast<char*>(to);
  std::vector<std::int64_t> index(shape.size(), 0);
  for (std::size_t left = element_count(shape); left > 0; --left) {
    std::memcpy(target, source, element_bytes);
    target += element_bytes;
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      source += strides[axis] * size;
      if (++index[axis] < shape[axis]) break;
      source -= strides[axis] * size * shape[axis];
      index[axis] = 0;
    }
  }
}

}  // namespace edgeloop

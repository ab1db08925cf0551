#include "cuda.hpp"

#include <string.h>

namespace edgeloop_tensorrt {
namespace {

std::string cuda_version(int number) {
  return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

}  // namespace

Cuda::Cuda(const std::string& path) : library_(path, "cudart") {
#define BIND(name) name = library_.symbol<decltype(&::name)>(#name);
  EDGELOOP_CUDA_FUNCTIONS(BIND)
#undef BIND
  int count = 0;
  const cudaError_t error = cudaGetDeviceCount(&count);
  if (error == cudaSuccess && count > 0) return;
  cudaGetLastError();  // an error that was reported must not turn up again
  throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE, why_no_device(error)};
}

void Cuda::check(cudaError_t error, const std::string& what) const {
  if (error == cudaSuccess) return;
  cudaGetLastError();
  throw Failure{EDGELOOP_ERROR_RUNTIME, failed(error, what)};
}

std::string Cuda::failed(cudaError_t error, const std::string& what) const {
  return what + " failed: " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")";
}

std::string Cuda::device() const {
  int major = 0;
  int minor = 0;
  int runtime = 0;
  int driver = 0;
  check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "asking the GPU");
  check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "asking the GPU");
  check(cudaRuntimeGetVersion(&runtime), "asking for the version of the CUDA runtime");
  check(cudaDriverGetVersion(&driver), "asking for the version of the driver");
  return device_name() + " (compute capability " + std::to_string(major) + "." +
         std::to_string(minor) + "), CUDA runtime " + cuda_version(runtime) + ", driver for CUDA " +
         cuda_version(driver);
}

std::string Cuda::free_memory() const {
  std::size_t available = 0;
  std::size_t total = 0;
  if (cudaMemGetInfo(&available, &total) != cudaSuccess) return "";
  return "; " + std::to_string(available >> 20) + " of the device's " +
         std::to_string(total >> 20) + " MiB are free";
}

cudaError_t Cuda::instantiate(cudaGraphExec_t* executable, cudaGraph_t graph) const {
  using WithFlags = cudaError_t (*)(cudaGraphExec_t*, cudaGraph_t, unsigned long long);
  using Older = cudaError_t (*)(cudaGraphExec_t*, cudaGraph_t, void*, char*, std::size_t);
  const auto with_flags = library_.find<WithFlags>("cudaGraphInstantiateWithFlags");
  if (with_flags != nullptr) return with_flags(executable, graph, 0);
  return library_.symbol<Older>("cudaGraphInstantiate")(executable, graph, nullptr, nullptr, 0);
}

// The struct grows with the versions, but always begins with the name.
std::string Cuda::device_name() const {
  using Properties = int (*)(void*, int);
  auto ask = library_.find<Properties>("cudaGetDeviceProperties_v2");
  if (ask == nullptr) ask = library_.symbol<Properties>("cudaGetDeviceProperties");
  alignas(16) char properties[16384] = "";
  if (ask(properties, 0) != cudaSuccess) return "a GPU that does not tell its name";
  return std::string(properties, strnlen(properties, 256));
}

std::string Cuda::why_no_device(cudaError_t error) const {
  int runtime = 0;
  cudaRuntimeGetVersion(&runtime);
  const std::string tail =
      std::string(" (") + cudaGetErrorName(error) + " from " + library_.path() + ")";
  if (error == cudaErrorInsufficientDriver) {
    return "no NVIDIA driver was found, or it is too old for CUDA runtime " +
           cuda_version(runtime) +
           "; install or update the driver, or name an older libcudart "
           "with --set cudart=PATH" +
           tail;
  }
  if (error == cudaErrorNoDevice || error == cudaSuccess) {
    return "no NVIDIA GPU is in reach; check nvidia-smi, CUDA_VISIBLE_DEVICES and the rights to "
           "/dev/nvidia*" +
           tail;
  }
  return std::string("the NVIDIA driver does not answer: ") + cudaGetErrorString(error) +
         "; check nvidia-smi, or restart the machine" + tail;
}

}  // namespace edgeloop_tensorrt

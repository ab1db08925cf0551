#pragma once

#include <cuda_runtime_api.h>

#include <string>

#include "library.hpp"

namespace edgeloop_tensorrt {

// clang-format off
#define EDGELOOP_CUDA_FUNCTIONS(X) \
  X(cudaGetErrorName) X(cudaGetErrorString) X(cudaGetLastError) X(cudaGetDeviceCount) \
  X(cudaDeviceGetAttribute) X(cudaDriverGetVersion) X(cudaRuntimeGetVersion) \
  X(cudaMemGetInfo) X(cudaMalloc) X(cudaFree) X(cudaMallocHost) X(cudaFreeHost) \
  X(cudaMemcpyAsync) X(cudaStreamCreate) X(cudaStreamDestroy) X(cudaStreamSynchronize) \
  X(cudaEventCreate) X(cudaEventDestroy) X(cudaEventRecord) X(cudaEventElapsedTime) \
  X(cudaStreamBeginCapture) X(cudaStreamEndCapture) X(cudaGraphLaunch) X(cudaGraphDestroy) \
  X(cudaGraphExecDestroy)
// clang-format on

// The CUDA runtime, and a device that it can use.
class Cuda {
 public:
  // Throws Failure where there is no libcudart at `path`, or no device.
  explicit Cuda(const std::string& path);

  void check(cudaError_t error, const std::string& what) const;

  std::string failed(cudaError_t error, const std::string& what) const;

  // The name of the device, what it can compute, and the versions that it runs on.
  std::string device() const;

  // What the device's memory still holds, as the end of a sentence.
  std::string free_memory() const;

#define DECLARE(name) decltype(&::name) name = nullptr;
  EDGELOOP_CUDA_FUNCTIONS(DECLARE)
#undef DECLARE

  // Its parameters changed with CUDA 12; the function with flags is the same since it came in 11.4.
  cudaError_t instantiate(cudaGraphExec_t* executable, cudaGraph_t graph) const;

 private:
  std::string device_name() const;
  std::string why_no_device(cudaError_t error) const;

  Library library_;
};

}  // namespace edgeloop_tensorrt

#pragma once

#include <NvInfer.h>
#include <cuda_runtime_api.h>
#include <edgeloop/engine_v1.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cuda.hpp"
#include "network.hpp"
#include "nvinfer.hpp"
#include "settings.hpp"

namespace edgeloop_tensorrt {

// An input or output: pinned memory for the host, and memory of the device.
struct Binding {
  std::int32_t index;  // among the network's
  std::string name;
  DType dtype;
  std::vector<std::int64_t> shape;
  std::size_t bytes;
  std::unique_ptr<void, decltype(&::cudaFreeHost)> host;
  std::unique_ptr<void, decltype(&::cudaFree)> device;
};

// A part of an inference and what it took.
struct Part {
  std::string name;
  std::int64_t time_ns;
};

// One plan, loaded. Members go in the reverse of their order: the graph before the context, the
// context before the memory it works on, everything before the runtime.
class Engine {
 public:
  // Throws Failure.
  explicit Engine(const edgeloop_options_v1& options);

  // Runs the plan once, as the setting `region` says. Where it fails, last_error() says why.
  bool run() noexcept;
  bool upload() noexcept { return copy_inputs() && wait(); }
  bool download() noexcept { return settings_.copies || (copy_outputs() && wait()); }

  // One inference whose stages are timed: those of the device by its own events.
  void time_stages();

  // One inference whose layers TensorRT times; it waits after each, so their sum is not a latency.
  void time_layers();

  void keep(const std::string& words) { error_ = words; }
  const char* last_error() const noexcept { return error_.c_str(); }
  const std::vector<Binding>& bindings(std::int32_t side) const noexcept {
    return side == EDGELOOP_INPUT ? inputs_ : outputs_;
  }
  const std::vector<Part>& parts() const noexcept { return parts_; }
  const char* property(const std::string& key) const noexcept;

 private:
  void load(const std::string& plan, const std::string& path);
  void fix_inputs(const edgeloop_options_v1& options);
  void require_plain(std::int32_t i) const;
  std::vector<std::int64_t> wanted_shape(std::int32_t i, std::vector<std::int64_t> declared,
                                         std::size_t inputs,
                                         const edgeloop_options_v1& options) const;
  void bind();
  void check_memory(cudaError_t error, const char* kind, const std::string& name,
                    std::size_t bytes) const;
  void record_graph();
  void describe_region();

  bool launch() noexcept;
  bool enqueue() noexcept;
  bool copy_inputs() noexcept;
  bool copy_outputs() noexcept;
  bool copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) noexcept;
  bool wait() noexcept;
  bool done(cudaError_t error, const char* call) noexcept;
  bool broken(cudaError_t error, const char* call) noexcept;
  bool refused() noexcept;
  void require(bool done) const;

  Settings settings_;
  Cuda cuda_;
  TensorRt tensorrt_;
  std::string runtime_version_;
  std::string device_;
  std::string region_;
  std::string error_;
  std::vector<Part> parts_;
  std::unique_ptr<nvinfer1::IRuntime> runtime_;
  std::vector<Binding> inputs_;
  std::vector<Binding> outputs_;
  std::unique_ptr<CUstream_st, decltype(&::cudaStreamDestroy)> stream_{nullptr, nullptr};
  std::unique_ptr<Network> network_;
  std::unique_ptr<CUgraphExec_st, decltype(&::cudaGraphExecDestroy)> graph_{nullptr, nullptr};
};

}  // namespace edgeloop_tensorrt

#pragma once

#include <NvInfer.h>
#include <cuda_runtime_api.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

// Tensors by name and enqueueV3 came with 8.5; before there are bindings by number and enqueueV2.
#define EDGELOOP_BY_NAME \
  (NV_TENSORRT_MAJOR > 8 || (NV_TENSORRT_MAJOR == 8 && NV_TENSORRT_MINOR >= 5))

namespace edgeloop_tensorrt {

// A plan with its execution context, the same for both generations of the interface.
class Network {
 public:
  explicit Network(nvinfer1::ICudaEngine* engine) : engine_(engine) {}

  bool create_context() {
    context_.reset(engine_->createExecutionContext());
    return context_ != nullptr;
  }

  void set_profiler(nvinfer1::IProfiler* profiler) { context_->setProfiler(profiler); }

#if EDGELOOP_BY_NAME
  static constexpr const char* kEnqueue = "enqueueV3";

  std::int32_t count() const { return engine_->getNbIOTensors(); }
  const char* name(std::int32_t i) const { return engine_->getIOTensorName(i); }
  bool is_input(std::int32_t i) const {
    return engine_->getTensorIOMode(name(i)) == nvinfer1::TensorIOMode::kINPUT;
  }
  bool on_device(std::int32_t i) const {
    return engine_->getTensorLocation(name(i)) == nvinfer1::TensorLocation::kDEVICE;
  }
  bool in_rows(std::int32_t i) const {
    return engine_->getTensorFormat(name(i)) == nvinfer1::TensorFormat::kLINEAR;
  }
  nvinfer1::DataType type(std::int32_t i) const { return engine_->getTensorDataType(name(i)); }
  nvinfer1::Dims declared(std::int32_t i) const { return engine_->getTensorShape(name(i)); }
  nvinfer1::Dims actual(std::int32_t i) const { return context_->getTensorShape(name(i)); }
  nvinfer1::Dims limit(std::int32_t i, nvinfer1::OptProfileSelector which) const {
    return engine_->getProfileShape(name(i), 0, which);
  }
  bool set_shape(std::int32_t i, const nvinfer1::Dims& dims) {
    return context_->setInputShape(name(i), dims);
  }
  bool set_address(std::int32_t i, void* memory) {
    return context_->setTensorAddress(name(i), memory);
  }
  bool enqueue(cudaStream_t stream) { return context_->enqueueV3(stream); }
  bool batch_is_hidden() const { return false; }
#else
  static constexpr const char* kEnqueue = "enqueueV2";

  std::int32_t count() const {  // every optimisation profile has bindings of its own
    return engine_->getNbBindings() / std::max(1, engine_->getNbOptimizationProfiles());
  }
  const char* name(std::int32_t i) const { return engine_->getBindingName(i); }
  bool is_input(std::int32_t i) const { return engine_->bindingIsInput(i); }
  bool on_device(std::int32_t i) const {
    return engine_->getLocation(i) == nvinfer1::TensorLocation::kDEVICE;
  }
  bool in_rows(std::int32_t i) const {
    return engine_->getBindingFormat(i) == nvinfer1::TensorFormat::kLINEAR;
  }
  nvinfer1::DataType type(std::int32_t i) const { return engine_->getBindingDataType(i); }
  nvinfer1::Dims declared(std::int32_t i) const { return engine_->getBindingDimensions(i); }
  nvinfer1::Dims actual(std::int32_t i) const { return context_->getBindingDimensions(i); }
  nvinfer1::Dims limit(std::int32_t i, nvinfer1::OptProfileSelector which) const {
    return engine_->getProfileDimensions(i, 0, which);
  }
  bool set_shape(std::int32_t i, const nvinfer1::Dims& dims) {
    return context_->setBindingDimensions(i, dims);
  }
  bool set_address(std::int32_t i, void* memory) {
    addresses_.resize(static_cast<std::size_t>(engine_->getNbBindings()));
    addresses_[static_cast<std::size_t>(i)] = memory;
    return true;
  }
  bool enqueue(cudaStream_t stream) {
    return context_->enqueueV2(addresses_.data(), stream, nullptr);
  }
  bool batch_is_hidden() const { return engine_->hasImplicitBatchDimension(); }
#endif

 private:
  std::unique_ptr<nvinfer1::ICudaEngine> engine_;
  std::unique_ptr<nvinfer1::IExecutionContext> context_;  // after the engine: it goes first
#if !EDGELOOP_BY_NAME
  std::vector<void*> addresses_;
#endif
};

}  // namespace edgeloop_tensorrt

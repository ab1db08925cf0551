// What the TensorRT engine uses of NvInfer.h, declared by edgeloop itself, so that its logic can be
// tested where NVIDIA's headers are not. Names, parameters and the split into an interface and a
// virtual implementation follow the documented API; the order of virtual functions does not, so
// nothing that was compiled with this works with a real libnvinfer.
#pragma once

#include <cuda_runtime_api.h>

#include <cstddef>
#include <cstdint>

#include "NvInferVersion.h"

#if NV_TENSORRT_MAJOR >= 10
#define NV_TENSORRT_VERSION \
  (NV_TENSORRT_MAJOR * 10000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH)
#else
#define NV_TENSORRT_VERSION (NV_TENSORRT_MAJOR * 1000 + NV_TENSORRT_MINOR * 100 + NV_TENSORRT_PATCH)
#endif

namespace nvinfer1 {

enum class DataType : std::int32_t { kFLOAT, kHALF, kINT8, kINT32, kBOOL, kUINT8, kINT64 = 8 };
enum class TensorFormat : std::int32_t { kLINEAR, kCHW2 };
enum class TensorLocation : std::int32_t { kDEVICE, kHOST };
enum class TensorIOMode : std::int32_t { kNONE, kINPUT, kOUTPUT };
enum class ExecutionContextAllocationStrategy : std::int32_t { kSTATIC };
enum class OptProfileSelector : std::int32_t { kMIN, kOPT, kMAX };

class Dims {
 public:
  static constexpr std::int32_t MAX_DIMS{8};
  std::int32_t nbDims;
#if NV_TENSORRT_MAJOR >= 10
  std::int64_t d[MAX_DIMS];
#else
  std::int32_t d[MAX_DIMS];
#endif
};

class ILogger {
 public:
  enum class Severity : std::int32_t { kINTERNAL_ERROR, kERROR, kWARNING, kINFO, kVERBOSE };
  virtual void log(Severity severity, const char* words) noexcept = 0;
  virtual ~ILogger() = default;
};

class IProfiler {
 public:
  virtual void reportLayerTime(const char* name, float ms) noexcept = 0;
  virtual ~IProfiler() = default;
};

class IPluginFactory;
class ICudaEngine;
class IExecutionContext;

namespace apiv {

class VRuntime {
 public:
  virtual ~VRuntime() noexcept = default;
#if NV_TENSORRT_MAJOR >= 10
  virtual ICudaEngine* deserializeCudaEngine(const void* blob, std::size_t size) noexcept = 0;
#else
  virtual ICudaEngine* deserializeCudaEngine(const void* blob, std::size_t size,
                                             IPluginFactory* factory) noexcept = 0;
#endif
  virtual void setDLACore(std::int32_t core) noexcept = 0;
  virtual std::int32_t getNbDLACores() const noexcept = 0;
};

class VCudaEngine {
 public:
  virtual ~VCudaEngine() noexcept = default;
#if NV_TENSORRT_MAJOR >= 10
  virtual IExecutionContext* createExecutionContext(
      ExecutionContextAllocationStrategy strategy) noexcept = 0;
#else
  virtual IExecutionContext* createExecutionContext() noexcept = 0;
#endif
#if NV_TENSORRT_MAJOR > 8 || NV_TENSORRT_MINOR >= 5
  virtual std::int32_t getNbIOTensors() const noexcept = 0;
  virtual const char* getIOTensorName(std::int32_t index) const noexcept = 0;
  virtual TensorIOMode getTensorIOMode(const char* name) const noexcept = 0;
  virtual TensorLocation getTensorLocation(const char* name) const noexcept = 0;
  virtual TensorFormat getTensorFormat(const char* name) const noexcept = 0;
  virtual DataType getTensorDataType(const char* name) const noexcept = 0;
  virtual Dims getTensorShape(const char* name) const noexcept = 0;
  virtual Dims getProfileShape(const char* name, std::int32_t profile,
                               OptProfileSelector which) const noexcept = 0;
#else
  virtual std::int32_t getNbBindings() const noexcept = 0;
  virtual std::int32_t getNbOptimizationProfiles() const noexcept = 0;
  virtual const char* getBindingName(std::int32_t index) const noexcept = 0;
  virtual bool bindingIsInput(std::int32_t index) const noexcept = 0;
  virtual TensorLocation getLocation(std::int32_t index) const noexcept = 0;
  virtual TensorFormat getBindingFormat(std::int32_t index) const noexcept = 0;
  virtual DataType getBindingDataType(std::int32_t index) const noexcept = 0;
  virtual Dims getBindingDimensions(std::int32_t index) const noexcept = 0;
  virtual Dims getProfileDimensions(std::int32_t index, std::int32_t profile,
                                    OptProfileSelector which) const noexcept = 0;
  virtual bool hasImplicitBatchDimension() const noexcept = 0;
#endif
};

class VExecutionContext {
 public:
  virtual ~VExecutionContext() noexcept = default;
  virtual void setProfiler(IProfiler* profiler) noexcept = 0;
#if NV_TENSORRT_MAJOR > 8 || NV_TENSORRT_MINOR >= 5
  virtual bool setInputShape(const char* name, const Dims& dims) noexcept = 0;
  virtual Dims getTensorShape(const char* name) const noexcept = 0;
  virtual bool setTensorAddress(const char* name, void* memory) noexcept = 0;
  virtual bool enqueueV3(cudaStream_t stream) noexcept = 0;
#else
  virtual bool setBindingDimensions(std::int32_t index, Dims dims) noexcept = 0;
  virtual Dims getBindingDimensions(std::int32_t index) const noexcept = 0;
  virtual bool enqueueV2(void* const* bindings, cudaStream_t stream,
                         cudaEvent_t* consumed) noexcept = 0;
#endif
};

}  // namespace apiv

class IRuntime {
 public:
  virtual ~IRuntime() noexcept = default;
  ICudaEngine* deserializeCudaEngine(const void* blob, std::size_t size) noexcept {
#if NV_TENSORRT_MAJOR >= 10
    return mImpl->deserializeCudaEngine(blob, size);
#else
    return mImpl->deserializeCudaEngine(blob, size, nullptr);
#endif
  }
  void setDLACore(std::int32_t core) noexcept { mImpl->setDLACore(core); }
  std::int32_t getNbDLACores() const noexcept { return mImpl->getNbDLACores(); }

 protected:
  apiv::VRuntime* mImpl = nullptr;
};

class ICudaEngine {
 public:
  virtual ~ICudaEngine() noexcept = default;
#if NV_TENSORRT_MAJOR >= 10
  IExecutionContext* createExecutionContext() noexcept {
    return mImpl->createExecutionContext(ExecutionContextAllocationStrategy::kSTATIC);
  }
#else
  IExecutionContext* createExecutionContext() noexcept { return mImpl->createExecutionContext(); }
#endif
#if NV_TENSORRT_MAJOR > 8 || NV_TENSORRT_MINOR >= 5
  std::int32_t getNbIOTensors() const noexcept { return mImpl->getNbIOTensors(); }
  const char* getIOTensorName(std::int32_t index) const noexcept {
    return mImpl->getIOTensorName(index);
  }
  TensorIOMode getTensorIOMode(const char* name) const noexcept {
    return mImpl->getTensorIOMode(name);
  }
  TensorLocation getTensorLocation(const char* name) const noexcept {
    return mImpl->getTensorLocation(name);
  }
  TensorFormat getTensorFormat(const char* name) const noexcept {
    return mImpl->getTensorFormat(name);
  }
  DataType getTensorDataType(const char* name) const noexcept {
    return mImpl->getTensorDataType(name);
  }
  Dims getTensorShape(const char* name) const noexcept { return mImpl->getTensorShape(name); }
  Dims getProfileShape(const char* name, std::int32_t profile,
                       OptProfileSelector which) const noexcept {
    return mImpl->getProfileShape(name, profile, which);
  }
#else
  std::int32_t getNbBindings() const noexcept { return mImpl->getNbBindings(); }
  std::int32_t getNbOptimizationProfiles() const noexcept {
    return mImpl->getNbOptimizationProfiles();
  }
  const char* getBindingName(std::int32_t index) const noexcept {
    return mImpl->getBindingName(index);
  }
  bool bindingIsInput(std::int32_t index) const noexcept { return mImpl->bindingIsInput(index); }
  TensorLocation getLocation(std::int32_t index) const noexcept {
    return mImpl->getLocation(index);
  }
  TensorFormat getBindingFormat(std::int32_t index) const noexcept {
    return mImpl->getBindingFormat(index);
  }
  DataType getBindingDataType(std::int32_t index) const noexcept {
    return mImpl->getBindingDataType(index);
  }
  Dims getBindingDimensions(std::int32_t index) const noexcept {
    return mImpl->getBindingDimensions(index);
  }
  Dims getProfileDimensions(std::int32_t index, std::int32_t profile,
                            OptProfileSelector which) const noexcept {
    return mImpl->getProfileDimensions(index, profile, which);
  }
  bool hasImplicitBatchDimension() const noexcept { return mImpl->hasImplicitBatchDimension(); }
#endif

 protected:
  apiv::VCudaEngine* mImpl = nullptr;
};

class IExecutionContext {
 public:
  virtual ~IExecutionContext() noexcept = default;
  void setProfiler(IProfiler* profiler) noexcept { mImpl->setProfiler(profiler); }
#if NV_TENSORRT_MAJOR > 8 || NV_TENSORRT_MINOR >= 5
  bool setInputShape(const char* name, const Dims& dims) noexcept {
    return mImpl->setInputShape(name, dims);
  }
  Dims getTensorShape(const char* name) const noexcept { return mImpl->getTensorShape(name); }
  bool setTensorAddress(const char* name, void* memory) noexcept {
    return mImpl->setTensorAddress(name, memory);
  }
  bool enqueueV3(cudaStream_t stream) noexcept { return mImpl->enqueueV3(stream); }
#else
  bool setBindingDimensions(std::int32_t index, Dims dims) noexcept {
    return mImpl->setBindingDimensions(index, dims);
  }
  Dims getBindingDimensions(std::int32_t index) const noexcept {
    return mImpl->getBindingDimensions(index);
  }
  bool enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t* consumed) noexcept {
    return mImpl->enqueueV2(bindings, stream, consumed);
  }
#endif

 protected:
  apiv::VExecutionContext* mImpl = nullptr;
};

}  // namespace nvinfer1

extern "C" void* createInferRuntime_INTERNAL(void* logger, std::int32_t version) noexcept;
extern "C" std::int32_t getInferLibVersion() noexcept;

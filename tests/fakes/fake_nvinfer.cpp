// A libnvinfer of the calls that edgeloop makes. A plan is the head of a real one, then words:
//
//   gpu NAME | takes MICROSECONDS | input NAME DTYPE SHAPE [LEAST MOST] | output NAME DTYPE SHAPE |
//   on-host NAME | in-vectors NAME | implicit-batch | end
//
// -1 in a shape is open; in an output it is the first input's dimension at the same place, or, as
// -2, decided by the data. Output k is a copy of input k on the device, made by the CUDA runtime
// that EDGELOOP_FAKE_CUDART names (which may be a real one), followed by so many microseconds.
//
// EDGELOOP_FAKE_NVINFER_FAIL_AT=N makes the N-th call that may fail do so, counted from the making
// of a runtime; EDGELOOP_FAKE_NVINFER_VERSION is what the library says it is, as a number.
//
// With EDGELOOP_STUBS it is built over NVIDIA's own headers, where NvInferStubs.h (made by
// tests/tensorrt_headers.py) has a body for every virtual function.

#include <NvInfer.h>
#include <dlfcn.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "acts.hpp"

#ifdef EDGELOOP_STUBS
#include "NvInferStubs.h"
#else
namespace stubs {
using VRuntime = nvinfer1::apiv::VRuntime;
using VCudaEngine = nvinfer1::apiv::VCudaEngine;
using VExecutionContext = nvinfer1::apiv::VExecutionContext;
}  // namespace stubs
#endif

#define EXPORT extern "C" __attribute__((visibility("default")))
#define BY_NAME (NV_TENSORRT_MAJOR > 8 || (NV_TENSORRT_MAJOR == 8 && NV_TENSORRT_MINOR >= 5))

using nvinfer1::Dims;
using Severity = nvinfer1::ILogger::Severity;

namespace {

std::atomic<int> live_objects{0};
std::atomic<unsigned long> fallible{0};
std::atomic<nvinfer1::ILogger*> logger{nullptr};

struct Counted {
  Counted() { ++live_objects; }
  Counted(const Counted&) { ++live_objects; }
  ~Counted() { --live_objects; }
};

bool fails() {
  const std::string fail_at = fakes::variable("EDGELOOP_FAKE_NVINFER_FAIL_AT");
  if (++fallible != (fail_at.empty() ? 0 : std::stoul(fail_at))) return false;
  logger.load()->log(Severity::kERROR, "the fake failed");
  return true;
}

std::int32_t library_version() {
  const std::string text = fakes::variable("EDGELOOP_FAKE_NVINFER_VERSION");
  return text.empty() ? static_cast<std::int32_t>(NV_TENSORRT_VERSION) : std::stoi(text);
}

// The calls of the CUDA runtime that put work on a stream.
struct CudaRuntime {
  using Copy = int (*)(void*, const void*, std::size_t, int, cudaStream_t);
  using Call = int (*)(cudaStream_t, void (*)(void*), void*);
  using Wait = int (*)(cudaStream_t);

  CudaRuntime() {
    void* library = dlopen(fakes::variable("EDGELOOP_FAKE_CUDART").c_str(), RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) std::abort();
    copy = reinterpret_cast<Copy>(dlsym(library, "cudaMemcpyAsync"));
    call = reinterpret_cast<Call>(dlsym(library, "cudaLaunchHostFunc"));
    wait = reinterpret_cast<Wait>(dlsym(library, "cudaStreamSynchronize"));
  }

  Copy copy;
  Call call;
  Wait wait;
};

const CudaRuntime& cuda() {
  static const CudaRuntime runtime;
  return runtime;
}

struct Tensor {
  std::string name;
  std::int32_t dtype = 0;
  std::vector<std::int64_t> shape, least, most;
  bool input = false, on_host = false, in_vectors = false;
};

struct Plan {
  std::string gpu;
  std::int64_t takes_us = 0;
  bool implicit_batch = false, whole = false;
  std::vector<Tensor> tensors;

  std::size_t index(const std::string& name) const {
    std::size_t i = 0;
    while (i < tensors.size() && tensors[i].name != name) ++i;
    return i;
  }
};

std::vector<std::int64_t> shape(const std::string& text) {
  std::vector<std::int64_t> dims;
  std::istringstream words(text);
  for (std::string dim; std::getline(words, dim, 'x');) dims.push_back(std::stoll(dim));
  return dims;
}

std::int32_t dtype(const std::string& name) {
  const char* const names[] = {"float32", "float16", "int8", "int32", "bool",
                               "uint8",   "",        "",     "int64"};
  for (std::int32_t i = 0; i < 9; ++i) {
    if (name == names[i]) return i;
  }
  return 6;
}

Plan parsed(const std::string& text) {
  Plan plan;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string key, name, type, dims, least, most;
    words >> key;
    if (key == "gpu") std::getline(words >> std::ws, plan.gpu);
    if (key == "takes") words >> plan.takes_us;
    if (key == "implicit-batch") plan.implicit_batch = true;
    if (key == "end") plan.whole = true;
    if (key == "on-host" || key == "in-vectors") {
      words >> name;
      Tensor& tensor = plan.tensors.at(plan.index(name));
      (key == "on-host" ? tensor.on_host : tensor.in_vectors) = true;
    }
    if (key == "input" || key == "output") {
      words >> name >> type >> dims >> least >> most;
      Tensor tensor{name, dtype(type), shape(dims), shape(least), shape(most)};
      tensor.input = key == "input";
      plan.tensors.push_back(tensor);
    }
  }
  return plan;
}

Dims dims_of(const std::vector<std::int64_t>& shape) {
  Dims dims{};
  dims.nbDims = static_cast<std::int32_t>(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    dims.d[i] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(shape[i]);
  }
  return dims;
}

std::size_t bytes_of(const Tensor& tensor, const std::vector<std::int64_t>& shape) {
  const std::size_t sizes[] = {4, 2, 1, 4, 1, 1, 1, 2, 8};
  std::size_t bytes = sizes[tensor.dtype];
  for (const std::int64_t dim : shape) bytes *= static_cast<std::size_t>(dim);
  return bytes;
}

class Context final : public nvinfer1::IExecutionContext, public stubs::VExecutionContext, Counted {
 public:
  explicit Context(const Plan& plan) : plan_(plan), addresses_(plan.tensors.size()) {
    mImpl = this;
    for (const Tensor& tensor : plan.tensors) shapes_.push_back(tensor.shape);
  }

  void setProfiler(nvinfer1::IProfiler* profiler) noexcept override { profiler_ = profiler; }

#if BY_NAME
  bool setInputShape(const char* name, const Dims& dims) noexcept override {
    return fix(plan_.index(name), dims);
  }
  Dims getTensorShape(const char* name) const noexcept override {
    return dims_of(actual(plan_.index(name)));
  }
  bool setTensorAddress(const char* name, void* memory) noexcept override {
    addresses_[plan_.index(name)] = memory;
    return !fails();
  }
  bool enqueueV3(cudaStream_t stream) noexcept override { return enqueue(stream); }
#else
  bool setBindingDimensions(std::int32_t index, Dims dims) noexcept override {
    return fix(static_cast<std::size_t>(index), dims);
  }
  Dims getBindingDimensions(std::int32_t index) const noexcept override {
    return dims_of(actual(static_cast<std::size_t>(index)));
  }
  bool enqueueV2(void* const* bindings, cudaStream_t stream, cudaEvent_t*) noexcept override {
    addresses_.assign(bindings, bindings + addresses_.size());
    return enqueue(stream);
  }
#endif

 private:
  bool fix(std::size_t index, const Dims& dims) {
    if (fails()) return false;
    const Tensor& tensor = plan_.tensors[index];
    bool fits = static_cast<std::size_t>(dims.nbDims) == tensor.shape.size();
    for (std::size_t i = 0; fits && i < tensor.shape.size(); ++i) {
      const bool open = tensor.shape[i] < 0;
      fits = open ? dims.d[i] >= tensor.least[i] && dims.d[i] <= tensor.most[i]
                  : dims.d[i] == tensor.shape[i];
    }
    if (!fits) {
      logger.load()->log(Severity::kERROR, "the dimensions are outside of the profile");
      return false;
    }
    shapes_[index].assign(dims.d, dims.d + dims.nbDims);
    return true;
  }

  std::vector<std::int64_t> actual(std::size_t index) const {
    std::vector<std::int64_t> shape = shapes_[index];
    const std::size_t input = first_input();
    for (std::size_t i = 0; i < shape.size(); ++i) {
      if (shape[i] == -1) shape[i] = shapes_[input][i];
      if (shape[i] == -2) shape[i] = -1;
    }
    return shape;
  }

  std::size_t first_input() const {
    std::size_t i = 0;
    while (!plan_.tensors[i].input) ++i;
    return i;
  }

  bool enqueue(cudaStream_t stream) {
    if (fails()) return false;
    std::vector<std::size_t> inputs, outputs;
    for (std::size_t i = 0; i < plan_.tensors.size(); ++i) {
      (plan_.tensors[i].input ? inputs : outputs).push_back(i);
    }
    for (std::size_t k = 0; k < outputs.size(); ++k) {
      const std::size_t to = outputs[k], from = inputs[std::min(k, inputs.size() - 1)];
      const std::size_t bytes = std::min(bytes_of(plan_.tensors[to], actual(to)),
                                         bytes_of(plan_.tensors[from], actual(from)));
      if (cuda().copy(addresses_[to], addresses_[from], bytes, cudaMemcpyDeviceToDevice, stream)) {
        logger.load()->log(Severity::kERROR, "the device does not copy");
        return false;
      }
    }
    cuda().call(stream, &Context::work, const_cast<std::int64_t*>(&plan_.takes_us));
    if (profiler_ != nullptr) report(stream, outputs);
    return true;
  }

  static void work(void* takes_us) {
    std::this_thread::sleep_for(std::chrono::microseconds(*static_cast<std::int64_t*>(takes_us)));
  }

  void report(cudaStream_t stream, const std::vector<std::size_t>& outputs) {
    cuda().wait(stream);
    for (const std::size_t output : outputs) {
      profiler_->reportLayerTime(("copy to " + plan_.tensors[output].name).c_str(), 0.5F);
    }
    profiler_->reportLayerTime("work", static_cast<float>(plan_.takes_us) / 1000);
  }

  const Plan plan_;
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<void*> addresses_;
  nvinfer1::IProfiler* profiler_ = nullptr;
};

class Engine final : public nvinfer1::ICudaEngine, public stubs::VCudaEngine, Counted {
 public:
  explicit Engine(Plan plan) : plan_(std::move(plan)) { mImpl = this; }

#if NV_TENSORRT_MAJOR >= 10
  nvinfer1::IExecutionContext* createExecutionContext(
      nvinfer1::ExecutionContextAllocationStrategy) noexcept override {
#else
  nvinfer1::IExecutionContext* createExecutionContext() noexcept override {
#endif
    return fails() ? nullptr : new Context(plan_);
  }

#if BY_NAME
  std::int32_t getNbIOTensors() const noexcept override { return count(); }
  const char* getIOTensorName(std::int32_t index) const noexcept override {
    return plan_.tensors[static_cast<std::size_t>(index)].name.c_str();
  }
  nvinfer1::TensorIOMode getTensorIOMode(const char* name) const noexcept override {
    return named(name).input ? nvinfer1::TensorIOMode::kINPUT : nvinfer1::TensorIOMode::kOUTPUT;
  }
  nvinfer1::TensorLocation getTensorLocation(const char* name) const noexcept override {
    return location(named(name));
  }
  nvinfer1::TensorFormat getTensorFormat(const char* name) const noexcept override {
    return format(named(name));
  }
  nvinfer1::DataType getTensorDataType(const char* name) const noexcept override {
    return static_cast<nvinfer1::DataType>(named(name).dtype);
  }
  Dims getTensorShape(const char* name) const noexcept override { return declared(named(name)); }
  Dims getProfileShape(const char* name, std::int32_t,
                       nvinfer1::OptProfileSelector which) const noexcept override {
    return limit(named(name), which);
  }
#else
  std::int32_t getNbBindings() const noexcept override { return count(); }
  std::int32_t getNbOptimizationProfiles() const noexcept override { return 1; }
  const char* getBindingName(std::int32_t index) const noexcept override {
    return numbered(index).name.c_str();
  }
  bool bindingIsInput(std::int32_t index) const noexcept override { return numbered(index).input; }
  nvinfer1::TensorLocation getLocation(std::int32_t index) const noexcept override {
    return location(numbered(index));
  }
  nvinfer1::TensorFormat getBindingFormat(std::int32_t index) const noexcept override {
    return format(numbered(index));
  }
  nvinfer1::DataType getBindingDataType(std::int32_t index) const noexcept override {
    return static_cast<nvinfer1::DataType>(numbered(index).dtype);
  }
  Dims getBindingDimensions(std::int32_t index) const noexcept override {
    return declared(numbered(index));
  }
  Dims getProfileDimensions(std::int32_t index, std::int32_t,
                            nvinfer1::OptProfileSelector which) const noexcept override {
    return limit(numbered(index), which);
  }
  bool hasImplicitBatchDimension() const noexcept override { return plan_.implicit_batch; }
#endif

 private:
  std::int32_t count() const { return static_cast<std::int32_t>(plan_.tensors.size()); }
  const Tensor& named(const char* name) const { return plan_.tensors[plan_.index(name)]; }
  const Tensor& numbered(std::int32_t index) const {
    return plan_.tensors[static_cast<std::size_t>(index)];
  }
  static nvinfer1::TensorLocation location(const Tensor& tensor) {
    return tensor.on_host ? nvinfer1::TensorLocation::kHOST : nvinfer1::TensorLocation::kDEVICE;
  }
  static nvinfer1::TensorFormat format(const Tensor& tensor) {
    return tensor.in_vectors ? nvinfer1::TensorFormat::kCHW2 : nvinfer1::TensorFormat::kLINEAR;
  }
  static Dims declared(const Tensor& tensor) {
    std::vector<std::int64_t> shape = tensor.shape;
    for (std::int64_t& dim : shape) dim = std::max<std::int64_t>(dim, -1);
    return dims_of(shape);
  }
  static Dims limit(const Tensor& tensor, nvinfer1::OptProfileSelector which) {
    return dims_of(which == nvinfer1::OptProfileSelector::kMIN ? tensor.least : tensor.most);
  }

  const Plan plan_;
};

class Runtime final : public nvinfer1::IRuntime, public stubs::VRuntime, Counted {
 public:
  Runtime() { mImpl = this; }

#if NV_TENSORRT_MAJOR >= 10
  nvinfer1::ICudaEngine* deserializeCudaEngine(const void* blob,
                                               std::size_t size) noexcept override{
#else
  nvinfer1::ICudaEngine* deserializeCudaEngine(const void* blob, std::size_t size,
                                               nvinfer1::IPluginFactory*) noexcept override {
#endif
      return fails() ? nullptr : loaded(std::string(static_cast<const char*>(blob), size));
} void setDLACore(std::int32_t) noexcept override {
}
std::int32_t getNbDLACores() const noexcept override { return 2; }

private:
static nvinfer1::ICudaEngine* loaded(const std::string& bytes) {
  constexpr std::size_t kHead = 28;
  const bool same = bytes.size() > kHead && bytes[24] == NV_TENSORRT_MAJOR &&
                    bytes[25] == NV_TENSORRT_MINOR && bytes[26] == NV_TENSORRT_PATCH;
  if (!same) {
    logger.load()->log(Severity::kERROR,
                       "the plan is not compatible with this version of TensorRT");
    return nullptr;
  }
  Plan plan = parsed(bytes.substr(kHead));
  if (plan.gpu != "Fake Orin") {
    logger.load()->log(Severity::kERROR,
                       "the plan is from an incompatible device: compute 5.3, not 8.7");
    return nullptr;
  }
  if (!plan.whole) {
    logger.load()->log(Severity::kINTERNAL_ERROR, "the plan is damaged");
    return nullptr;
  }
  logger.load()->log(Severity::kWARNING, "the fake's warning");
  return new Engine(std::move(plan));
}
};  // namespace

}  // namespace

EXPORT int fake_live_objects() { return live_objects; }

EXPORT std::int32_t getInferLibVersion() noexcept { return library_version(); }

EXPORT void* createInferRuntime_INTERNAL(void* given, std::int32_t) noexcept {
  logger = static_cast<nvinfer1::ILogger*>(given);
  fallible = 0;
  return fails() ? nullptr : static_cast<nvinfer1::IRuntime*>(new Runtime);
}

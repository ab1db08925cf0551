// TensorRT 8.2 to 11 behind edgeloop's C interface. This one file is all there is to build on a
// board: C++14, the headers of the TensorRT that is installed there, engine_v1.h and our own
// declarations of the CUDA runtime. `edgeloop setup tensorrt` compiles it.
//
// libnvinfer and libcudart are loaded when a model is: their paths come as settings, or the
// loader's. Settings: region, cuda-graph, dla-core, plugins, nvinfer, cudart.

#include <NvInfer.h>
#include <dlfcn.h>
#include <edgeloop/engine_v1.h>
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

// Tensors by name and enqueueV3 came with 8.5; before there are bindings by number and enqueueV2.
#define EDGELOOP_BY_NAME \
  (NV_TENSORRT_MAJOR > 8 || (NV_TENSORRT_MAJOR == 8 && NV_TENSORRT_MINOR >= 5))

namespace {

constexpr std::size_t kNoBytes = 1;  // what is allocated for a tensor without elements
constexpr double kNsPerMs = 1e6;

// What ends a create() or a run(): a code of engine_v1.h and one sentence. Never leaves this file.
struct Failure {
  std::int32_t code;
  std::string words;
};

std::string version_text(std::int32_t major, std::int32_t minor, std::int32_t patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::string headers_version() {
  return version_text(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH);
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t dim : shape) {
    text += (text.empty() ? "" : "x") + (dim < 0 ? "?" : std::to_string(dim));
  }
  return text.empty() ? "scalar" : text;
}

// A library, open for the life of the process: CUDA and TensorRT leave threads behind.
class Library {
 public:
  Library(const std::string& path, const char* setting) : path_(path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) return;
    const char* reason = dlerror();
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                  std::string("cannot load the library ") + path + ": " +
                      (reason == nullptr ? "no reason given" : reason) +
                      "; install it or name it with --set " + setting + "=PATH"};
  }

  template <class Function>
  Function find(const char* name) const noexcept {
    return reinterpret_cast<Function>(dlsym(handle_, name));
  }

  template <class Function>
  Function symbol(const char* name) const {
    const auto found = find<Function>(name);
    if (found != nullptr) return found;
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE, "the library " + path_ + " has no symbol " + name +
                                                    "; it is another library, or "
                                                    "a version that edgeloop does not know"};
  }

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  void* handle_;
};

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
  explicit Cuda(const std::string& path) : library_(path, "cudart") {
#define BIND(name) name = library_.symbol<decltype(&::name)>(#name);
    EDGELOOP_CUDA_FUNCTIONS(BIND)
#undef BIND
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    if (error == cudaSuccess && count > 0) return;
    cudaGetLastError();  // an error that was told must not turn up again
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE, why_no_device(error)};
  }

  void check(cudaError_t error, const std::string& what) const {
    if (error == cudaSuccess) return;
    cudaGetLastError();
    throw Failure{EDGELOOP_ERROR_RUNTIME, failed(error, what)};
  }

  std::string failed(cudaError_t error, const std::string& what) const {
    return what + " failed: " + cudaGetErrorName(error) + " (" + cudaGetErrorString(error) + ")";
  }

  // The name of the device, what it can compute, and the versions that it runs on.
  std::string device() const {
    int major = 0;
    int minor = 0;
    int runtime = 0;
    int driver = 0;
    check(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0), "asking the GPU");
    check(cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, 0), "asking the GPU");
    check(cudaRuntimeGetVersion(&runtime), "asking for the version of the CUDA runtime");
    check(cudaDriverGetVersion(&driver), "asking for the version of the driver");
    return device_name() + " (compute capability " + std::to_string(major) + "." +
           std::to_string(minor) + "), CUDA runtime " + cuda_version(runtime) +
           ", driver for CUDA " + cuda_version(driver);
  }

#define DECLARE(name) decltype(&::name) name = nullptr;
  EDGELOOP_CUDA_FUNCTIONS(DECLARE)
#undef DECLARE

  // Its parameters changed with CUDA 12; the function with flags is the same since it came in 11.4.
  cudaError_t instantiate(cudaGraphExec_t* executable, cudaGraph_t graph) const {
    using WithFlags = cudaError_t (*)(cudaGraphExec_t*, cudaGraph_t, unsigned long long);
    using Older = cudaError_t (*)(cudaGraphExec_t*, cudaGraph_t, void*, char*, std::size_t);
    const auto with_flags = library_.find<WithFlags>("cudaGraphInstantiateWithFlags");
    if (with_flags != nullptr) return with_flags(executable, graph, 0);
    return library_.symbol<Older>("cudaGraphInstantiate")(executable, graph, nullptr, nullptr, 0);
  }

 private:
  static std::string cuda_version(int number) {
    return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
  }

  // The struct grows with the versions, but always begins with the name.
  std::string device_name() const {
    using Properties = int (*)(void*, int);
    auto ask = library_.find<Properties>("cudaGetDeviceProperties_v2");
    if (ask == nullptr) ask = library_.symbol<Properties>("cudaGetDeviceProperties");
    alignas(16) char properties[16384] = "";
    if (ask(properties, 0) != cudaSuccess) return "a GPU that does not tell its name";
    return std::string(properties, strnlen(properties, 256));
  }

  std::string why_no_device(cudaError_t error) const {
    int runtime = 0;
    cudaRuntimeGetVersion(&runtime);
    const std::string tail =
        std::string(" (") + cudaGetErrorName(error) + " from " + library_.path() + ")";
    if (error == cudaErrorInsufficientDriver) {
      return "no NVIDIA driver is here, or it is too old for CUDA runtime " +
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

  Library library_;
};

// What TensorRT says. It wants one logger for the process, but several models may load at once:
// errors are kept for the thread that caused them. Warnings go to stderr, which edgeloop keeps.
class Logger final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* words) noexcept override {
    if (severity > Severity::kWARNING) return;
    std::fprintf(stderr, "TensorRT: %s\n", words);
    if (severity == Severity::kWARNING) return;
    try {
      if (!said().empty()) said() += "; ";
      said() += words;
    } catch (const std::bad_alloc&) {
    }
  }

  // What was said since the last time.
  static std::string taken() {
    std::string words;
    words.swap(said());
    return words.empty() ? "TensorRT gives no reason" : words;
  }

  static void forget() noexcept { said().clear(); }

 private:
  static std::string& said() noexcept {
    thread_local std::string words;
    return words;
  }
};

// Never destroyed: TensorRT may speak until the process ends.
Logger& logger() {
  static Logger* const logger = new Logger;
  return *logger;
}

// libnvinfer, of the version whose headers this file was compiled against.
class TensorRt {
 public:
  explicit TensorRt(const std::string& path) : library_(path, "nvinfer") {
    number_ = library_.symbol<decltype(&::getInferLibVersion)>("getInferLibVersion")();
    if (number_ / kPatch == NV_TENSORRT_VERSION / kPatch) return;
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                  "this engine was built for TensorRT " + headers_version() + ", but " +
                      library_.path() + " is TensorRT " + version() +
                      "; build it again with 'edgeloop setup tensorrt'"};
  }

  // Newer versions leave two digits for the minor number, 8.x left one: 100300 and 8601.
  std::string version() const {
    const std::int32_t major = number_ >= 8 * kMajorNew ? kMajorNew : kMajorOld;
    return version_text(number_ / major, number_ % major / kPatch, number_ % kPatch);
  }

  std::unique_ptr<nvinfer1::IRuntime> runtime() const {
    const auto create =
        library_.symbol<decltype(&::createInferRuntime_INTERNAL)>("createInferRuntime_INTERNAL");
    Logger::forget();
    std::unique_ptr<nvinfer1::IRuntime> runtime(
        static_cast<nvinfer1::IRuntime*>(create(&logger(), NV_TENSORRT_VERSION)));
    if (runtime == nullptr) {
      throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                    "TensorRT " + version() + " cannot start: " + Logger::taken()};
    }
    return runtime;
  }

 private:
  static constexpr std::int32_t kPatch = 100;
  static constexpr std::int32_t kMajorOld = 1000;
  static constexpr std::int32_t kMajorNew = 10000;

  Library library_;
  std::int32_t number_;
};

struct DType {
  std::int32_t code;  // of engine_v1.h; 0: it has no such type
  std::size_t bytes;
  const char* name;
};

DType dtype_of(nvinfer1::DataType type) {
  switch (static_cast<std::int32_t>(type)) {  // by number: older headers lack the later names
    case 0:
      return {EDGELOOP_FLOAT32, 4, "float32"};
    case 1:
      return {0, 2, "float16"};
    case 2:
      return {EDGELOOP_INT8, 1, "int8"};
    case 3:
      return {EDGELOOP_INT32, 4, "int32"};
    case 4:
      return {EDGELOOP_BOOL, 1, "bool"};
    case 5:
      return {EDGELOOP_UINT8, 1, "uint8"};
    case 7:
      return {0, 2, "bfloat16"};
    case 8:
      return {EDGELOOP_INT64, 8, "int64"};
    default:
      return {0, 0, "a type of less than 16 bits"};
  }
}

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

std::vector<std::int64_t> shape_of(const nvinfer1::Dims& dims) {
  return std::vector<std::int64_t>(dims.d, dims.d + std::max(0, dims.nbDims));
}

nvinfer1::Dims dims_of(const std::vector<std::int64_t>& shape) {
  nvinfer1::Dims dims{};
  dims.nbDims = static_cast<std::int32_t>(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    dims.d[i] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(shape[i]);
  }
  return dims;
}

// The settings, checked.
struct Settings {
  std::string nvinfer = "libnvinfer.so." + std::to_string(NV_TENSORRT_MAJOR);
  std::string cudart = "libcudart.so";
  std::string plugins;
  bool copies = false;
  bool graph = false;
  std::int32_t dla_core = -1;

  explicit Settings(const edgeloop_options_v1& options) {
    for (std::size_t i = 0; i < options.setting_count; ++i) {
      take(options.settings[i].key, options.settings[i].value);
    }
  }

 private:
  void take(const std::string& key, const std::string& value) {
    if (key == "nvinfer") {
      nvinfer = value;
    } else if (key == "cudart") {
      cudart = value;
    } else if (key == "plugins") {
      plugins = value;
    } else if (key == "region") {
      copies = one_of(key, value, "enqueue", "copies");
    } else if (key == "cuda-graph") {
      graph = one_of(key, value, "off", "on");
    } else if (key == "dla-core") {
      if (value.size() != 1 || value[0] < '0' || value[0] > '9') {
        throw Failure{EDGELOOP_ERROR_USAGE, "dla-core=" + value + " is no number of a DLA core"};
      }
      dla_core = value[0] - '0';
    } else {
      throw Failure{EDGELOOP_ERROR_USAGE, "there is no setting '" + key +
                                              "'; known: region, cuda-graph, dla-core, "
                                              "plugins, nvinfer, cudart"};
    }
  }

  // False for the first of two values, true for the second.
  static bool one_of(const std::string& key, const std::string& value, const char* first,
                     const char* second) {
    if (value == first || value == second) return value == second;
    throw Failure{EDGELOOP_ERROR_USAGE,
                  key + "=" + value + " is neither " + first + " nor " + second};
  }
};

std::string plan_version(const std::string& plan) {
  // As trtexec reads it: a layout number, and where that is 0, the version at byte 24.
  if (plan.size() < 28 ||
      std::any_of(plan.begin() + 4, plan.begin() + 8, [](char byte) { return byte != 0; })) {
    return "";
  }
  const auto byte = [&plan](std::size_t at) { return static_cast<unsigned char>(plan[at]); };
  return version_text(byte(24), byte(25), byte(26));
}

std::string read_plan(const char* path) {
  if (path == nullptr) throw Failure{EDGELOOP_ERROR_MODEL, "there is no plan; name its file"};
  std::ifstream file(path, std::ios::binary);
  std::string plan{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    throw Failure{EDGELOOP_ERROR_MODEL, std::string(path) + " cannot be read; check the path"};
  }
  if (plan.compare(0, 4, "ftrt") != 0) {
    throw Failure{EDGELOOP_ERROR_MODEL, std::string(path) +
                                            " is no TensorRT plan; make one with 'edgeloop convert "
                                            "MODEL.onnx --to tensorrt'"};
  }
  return plan;
}

// Plugins for layers that TensorRT itself does not have, registered for the whole process.
void load_plugins(const std::string& path) {
  const Library library(path, "plugins");
  const auto initialise = library.find<bool (*)(void*, const char*)>("initLibNvInferPlugins");
  if (initialise == nullptr || initialise(&logger(), "")) return;
  throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                "the plugins in " + path + " cannot be registered: " + Logger::taken()};
}

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

class LayerTimes final : public nvinfer1::IProfiler {
 public:
  explicit LayerTimes(std::vector<Part>& parts) : parts_(parts) {}
  void reportLayerTime(const char* name, float ms) noexcept override {
    try {
      parts_.push_back({name, static_cast<std::int64_t>(static_cast<double>(ms) * kNsPerMs)});
    } catch (const std::bad_alloc&) {
    }
  }

 private:
  std::vector<Part>& parts_;
};

std::int64_t host_clock_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000000000 + now.tv_nsec;
}

}  // namespace

// One plan, loaded. Members go in the reverse of their order: the graph before the context, the
// context before the memory it works on, everything before the runtime.
struct edgeloop_engine {
 public:
  explicit edgeloop_engine(const edgeloop_options_v1& options)
      : settings_(options), cuda_(settings_.cudart), tensorrt_(settings_.nvinfer) {
    runtime_version_ = tensorrt_.version();
    device_ = cuda_.device();
    if (!settings_.plugins.empty()) load_plugins(settings_.plugins);
    load(read_plan(options.model), options.model);
    cudaStream_t stream = nullptr;
    cuda_.check(cuda_.cudaStreamCreate(&stream), "making a stream");
    stream_ = {stream, cuda_.cudaStreamDestroy};
    fix_inputs(options);
    bind();
    if (settings_.graph) record_graph();
    describe_region();
  }

  std::int32_t run() noexcept {
    if (settings_.copies && !copy_inputs()) return EDGELOOP_ERROR_RUNTIME;
    if (!launch()) return EDGELOOP_ERROR_RUNTIME;
    if (settings_.copies && !copy_outputs()) return EDGELOOP_ERROR_RUNTIME;
    return wait() ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
  }

  bool upload() noexcept { return copy_inputs() && wait(); }
  bool download() noexcept { return settings_.copies || (copy_outputs() && wait()); }

  // One inference whose stages are timed: those of the device by its own events.
  void time_stages() {
    constexpr std::size_t kStamps = 4;
    std::vector<std::unique_ptr<CUevent_st, decltype(&::cudaEventDestroy)>> events;
    for (std::size_t i = 0; i < kStamps; ++i) {
      cudaEvent_t event = nullptr;
      cuda_.check(cuda_.cudaEventCreate(&event), "making an event");
      events.emplace_back(event, cuda_.cudaEventDestroy);
    }
    const auto stamp = [&](std::size_t i) {
      cuda_.check(cuda_.cudaEventRecord(events[i].get(), stream_.get()), "recording an event");
    };
    stamp(0);
    require(copy_inputs());
    stamp(1);
    const std::int64_t before_ns = host_clock_ns();
    require(launch());
    const std::int64_t enqueue_ns = host_clock_ns() - before_ns;
    stamp(2);
    require(copy_outputs());
    stamp(3);
    require(wait());
    parts_.clear();
    const char* const names[] = {"host to device", "compute", "device to host"};
    for (std::size_t i = 0; i + 1 < kStamps; ++i) {
      float ms = 0;
      cuda_.check(cuda_.cudaEventElapsedTime(&ms, events[i].get(), events[i + 1].get()),
                  "reading an event");
      parts_.push_back({names[i], static_cast<std::int64_t>(static_cast<double>(ms) * kNsPerMs)});
    }
    parts_.push_back({"enqueue on the host", enqueue_ns});
  }

  // One inference whose layers TensorRT times; it waits after each, so their sum is no latency.
  void time_layers() {
    std::vector<Part> parts;
    LayerTimes times(parts);
    network_->set_profiler(&times);
    const bool ran = enqueue() && wait();
    network_->set_profiler(nullptr);
    require(ran);
    parts_.swap(parts);
  }

  void keep(const std::string& words) { error_ = words; }
  const char* last_error() const noexcept { return error_.c_str(); }
  const std::vector<Binding>& bindings(std::int32_t side) const noexcept {
    return side == EDGELOOP_INPUT ? inputs_ : outputs_;
  }
  const std::vector<Part>& parts() const noexcept { return parts_; }

  const char* property(const std::string& key) const noexcept {
    if (key == "runtime-version") return runtime_version_.c_str();
    if (key == "timed-region") return region_.c_str();
    if (key == "device") return device_.c_str();
    return nullptr;
  }

 private:
  void load(const std::string& plan, const std::string& path) {
    runtime_ = tensorrt_.runtime();
    if (settings_.dla_core >= 0) {
      const std::int32_t cores = runtime_->getNbDLACores();
      if (settings_.dla_core >= cores) {
        throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                      "there is no DLA core " + std::to_string(settings_.dla_core) +
                          ": this device has " + std::to_string(cores)};
      }
      runtime_->setDLACore(settings_.dla_core);
    }
    Logger::forget();
    nvinfer1::ICudaEngine* engine = runtime_->deserializeCudaEngine(plan.data(), plan.size());
    if (engine == nullptr) {
      const std::string maker = plan_version(plan);
      throw Failure{
          EDGELOOP_ERROR_MODEL,
          path + " cannot be loaded: TensorRT " + (maker.empty() ? "?" : maker) +
              " made it, this is TensorRT " + runtime_version_ + " on " + device_ +
              ", and a plan runs where it was made; build it again here (TensorRT says: " +
              Logger::taken() + ")"};
    }
    network_ = std::make_unique<Network>(engine);
    if (network_->batch_is_hidden()) {
      throw Failure{EDGELOOP_ERROR_MODEL,
                    path +
                        " has an implicit batch dimension, which TensorRT gave up; build it "
                        "again from ONNX"};
    }
    Logger::forget();
    if (!network_->create_context()) {
      throw Failure{EDGELOOP_ERROR_RUNTIME,
                    "no execution context can be made: " + Logger::taken() + free_memory()};
    }
  }

  void fix_inputs(const edgeloop_options_v1& options) {
    std::vector<std::int32_t> inputs;
    for (std::int32_t i = 0; i < network_->count(); ++i) {
      require_plain(i);
      if (network_->is_input(i)) inputs.push_back(i);
    }
    for (const std::int32_t i : inputs) {
      const std::vector<std::int64_t> declared = shape_of(network_->declared(i));
      const std::vector<std::int64_t> wanted = wanted_shape(i, declared, inputs.size(), options);
      Logger::forget();
      if (network_->set_shape(i, dims_of(wanted))) continue;
      std::string reach = "the plan has " + shape_text(declared);
      if (std::count(declared.begin(), declared.end(), -1) > 0) {
        using nvinfer1::OptProfileSelector;
        reach += " from " + shape_text(shape_of(network_->limit(i, OptProfileSelector::kMIN))) +
                 " to " + shape_text(shape_of(network_->limit(i, OptProfileSelector::kMAX)));
      }
      throw Failure{EDGELOOP_ERROR_USAGE, "input '" + std::string(network_->name(i)) +
                                              "' cannot be " + shape_text(wanted) + ": " + reach +
                                              " (TensorRT says: " + Logger::taken() + ")"};
    }
  }

  void require_plain(std::int32_t i) const {
    const std::string which = "'" + std::string(network_->name(i)) + "'";
    const DType dtype = dtype_of(network_->type(i));
    if (dtype.code == 0) {
      throw Failure{EDGELOOP_ERROR_MODEL, which + " is " + dtype.name +
                                              ", which NumPy programs cannot fill; build the "
                                              "plan with float32 inputs and outputs"};
    }
    if (!network_->on_device(i)) {
      throw Failure{EDGELOOP_ERROR_MODEL,
                    which + " is a shape that the host gives, not data; fix it in the model"};
    }
    if (!network_->in_rows(i)) {
      throw Failure{EDGELOOP_ERROR_MODEL,
                    which +
                        " is laid out in vectors of channels; build the plan with plain "
                        "(linear) inputs and outputs"};
    }
  }

  // What --shape says, else the declared one with the batch size in front; as in every engine.
  std::vector<std::int64_t> wanted_shape(std::int32_t i, std::vector<std::int64_t> declared,
                                         std::size_t inputs,
                                         const edgeloop_options_v1& options) const {
    const std::string name = network_->name(i);
    for (std::size_t k = 0; k < options.shape_count; ++k) {
      const edgeloop_shape& asked = options.shapes[k];
      if (name != asked.input && !(asked.input[0] == '\0' && inputs == 1)) continue;
      if (asked.rank > nvinfer1::Dims::MAX_DIMS) {
        throw Failure{EDGELOOP_ERROR_USAGE, "TensorRT has at most 8 dimensions"};
      }
      return std::vector<std::int64_t>(asked.dims, asked.dims + asked.rank);
    }
    if (!declared.empty() && options.batch_size > 0) declared[0] = options.batch_size;
    if (!declared.empty() && declared[0] < 0) declared[0] = 1;
    if (std::count(declared.begin(), declared.end(), -1) > 0) {
      throw Failure{EDGELOOP_ERROR_USAGE, "the plan leaves the shape of input '" + name +
                                              "' open (" + shape_text(declared) +
                                              "); fix it with --shape " + name + "=AxBxC"};
    }
    return declared;
  }

  void bind() {
    for (std::int32_t i = 0; i < network_->count(); ++i) {
      const std::string name = network_->name(i);
      const std::vector<std::int64_t> shape = shape_of(network_->actual(i));
      const DType dtype = dtype_of(network_->type(i));
      std::size_t bytes = dtype.bytes;
      for (const std::int64_t dim : shape) {
        if (dim < 0) {
          throw Failure{EDGELOOP_ERROR_MODEL,
                        "the shape of output '" + name + "' is decided by the data (" +
                            shape_text(shape) +
                            "), which this engine does not run; end the model "
                            "before the operator that decides it"};
        }
        if (dim != 0 && bytes > SIZE_MAX / static_cast<std::size_t>(dim)) bytes = 0;
        bytes *= static_cast<std::size_t>(dim);
      }
      void* host = nullptr;
      check_memory(cuda_.cudaMallocHost(&host, std::max(bytes, kNoBytes)), "pinned", name, bytes);
      std::unique_ptr<void, decltype(&::cudaFreeHost)> pinned(host, cuda_.cudaFreeHost);
      std::memset(host, 0, std::max(bytes, kNoBytes));
      void* memory = nullptr;
      check_memory(cuda_.cudaMalloc(&memory, std::max(bytes, kNoBytes)), "device", name, bytes);
      std::unique_ptr<void, decltype(&::cudaFree)> device(memory, cuda_.cudaFree);
      if (!network_->set_address(i, memory)) {
        throw Failure{EDGELOOP_ERROR_RUNTIME,
                      "TensorRT refuses the memory of '" + name + "': " + Logger::taken()};
      }
      auto& side = network_->is_input(i) ? inputs_ : outputs_;
      side.push_back({i, name, dtype, shape, bytes, std::move(pinned), std::move(device)});
    }
  }

  void check_memory(cudaError_t error, const char* kind, const std::string& name,
                    std::size_t bytes) const {
    if (error == cudaSuccess) return;
    cuda_.cudaGetLastError();
    throw Failure{EDGELOOP_ERROR_RUNTIME,
                  cuda_.failed(error, std::string("allocating ") + std::to_string(bytes) +
                                          " bytes of " + kind + " memory for '" + name + "'") +
                      free_memory()};
  }

  std::string free_memory() const {
    std::size_t available = 0;
    std::size_t total = 0;
    if (cuda_.cudaMemGetInfo(&available, &total) != cudaSuccess) return "";
    return "; " + std::to_string(available >> 20) + " of the device's " +
           std::to_string(total >> 20) + " MiB are free";
  }

  // The first run prepares what later ones use again, and may not be part of a graph.
  void record_graph() {
    require(upload() && enqueue() && wait());
    cuda_.check(cuda_.cudaStreamBeginCapture(stream_.get(), cudaStreamCaptureModeThreadLocal),
                "beginning a CUDA graph");
    const bool enqueued = enqueue();
    cudaGraph_t recorded = nullptr;
    const cudaError_t error = cuda_.cudaStreamEndCapture(stream_.get(), &recorded);
    const std::unique_ptr<CUgraph_st, decltype(&::cudaGraphDestroy)> graph(recorded,
                                                                           cuda_.cudaGraphDestroy);
    require(enqueued);
    cuda_.check(error, "recording a CUDA graph, which this plan may not allow,");
    cudaGraphExec_t executable = nullptr;
    cuda_.check(cuda_.instantiate(&executable, recorded), "instantiating the CUDA graph");
    graph_ = {executable, cuda_.cudaGraphExecDestroy};
  }

  void describe_region() {
    const std::string launch = settings_.graph
                                   ? std::string("cudaGraphLaunch of ") + Network::kEnqueue
                                   : std::string(Network::kEnqueue);
    region_ = settings_.copies
                  ? "cudaMemcpyAsync of the inputs, " + launch +
                        ", cudaMemcpyAsync of the "
                        "outputs, cudaStreamSynchronize"
                  : launch +
                        ", cudaStreamSynchronize; the copies to and from the device are "
                        "outside";
    region_ += settings_.graph ? "; CUDA graph on" : "; CUDA graph off";
  }

  bool launch() noexcept {
    if (graph_ == nullptr) return enqueue();
    return done(cuda_.cudaGraphLaunch(graph_.get(), stream_.get()), "cudaGraphLaunch");
  }

  bool enqueue() noexcept { return network_->enqueue(stream_.get()) || refused(); }

  bool copy_inputs() noexcept {
    for (const Binding& input : inputs_) {
      if (!copy(input.device.get(), input.host.get(), input.bytes, cudaMemcpyHostToDevice)) {
        return false;
      }
    }
    return true;
  }

  bool copy_outputs() noexcept {
    for (const Binding& output : outputs_) {
      if (!copy(output.host.get(), output.device.get(), output.bytes, cudaMemcpyDeviceToHost)) {
        return false;
      }
    }
    return true;
  }

  bool copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) noexcept {
    return done(cuda_.cudaMemcpyAsync(to, from, bytes, kind, stream_.get()), "cudaMemcpyAsync");
  }

  bool wait() noexcept {
    return done(cuda_.cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
  }

  bool done(cudaError_t error, const char* call) noexcept {
    return error == cudaSuccess || broken(error, call);
  }

  // Apart from what is timed, so that it stays short.
  __attribute__((noinline)) bool broken(cudaError_t error, const char* call) noexcept {
    cuda_.cudaGetLastError();
    try {
      error_ = cuda_.failed(error, call);
      if (error == cudaErrorMemoryAllocation) error_ += free_memory();
    } catch (const std::bad_alloc&) {
      error_.clear();
    }
    return false;
  }

  __attribute__((noinline)) bool refused() noexcept {
    try {
      error_ = std::string(Network::kEnqueue) + " failed: " + Logger::taken();
    } catch (const std::bad_alloc&) {
      error_.clear();
    }
    return false;
  }

  void require(bool done) const {
    if (!done) throw Failure{EDGELOOP_ERROR_RUNTIME, error_};
  }

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

namespace {

// Nothing is thrown across the interface: what went wrong becomes a code and a sentence.
template <class Body, class Keep>
std::int32_t guarded(const Body& body, const Keep& keep) noexcept {
  try {
    try {
      body();
      return EDGELOOP_OK;
    } catch (const Failure& failure) {
      keep(failure.words);
      return failure.code;
    } catch (const std::exception& error) {
      keep(error.what());
    }
  } catch (...) {
  }
  return EDGELOOP_ERROR_RUNTIME;
}

std::int32_t create(const edgeloop_options_v1* options, edgeloop_engine** engine, char* error,
                    std::size_t error_bytes) {
  return guarded(
      [&] { *engine = new edgeloop_engine(*options); },
      [&](const std::string& words) { std::snprintf(error, error_bytes, "%s", words.c_str()); });
}

void destroy(edgeloop_engine* engine) { delete engine; }

std::int32_t run(edgeloop_engine* engine) { return engine->run(); }

const char* last_error(edgeloop_engine* engine) { return engine->last_error(); }

std::size_t tensor_count(edgeloop_engine* engine, std::int32_t side) {
  return engine->bindings(side).size();
}

std::int32_t describe_tensor(edgeloop_engine* engine, std::int32_t side, std::size_t index,
                             edgeloop_tensor_v1* tensor) {
  const Binding& binding = engine->bindings(side)[index];
  tensor->name = binding.name.c_str();
  tensor->dtype = binding.dtype.code;
  tensor->shape = binding.shape.data();
  tensor->rank = binding.shape.size();
  tensor->data = binding.host.get();
  tensor->bytes = binding.bytes;
  return EDGELOOP_OK;
}

const char* property(edgeloop_engine* engine, const char* key) { return engine->property(key); }

std::int32_t inputs_written(edgeloop_engine* engine) {
  return engine->upload() ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
}

std::int32_t outputs_wanted(edgeloop_engine* engine) {
  return engine->download() ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
}

std::int32_t time_parts(edgeloop_engine* engine, std::int32_t grain, std::size_t* count) {
  return guarded(
      [&] {
        if (grain == EDGELOOP_LAYERS) {
          engine->time_layers();
        } else {
          engine->time_stages();
        }
        *count = engine->parts().size();
      },
      [engine](const std::string& words) { engine->keep(words); });
}

std::int32_t describe_part(edgeloop_engine* engine, std::size_t index, edgeloop_part_v1* part) {
  part->name = engine->parts()[index].name.c_str();
  part->time_ns = engine->parts()[index].time_ns;
  return EDGELOOP_OK;
}

edgeloop_engine_table_v1 filled_table() {
  edgeloop_engine_table_v1 table{};
  table.size = sizeof(table);
  table.version = EDGELOOP_ENGINE_VERSION_1;
  table.name = "tensorrt";
  table.create = create;
  table.destroy = destroy;
  table.run = run;
  table.last_error = last_error;
  table.tensor_count = tensor_count;
  table.describe_tensor = describe_tensor;
  table.property = property;
  table.inputs_written = inputs_written;
  table.outputs_wanted = outputs_wanted;
  table.time_parts = time_parts;
  table.describe_part = describe_part;
  return table;
}

}  // namespace

const edgeloop_engine_table_v1* edgeloop_engine_v1(void) {
  static const edgeloop_engine_table_v1 table = filled_table();
  return &table;
}

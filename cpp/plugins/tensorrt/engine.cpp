#include "engine.hpp"

#include <time.h>

#include <algorithm>
#include <cstring>
#include <new>

#include "plan.hpp"

namespace edgeloop_tensorrt {
namespace {

constexpr std::size_t kNoBytes = 1;  // what is allocated for a tensor without elements
constexpr double kNsPerMs = 1e6;

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

Engine::Engine(const edgeloop_options_v1& options)
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

bool Engine::run() noexcept {
  if (settings_.copies && !copy_inputs()) return false;
  if (!launch()) return false;
  if (settings_.copies && !copy_outputs()) return false;
  return wait();
}

void Engine::time_stages() {
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

void Engine::time_layers() {
  std::vector<Part> parts;
  LayerTimes times(parts);
  network_->set_profiler(&times);
  const bool ran = enqueue() && wait();
  network_->set_profiler(nullptr);
  require(ran);
  parts_.swap(parts);
}

const char* Engine::property(const std::string& key) const noexcept {
  if (key == "runtime-version") return runtime_version_.c_str();
  if (key == "timed-region") return region_.c_str();
  if (key == "device") return device_.c_str();
  return nullptr;
}

void Engine::load(const std::string& plan, const std::string& path) {
  runtime_ = tensorrt_.runtime();
  if (settings_.dla_core >= 0) {
    const std::int32_t cores = runtime_->getNbDLACores();
    if (settings_.dla_core >= cores) {
      throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE, "there is no DLA core " +
                                                      std::to_string(settings_.dla_core) +
                                                      ": this device has " + std::to_string(cores)};
    }
    runtime_->setDLACore(settings_.dla_core);
  }
  Logger::forget();
  nvinfer1::ICudaEngine* engine = runtime_->deserializeCudaEngine(plan.data(), plan.size());
  if (engine == nullptr) {
    const std::string maker = plan_version(plan);
    throw Failure{EDGELOOP_ERROR_MODEL,
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
                  "no execution context can be made: " + Logger::taken() + cuda_.free_memory()};
  }
}

void Engine::fix_inputs(const edgeloop_options_v1& options) {
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

void Engine::require_plain(std::int32_t i) const {
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
std::vector<std::int64_t> Engine::wanted_shape(std::int32_t i, std::vector<std::int64_t> declared,
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
    throw Failure{EDGELOOP_ERROR_USAGE, "the plan leaves the shape of input '" + name + "' open (" +
                                            shape_text(declared) + "); fix it with --shape " +
                                            name + "=AxBxC"};
  }
  return declared;
}

void Engine::bind() {
  for (std::int32_t i = 0; i < network_->count(); ++i) {
    const std::string name = network_->name(i);
    const std::vector<std::int64_t> shape = shape_of(network_->actual(i));
    const DType dtype = dtype_of(network_->type(i));
    std::size_t bytes = dtype.bytes;
    for (const std::int64_t dim : shape) {
      if (dim < 0) {
        throw Failure{EDGELOOP_ERROR_MODEL, "the shape of output '" + name +
                                                "' is decided by the data (" + shape_text(shape) +
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

void Engine::check_memory(cudaError_t error, const char* kind, const std::string& name,
                          std::size_t bytes) const {
  if (error == cudaSuccess) return;
  cuda_.cudaGetLastError();
  throw Failure{EDGELOOP_ERROR_RUNTIME,
                cuda_.failed(error, std::string("allocating ") + std::to_string(bytes) +
                                        " bytes of " + kind + " memory for '" + name + "'") +
                    cuda_.free_memory()};
}

// The first run prepares what later ones use again, and may not be part of a graph.
void Engine::record_graph() {
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

void Engine::describe_region() {
  const std::string launch = settings_.graph
                                 ? std::string("cudaGraphLaunch of ") + Network::kEnqueue
                                 : std::string(Network::kEnqueue);
  region_ = settings_.copies ? "cudaMemcpyAsync of the inputs, " + launch +
                                   ", cudaMemcpyAsync of the "
                                   "outputs, cudaStreamSynchronize"
                             : launch +
                                   ", cudaStreamSynchronize; the copies to and from the device are "
                                   "outside";
  region_ += settings_.graph ? "; CUDA graph on" : "; CUDA graph off";
}

bool Engine::launch() noexcept {
  if (graph_ == nullptr) return enqueue();
  return done(cuda_.cudaGraphLaunch(graph_.get(), stream_.get()), "cudaGraphLaunch");
}

bool Engine::enqueue() noexcept { return network_->enqueue(stream_.get()) || refused(); }

bool Engine::copy_inputs() noexcept {
  for (const Binding& input : inputs_) {
    if (!copy(input.device.get(), input.host.get(), input.bytes, cudaMemcpyHostToDevice)) {
      return false;
    }
  }
  return true;
}

bool Engine::copy_outputs() noexcept {
  for (const Binding& output : outputs_) {
    if (!copy(output.host.get(), output.device.get(), output.bytes, cudaMemcpyDeviceToHost)) {
      return false;
    }
  }
  return true;
}

bool Engine::copy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) noexcept {
  return done(cuda_.cudaMemcpyAsync(to, from, bytes, kind, stream_.get()), "cudaMemcpyAsync");
}

bool Engine::wait() noexcept {
  return done(cuda_.cudaStreamSynchronize(stream_.get()), "cudaStreamSynchronize");
}

bool Engine::done(cudaError_t error, const char* call) noexcept {
  return error == cudaSuccess || broken(error, call);
}

// Apart from what is timed, so that it stays short.
__attribute__((noinline)) bool Engine::broken(cudaError_t error, const char* call) noexcept {
  cuda_.cudaGetLastError();
  try {
    error_ = cuda_.failed(error, call);
    if (error == cudaErrorMemoryAllocation) error_ += cuda_.free_memory();
  } catch (const std::bad_alloc&) {
    error_.clear();
  }
  return false;
}

__attribute__((noinline)) bool Engine::refused() noexcept {
  try {
    error_ = std::string(Network::kEnqueue) + " failed: " + Logger::taken();
  } catch (const std::bad_alloc&) {
    error_.clear();
  }
  return false;
}

void Engine::require(bool done) const {
  if (!done) throw Failure{EDGELOOP_ERROR_RUNTIME, error_};
}

}  // namespace edgeloop_tensorrt

// ONNX Runtime through its C API. Values are made once over buffers of ours and used in every run;
// only an output whose shape the model leaves open is allocated by the runtime, anew in each run.

#include <algorithm>
#include <map>
#include <sstream>

#include "edgeloop/buffer.hpp"
#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/onnxruntime_library.hpp"
#include "edgeloop/shape.hpp"

namespace edgeloop {
namespace {

constexpr char kSpinning[] = "intra-op-spinning";
constexpr char kOptimization[] = "graph-optimization";
constexpr char kCpuFallback[] = "cpu-fallback";        // 0: fail where a node is left to the CPU
constexpr char kFreeDimensions[] = "free-dimensions";  // NAME=VALUE, each ended by \0, from Python

// The runtime's values in the order of the model's inputs or outputs, as Run takes them.
class Values {
 public:
  explicit Values(const OrtApi& api) : release_(api.ReleaseValue) {}
  Values(const Values&) = delete;
  Values& operator=(const Values&) = delete;
  ~Values() {
    for (OrtValue* value : values_) release_(value);
  }

  OrtValue** add_empty() { return &values_.emplace_back(nullptr); }
  void reset(std::size_t index) noexcept {
    release_(values_[index]);
    values_[index] = nullptr;
  }
  OrtValue** data() noexcept { return values_.data(); }
  OrtValue* operator[](std::size_t index) const noexcept { return values_[index]; }

 private:
  void (*release_)(OrtValue*);
  std::vector<OrtValue*> values_;
};

// ONNX's element types by their number; the ones that edgeloop knows bear the names of its dtypes.
constexpr const char* kElementTypes[] = {
    "undefined",      "float32",    "uint8",          "int8",       "uint16",   "int16",
    "int32",          "int64",      "string",         "bool",       "float16",  "float64",
    "uint32",         "uint64",     "complex64",      "complex128", "bfloat16", "float8e4m3fn",
    "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4",      "int4",     "float4e2m1"};

// What the session says of one input or output; an open dimension is < 0.
struct Declared {
  std::string role;  // "input" or "output"
  std::string name;
  DType dtype = DType::float32;
  int element = 0;  // the runtime's number of the dtype
  std::vector<std::int64_t> shape;
};

DType known_dtype(const std::string& role, const std::string& name, int element) {
  constexpr int kCount = sizeof(kElementTypes) / sizeof(kElementTypes[0]);
  const std::string type = element >= 0 && element < kCount
                               ? kElementTypes[element]
                               : "element type " + std::to_string(element);
  for (int dtype = 0; dtype <= static_cast<int>(DType::float64); ++dtype) {
    if (type == dtype_name(static_cast<DType>(dtype))) return static_cast<DType>(dtype);
  }
  throw Error(ErrorKind::model, "the model's " + role + " '" + name + "' is " + type +
                                    ", which edgeloop cannot fill; export the model with float32 "
                                    "or integer inputs and outputs");
}

std::vector<std::int64_t> shape_of(const OrtApi& api, const OrtTensorTypeAndShapeInfo* info) {
  constexpr char kFailed[] = "onnxruntime does not tell a shape";
  std::size_t rank = 0;
  check_ort(api, api.GetDimensionsCount(info, &rank), ErrorKind::runtime, kFailed);
  std::vector<std::int64_t> shape(rank);
  check_ort(api, api.GetDimensions(info, shape.data(), rank), ErrorKind::runtime, kFailed);
  return shape;
}

int optimization_level(const std::string& word) {
  if (word == "disable") return 0;
  if (word == "basic") return 1;
  if (word == "extended") return 2;
  if (word == "all") return 99;
  throw Error(ErrorKind::usage, std::string("onnxruntime: ") + kOptimization + "=" + word +
                                    " is not one of disable, basic, extended, all");
}

class OnnxRuntimeEngine final : public Engine {
 public:
  explicit OnnxRuntimeEngine(const EngineOptions& options)
      : library_(Dylib::open(options.library)),
        api_(load_ort_api(library_)),
        env_(make_env()),
        session_(make_session(options)),
        probed_(options.probe),
        memory_(make_memory()),
        input_values_(api_),
        output_values_(api_) {
    for (const Declared& input : fixed_inputs(options)) {
      add_tensor(input, inputs_, input_values_);
      input_names_.push_back(input.name);
    }
    for (const Declared& output : declared_outputs()) {
      // A rank that the model does not state reads as a scalar's, so a scalar counts as open too.
      const bool fixed = !output.shape.empty() &&
                         std::all_of(output.shape.begin(), output.shape.end(),
                                     [](std::int64_t dimension) { return dimension >= 0; });
      output_names_.push_back(output.name);
      if (fixed) {
        add_tensor(output, outputs_, output_values_);
      } else {
        add_open_output(output);
      }
    }
    for (const std::string& name : input_names_) input_pointers_.push_back(name.c_str());
    for (const std::string& name : output_names_) output_pointers_.push_back(name.c_str());
  }

  bool run() noexcept override {
    for (const std::size_t index : open_outputs_) output_values_.reset(index);
    OrtStatus* status =
        api_.Run(session_.get(), nullptr, input_pointers_.data(), input_values_.data(),
                 input_pointers_.size(), output_pointers_.data(), output_pointers_.size(),
                 output_values_.data());
    if (status == nullptr) return true;
    last_error_ = "onnxruntime failed to run the model: " + ort_words(api_, status);
    return false;
  }

  const std::vector<Tensor>& outputs() override {
    for (std::size_t open = 0; open < open_outputs_.size(); ++open) describe_open_output(open);
    return outputs_;
  }

  std::string runtime_version() const override { return ort_version(library_); }
  Placement placement() override {
    if (!probed_) return Placement();
    Placement placement = ort_placement(api_, library_, session_.get());
    for (Partition& part : placement.partitions) {
      const auto asked = plugins_.find(part.owner);
      if (asked != plugins_.end()) part.delegate = asked->second;
    }
    return placement;
  }

 private:
  // One environment serves the process: the library counts those that ask for it.
  OrtHandle<OrtEnv> make_env() const {
    OrtEnv* env = nullptr;
    check_ort(api_, api_.CreateEnv(kOrtLogError, "edgeloop", &env), ErrorKind::runtime,
              "onnxruntime cannot start");
    return OrtHandle<OrtEnv>(env, api_.ReleaseEnv);
  }

  OrtHandle<OrtSession> make_session(const EngineOptions& options) {
    const OrtHandle<OrtSessionOptions> session_options = make_session_options(options);
    OrtSession* session = nullptr;
    check_ort(
        api_,
        api_.CreateSession(env_.get(), options.model.c_str(), session_options.get(), &session),
        ErrorKind::model, "onnxruntime cannot load the model " + options.model);
    return OrtHandle<OrtSession>(session, api_.ReleaseSession);
  }

  OrtHandle<OrtSessionOptions> make_session_options(const EngineOptions& options) {
    require_known_settings(options, {kOptimization, kSpinning, kFreeDimensions, kCpuFallback});
    OrtSessionOptions* made = nullptr;
    check_ort(api_, api_.CreateSessionOptions(&made), ErrorKind::runtime,
              "onnxruntime cannot start");
    OrtHandle<OrtSessionOptions> owned(made, api_.ReleaseSessionOptions);
    const auto set = [this](OrtStatus* status, const std::string& option) {
      check_ort(api_, status, ErrorKind::usage, "onnxruntime does not accept " + option);
    };
    set(api_.SetIntraOpNumThreads(made, options.threads),
        std::to_string(options.threads) + " threads");
    set(api_.SetInterOpNumThreads(made, 1), "one inter-op thread");
    set(api_.SetSessionExecutionMode(made, kOrtSequential), "sequential execution");
    for (const auto& [key, value] : options.settings) {
      const std::string option = key + "=" + value;
      if (key == kCpuFallback) {
        forbid_ort_cpu_fallback(api_, made, value == "0");
      } else if (key == kOptimization) {
        set(api_.SetSessionGraphOptimizationLevel(made, optimization_level(value)), option);
      } else if (key == kSpinning) {
        if (value != "0" && value != "1") {
          throw Error(ErrorKind::usage, "onnxruntime: " + option + " is neither 0 nor 1");
        }
        set(api_.AddSessionConfigEntry(made, "session.intra_op.allow_spinning", value.c_str()),
            option);
      } else {
        fix_free_dimensions(made, value);
      }
    }
    if (options.probe) record_ort_placement(api_, made, library_);
    for (const DelegateOptions& provider : options.delegates) {
      if (provider.library.empty()) {
        append_ort_provider(api_, library_, made, provider);
      } else {
        plugins_[append_ort_plugin(api_, library_, env_.get(), made, provider)] = provider.name;
      }
    }
    return owned;
  }

  // Fixed when the session is made, a named dimension fixes the shapes of the outputs as well.
  void fix_free_dimensions(OrtSessionOptions* options, const std::string& text) const {
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line, '\0');) {
      const std::size_t equals = line.rfind('=');
      char* end = nullptr;
      const std::int64_t value =
          equals == std::string::npos ? -1 : std::strtoll(&line[equals + 1], &end, 10);
      if (value < 0 || end == &line[equals + 1] || *end != '\0') {
        throw Error(ErrorKind::usage,
                    "onnxruntime: free dimension '" + line + "' is not NAME=VALUE");
      }
      check_ort(api_,
                api_.AddFreeDimensionOverrideByName(options, line.substr(0, equals).c_str(), value),
                ErrorKind::usage, "onnxruntime does not accept the free dimension " + line);
    }
  }

  OrtHandle<OrtMemoryInfo> make_memory() const {
    OrtMemoryInfo* memory = nullptr;
    check_ort(api_, api_.CreateCpuMemoryInfo(kOrtArenaAllocator, kOrtDefaultMemory, &memory),
              ErrorKind::runtime, "onnxruntime cannot describe host memory");
    return OrtHandle<OrtMemoryInfo>(memory, api_.ReleaseMemoryInfo);
  }

  std::vector<Declared> fixed_inputs(const EngineOptions& options) const {
    std::vector<Declared> inputs = declared("input", api_.SessionGetInputCount,
                                            api_.SessionGetInputName, api_.SessionGetInputTypeInfo);
    std::vector<std::string> names;
    for (const Declared& input : inputs) names.push_back(input.name);
    require_known_shapes(options, names);
    for (Declared& input : inputs) input.shape = allowed_shape(input, options);
    return inputs;
  }

  static std::vector<std::int64_t> allowed_shape(const Declared& input,
                                                 const EngineOptions& options) {
    const std::vector<std::int64_t> shape = fixed_shape(input.name, input.shape, options);
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (input.shape[axis] < 0 || input.shape[axis] == shape[axis]) continue;
      throw Error(ErrorKind::usage, "the model fixes its input '" + input.name + "' to " +
                                        shape_text(input.shape) + ", so it cannot run as " +
                                        shape_text(shape) + "; export it with that dimension open");
    }
    return shape;
  }

  std::vector<Declared> declared_outputs() const {
    return declared("output", api_.SessionGetOutputCount, api_.SessionGetOutputName,
                    api_.SessionGetOutputTypeInfo);
  }

  template <class Count, class Name, class Type>
  std::vector<Declared> declared(const std::string& role, Count count_of, Name name_of,
                                 Type type_of) const {
    const std::string failed = "onnxruntime does not describe the model's " + role + "s";
    std::size_t count = 0;
    check_ort(api_, count_of(session_.get(), &count), ErrorKind::runtime, failed);
    OrtAllocator* allocator = nullptr;
    check_ort(api_, api_.GetAllocatorWithDefaultOptions(&allocator), ErrorKind::runtime, failed);
    std::vector<Declared> list(count);
    for (std::size_t index = 0; index < count; ++index) {
      char* name = nullptr;
      check_ort(api_, name_of(session_.get(), index, allocator, &name), ErrorKind::runtime, failed);
      list[index].role = role;
      list[index].name = name;
      check_ort(api_, api_.AllocatorFree(allocator, name), ErrorKind::runtime, failed);
      OrtTypeInfo* type = nullptr;
      check_ort(api_, type_of(session_.get(), index, &type), ErrorKind::runtime, failed);
      describe_type(OrtHandle<OrtTypeInfo>(type, api_.ReleaseTypeInfo), list[index]);
    }
    return list;
  }

  void describe_type(const OrtHandle<OrtTypeInfo>& type, Declared& declared) const {
    const std::string failed = "onnxruntime does not describe " + declared.name;
    int kind = 0;
    check_ort(api_, api_.GetOnnxTypeFromTypeInfo(type.get(), &kind), ErrorKind::runtime, failed);
    if (kind != kOrtTensor) {
      throw Error(ErrorKind::model, "the model's " + declared.role + " '" + declared.name +
                                        "' is not a tensor but a sequence, map or optional value; "
                                        "edgeloop measures models with tensors only (skl2onnx adds "
                                        "such a map to classifiers: export them again with "
                                        "options={'zipmap': False})");
    }
    const OrtTensorTypeAndShapeInfo* tensor = nullptr;  // belongs to `type`
    check_ort(api_, api_.CastTypeInfoToTensorInfo(type.get(), &tensor), ErrorKind::runtime, failed);
    check_ort(api_, api_.GetTensorElementType(tensor, &declared.element), ErrorKind::runtime,
              failed);
    declared.dtype = known_dtype(declared.role, declared.name, declared.element);
    declared.shape = shape_of(api_, tensor);
  }

  void add_tensor(const Declared& declared, std::vector<Tensor>& tensors, Values& values) {
    const Buffer& buffer =
        buffers_.emplace_back(element_count(declared.shape) * dtype_bytes(declared.dtype));
    tensors.push_back(
        {declared.name, declared.dtype, declared.shape, {}, buffer.data(), buffer.bytes()});
    check_ort(api_,
              api_.CreateTensorWithDataAsOrtValue(memory_.get(), buffer.data(), buffer.bytes(),
                                                  declared.shape.data(), declared.shape.size(),
                                                  declared.element, values.add_empty()),
              ErrorKind::model, "onnxruntime cannot use a buffer for " + declared.name);
  }

  void add_open_output(const Declared& declared) {
    Tensor tensor{declared.name, declared.dtype, declared.shape, {}, nullptr, 0};
    for (std::int64_t& dimension : tensor.shape) dimension = std::max<std::int64_t>(dimension, 0);
    tensor.bytes = element_count(tensor.shape) * dtype_bytes(tensor.dtype);
    tensor.data = buffers_.emplace_back(tensor.bytes).data();
    open_outputs_.push_back(outputs_.size());
    placeholders_.push_back(tensor);
    outputs_.push_back(tensor);
    output_values_.add_empty();
  }

  void describe_open_output(std::size_t open) {
    Tensor& tensor = outputs_[open_outputs_[open]];
    OrtValue* value = output_values_[open_outputs_[open]];
    if (value == nullptr) {  // not run yet, or the last run failed
      tensor = placeholders_[open];
      return;
    }
    OrtTensorTypeAndShapeInfo* info = nullptr;
    check_ort(api_, api_.GetTensorTypeAndShape(value, &info), ErrorKind::runtime,
              "onnxruntime does not describe the output " + tensor.name);
    const OrtHandle<OrtTensorTypeAndShapeInfo> owned(info, api_.ReleaseTensorTypeAndShapeInfo);
    tensor.shape = shape_of(api_, info);
    tensor.bytes = element_count(tensor.shape) * dtype_bytes(tensor.dtype);
    check_ort(api_, api_.GetTensorMutableData(value, &tensor.data), ErrorKind::runtime,
              "onnxruntime does not give the output " + tensor.name);
  }

  Dylib library_;
  OrtApi api_;
  OrtHandle<OrtEnv> env_;
  std::map<std::string, std::string> plugins_;  // what a provider calls itself: as it was asked for
  OrtHandle<OrtSession> session_;
  bool probed_;
  OrtHandle<OrtMemoryInfo> memory_;
  std::vector<Buffer> buffers_;
  Values input_values_;
  Values output_values_;
  std::vector<std::size_t> open_outputs_;  // their indexes, and what they are before a run:
  std::vector<Tensor> placeholders_;       // open dimensions of 0
  std::vector<std::string> input_names_;
  std::vector<std::string> output_names_;
  std::vector<const char*> input_pointers_;
  std::vector<const char*> output_pointers_;
};

}  // namespace

std::unique_ptr<Engine> create_onnxruntime(const EngineOptions& options) {
  return std::make_unique<OnnxRuntimeEngine>(options);
}

}  // namespace edgeloop

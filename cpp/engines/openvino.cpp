// OpenVINO through its C interface. Inputs are buffers of ours, and so are the outputs whose shape
// the compiled model fixes: an open one that is preset too small would be cut without an error.

#include <algorithm>
#include <memory>
#include <sstream>

#include "edgeloop/buffer.hpp"
#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/plain_text.hpp"
#include "edgeloop/shape.hpp"
#include "openvino_c.h"

namespace edgeloop {
namespace {

constexpr char kDevice[] = "device";
constexpr char kProperties[] = "properties";      // lines of KEY=VALUE, from Python
constexpr char kQuantization[] = "quantization";  // lines, from Python: the interface has none
constexpr std::size_t kMostProperties = 10;

struct OvApi {
#define EDGELOOP_MEMBER(name, result, parameters) result(*name) parameters;
  EDGELOOP_OV_SYMBOLS(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
};
template <class T>
using OvHandle = std::unique_ptr<T, void (*)(T*)>;

OvApi load_api(const Dylib& library) {
  OvApi api;
#define EDGELOOP_LOAD(name, result, parameters) \
  api.name = library.symbol<result(*) parameters>(#name);
  EDGELOOP_OV_SYMBOLS(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  return api;
}

// The last line with words: the runtime puts the places in its source before the reason.
std::string last_line(const std::string& text) {
  std::istringstream lines(text);
  std::string found;
  for (std::string line; std::getline(lines, line);) {
    if (line.find_first_not_of(" \t\r") != std::string::npos) found = line;
  }
  const std::size_t start = found.find_first_not_of(" \t");
  return plain_text(start == std::string::npos ? "" : &found[start]);
}

std::string reason(const OvApi& api, OvStatus status) {
  const char* text = api.ov_get_last_err_msg();
  std::string words = text == nullptr ? "" : last_line(text);
  if (text != nullptr) api.ov_free(text);
  if (words.empty()) words = plain_text(api.ov_get_error_info(status));
  return words;
}

void check(const OvApi& api, OvStatus status, ErrorKind kind, const std::string& failed) {
  if (status != 0) throw Error(kind, failed + ": " + reason(api, status));
}

// Element types from "bool" on; before it stand "dynamic" and, up to 2025.0, "undefined".
constexpr const char* kElementTypes[] = {"bool",  "bfloat16", "float16", "float32", "float64",
                                         "int4",  "int8",     "int16",   "int32",   "int64",
                                         "uint1", "uint2",    "uint3",   "uint4",   "uint6",
                                         "uint8", "uint16",   "uint32",  "uint64"};

// The number of "bool", asked of the library: the next but three is float32 or float64.
int first_element_type(const OvApi& api) {
  std::int64_t one = 1;
  OvTensor* made = nullptr;
  constexpr char kFailed[] = "openvino cannot make a tensor";
  check(api, api.ov_tensor_create(5, {1, &one}, &made), ErrorKind::not_available, kFailed);
  const OvHandle<OvTensor> tensor(made, api.ov_tensor_free);
  std::size_t bytes = 0;
  check(api, api.ov_tensor_get_byte_size(made, &bytes), ErrorKind::not_available, kFailed);
  return bytes == sizeof(double) ? 1 : 2;
}

struct Declared {
  std::string role;  // "input" or "output"
  std::string name;
  std::size_t index = 0;
  int element = 0;  // the runtime's number of the dtype
  DType dtype = DType::float32;
  bool ranked = true;
  std::vector<std::int64_t> shape;  // an open dimension is < 0
};

DType known_dtype(const Declared& declared, int first) {
  constexpr int kCount = sizeof(kElementTypes) / sizeof(kElementTypes[0]);
  const int place = declared.element - first;
  const std::string type = place >= 0 && place < kCount
                               ? kElementTypes[place]
                               : "element type " + std::to_string(declared.element);
  for (int dtype = 0; dtype <= static_cast<int>(DType::float64); ++dtype) {
    if (type == dtype_name(static_cast<DType>(dtype))) return static_cast<DType>(dtype);
  }
  throw Error(ErrorKind::model, "the model's " + declared.role + " '" + declared.name + "' is " +
                                    type +
                                    ", which edgeloop cannot fill; export the model with "
                                    "float32 or integer inputs and outputs");
}

// What the engine keeps, freed in the reverse order.
struct Handles {
  explicit Handles(const OvApi& api)
      : core(nullptr, api.ov_core_free),
        compiled(nullptr, api.ov_compiled_model_free),
        request(nullptr, api.ov_infer_request_free) {}

  OvHandle<OvCore> core;
  OvHandle<OvCompiledModel> compiled;
  OvHandle<OvInferRequest> request;
};

class OpenVinoEngine final : public Engine {
 public:
  explicit OpenVinoEngine(const EngineOptions& options)
      : library_(Dylib::open(options.library)),
        api_(load_api(library_)),
        first_element_type_(first_element_type(api_)),
        device_(setting(options, kDevice, "CPU")),
        probed_(options.probe),
        handles_(api_) {
    require_known_settings(options, {kDevice, kProperties, kQuantization});
    OvCore* core = nullptr;
    check(api_, api_.ov_core_create(&core), ErrorKind::not_available, "openvino cannot start");
    handles_.core.reset(core);
    const OvHandle<OvModel> model = read(options);
    std::vector<Declared> inputs = declared_ports(model.get(), "input", api_.ov_model_inputs_size,
                                                  api_.ov_model_const_input_by_index);
    std::vector<Declared> outputs = declared_ports(
        model.get(), "output", api_.ov_model_outputs_size, api_.ov_model_const_output_by_index);
    fix_shapes(model.get(), options, inputs);
    compile(model.get(), options);
    for (const Declared& input : inputs) add_input(input);
    for (Declared& output : outputs) add_output(output);
    read_quantization(setting(options, kQuantization, ""));
  }

  bool run() noexcept override {
    const OvStatus status = api_.ov_infer_request_infer(handles_.request.get());
    if (status == 0) {
      ran_ = true;
      return true;
    }
    ran_ = false;
    last_error_ = "openvino failed to run the model: " + reason(api_, status);
    return false;
  }

  const std::vector<Tensor>& outputs() override {
    for (const std::size_t index : open_outputs_) describe_open_output(index);
    return outputs_;
  }

  std::string runtime_version() const override {
    OvVersion version{};
    if (api_.ov_get_openvino_version(&version) != 0) return "unknown";
    const std::string build = version.build == nullptr ? "unknown" : version.build;
    api_.ov_version_free(&version);
    return build.substr(0, build.find('-'));
  }

  std::string device() const override {
    if (device_ == "CPU") return "";
    const std::string name = property("FULL_DEVICE_NAME");
    return name.empty() ? property("EXECUTION_DEVICES") : name;
  }

  std::string executed_precision() const override { return property("INFERENCE_PRECISION_HINT"); }

  // The nodes that have a kernel: not those fused into another, nor inputs and outputs.
  Placement placement() override {
    Placement placement;
    if (!probed_) return placement;
    OvProfilingInfoList list{};
    if (api_.ov_infer_request_get_profiling_info(handles_.request.get(), &list) != 0) {
      return placement;
    }
    Partition part;
    part.owner = property("EXECUTION_DEVICES");
    if (part.owner.empty()) part.owner = device_;
    for (std::size_t index = 0; index < list.size; ++index) {
      const OvProfilingInfo& info = list.infos[index];
      const std::string kernel = info.kernel == nullptr ? "" : info.kernel;
      if (kernel.empty() || kernel.rfind("undef", 0) == 0 || kernel.rfind("unknown", 0) == 0) {
        continue;
      }
      part.operators.emplace_back(info.type == nullptr ? "" : info.type);
    }
    api_.ov_profiling_info_list_free(&list);
    part.nodes = part.operators.size();
    placement.known = part.nodes > 0;
    placement.partitions.push_back(std::move(part));
    return placement;
  }

 private:
  OvHandle<OvModel> read(const EngineOptions& options) const {
    OvModel* model = nullptr;
    check(api_,
          api_.ov_core_read_model(handles_.core.get(), options.model.c_str(), nullptr, &model),
          ErrorKind::model, "openvino cannot load the model " + options.model);
    return OvHandle<OvModel>(model, api_.ov_model_free);
  }

  template <class Count, class Port>
  std::vector<Declared> declared_ports(const OvModel* model, const std::string& role,
                                       Count count_of, Port port_of) const {
    const std::string failed = "openvino does not describe the model's " + role + "s";
    std::size_t count = 0;
    check(api_, count_of(model, &count), ErrorKind::runtime, failed);
    std::vector<Declared> list(count);
    for (std::size_t index = 0; index < count; ++index) {
      OvPort* made = nullptr;
      check(api_, port_of(model, index, &made), ErrorKind::runtime, failed);
      const OvHandle<OvPort> port(made, api_.ov_output_const_port_free);
      Declared& declared = list[index];
      declared.role = role;
      declared.index = index;
      char* name = nullptr;
      if (api_.ov_port_get_any_name(made, &name) == 0) {
        declared.name = name;
        api_.ov_free(name);
      } else {  // a port needs none
        declared.name = role + "_" + std::to_string(index);
      }
      check(api_, api_.ov_port_get_element_type(made, &declared.element), ErrorKind::runtime,
            failed);
      declared.dtype = known_dtype(declared, first_element_type_);
      describe_shape(made, declared);
    }
    return list;
  }

  void describe_shape(const OvPort* port, Declared& declared) const {
    OvPartialShape shape{};
    check(api_, api_.ov_port_get_partial_shape(port, &shape), ErrorKind::runtime,
          "openvino does not describe the shape of " + declared.name);
    declared.ranked = shape.rank.min == shape.rank.max && shape.rank.max >= 0;
    declared.shape.clear();
    for (std::int64_t axis = 0; declared.ranked && axis < shape.rank.max; ++axis) {
      const OvDimension& dimension = shape.dims[axis];
      declared.shape.push_back(dimension.min == dimension.max ? dimension.max : -1);
    }
    api_.ov_partial_shape_free(&shape);
  }

  // Compiled with fixed inputs, a model has fixed outputs wherever its operators allow it.
  void fix_shapes(const OvModel* model, const EngineOptions& options,
                  std::vector<Declared>& inputs) const {
    std::vector<std::string> names;
    for (const Declared& input : inputs) names.push_back(input.name);
    require_known_shapes(options, names);
    std::vector<std::size_t> indexes;
    std::vector<std::vector<OvDimension>> dimensions;
    for (Declared& input : inputs) {
      if (!input.ranked) input.shape = open_shape(input, options);
      const std::vector<std::int64_t> fixed = fixed_shape(input.name, input.shape, options);
      if (fixed == input.shape && input.ranked) continue;
      input.shape = fixed;
      indexes.push_back(input.index);
      dimensions.emplace_back();
      for (const std::int64_t size : fixed) dimensions.back().push_back({size, size});
    }
    if (indexes.empty()) return;
    std::vector<OvPartialShape> shapes;
    for (std::vector<OvDimension>& one : dimensions) {
      const auto rank = static_cast<std::int64_t>(one.size());
      shapes.push_back({{rank, rank}, one.data()});
    }
    const std::string text = shape_text(inputs[indexes[0]].shape);
    check(
        api_,
        api_.ov_model_reshape_by_port_indexes(model, indexes.data(), shapes.data(), shapes.size()),
        ErrorKind::usage, "the model " + options.model + " cannot run with an input of " + text);
  }

  static std::vector<std::int64_t> open_shape(const Declared& input, const EngineOptions& options) {
    auto asked = options.shapes.find(input.name);
    if (asked == options.shapes.end()) asked = options.shapes.find("");
    if (asked != options.shapes.end()) {
      return std::vector<std::int64_t>(asked->second.size(), -1);
    }
    throw Error(ErrorKind::usage, "the model does not state the rank of its input '" + input.name +
                                      "'; fix its shape with --shape " + input.name + "=AxBxC");
  }

  void compile(const OvModel* model, const EngineOptions& options) {
    std::vector<std::string> words;
    std::istringstream lines(setting(options, kProperties, ""));
    for (std::string line; std::getline(lines, line);) {
      const std::size_t equals = line.find('=');
      if (equals == std::string::npos || words.size() == 2 * kMostProperties) {
        throw Error(ErrorKind::usage, "openvino: property '" + line + "' is not KEY=VALUE");
      }
      words.push_back(line.substr(0, equals));
      words.push_back(line.substr(equals + 1));
    }
    const char* w[2 * kMostProperties] = {};
    for (std::size_t index = 0; index < words.size(); ++index) w[index] = words[index].c_str();
    OvCompiledModel* compiled = nullptr;
    // The library reads only as many of them as the count says.
    const OvStatus status = api_.ov_core_compile_model(
        handles_.core.get(), model, device_.c_str(), words.size(), &compiled, w[0], w[1], w[2],
        w[3], w[4], w[5], w[6], w[7], w[8], w[9], w[10], w[11], w[12], w[13], w[14], w[15], w[16],
        w[17], w[18], w[19]);
    check(api_, status, device_ == "CPU" ? ErrorKind::model : ErrorKind::not_available,
          "openvino cannot compile the model " + options.model + " for the device " + device_);
    handles_.compiled.reset(compiled);
    require_threads(options.threads);
    OvInferRequest* request = nullptr;
    check(api_, api_.ov_compiled_model_create_infer_request(compiled, &request), ErrorKind::runtime,
          "openvino cannot make a request");
    handles_.request.reset(request);
  }

  // It takes no more threads than the process has CPUs, without a word.
  void require_threads(int asked) const {
    const std::string used = property("INFERENCE_NUM_THREADS");
    if (device_ != "CPU" || used.empty() || used == std::to_string(asked)) return;
    throw Error(ErrorKind::usage, "openvino uses " + used + " threads where " +
                                      std::to_string(asked) +
                                      " were asked for, as many as this "
                                      "process has CPUs; run it with --threads " +
                                      used);
  }

  std::string property(const char* key) const {
    char* value = nullptr;
    if (api_.ov_compiled_model_get_property(handles_.compiled.get(), key, &value) != 0) return "";
    const std::string text = plain_text(value);
    api_.ov_free(value);
    return text;
  }

  OvHandle<OvTensor> tensor_over(Tensor& tensor, int element) const {
    const OvShape shape{static_cast<std::int64_t>(tensor.shape.size()), tensor.shape.data()};
    OvTensor* made = nullptr;
    check(api_, api_.ov_tensor_create_from_host_ptr(element, shape, tensor.data, &made),
          ErrorKind::model, "openvino cannot use a buffer for " + tensor.name);
    return OvHandle<OvTensor>(made, api_.ov_tensor_free);
  }

  void add_input(const Declared& declared) {
    inputs_.push_back(buffered(declared));
    const OvHandle<OvTensor> tensor = tensor_over(inputs_.back(), declared.element);
    check(api_,
          api_.ov_infer_request_set_input_tensor_by_index(handles_.request.get(), declared.index,
                                                          tensor.get()),
          ErrorKind::model, "openvino does not take the input " + declared.name);
  }

  void add_output(Declared& declared) {
    OvPort* port = nullptr;
    check(api_,
          api_.ov_compiled_model_output_by_index(handles_.compiled.get(), declared.index, &port),
          ErrorKind::runtime, "openvino does not describe the output " + declared.name);
    const OvHandle<OvPort> owned(port, api_.ov_output_const_port_free);
    describe_shape(port, declared);
    const bool fixed = declared.ranked && std::all_of(declared.shape.begin(), declared.shape.end(),
                                                      [](std::int64_t size) { return size >= 0; });
    if (!fixed) {
      for (std::int64_t& size : declared.shape) size = std::max<std::int64_t>(size, 0);
      if (!declared.ranked) declared.shape = {0};
      open_outputs_.push_back(declared.index);
    }
    outputs_.push_back(buffered(declared));
    placeholders_.push_back(outputs_.back());
    fetched_.emplace_back(nullptr, api_.ov_tensor_free);
    if (!fixed) return;
    const OvHandle<OvTensor> tensor = tensor_over(outputs_.back(), declared.element);
    check(api_,
          api_.ov_infer_request_set_output_tensor_by_index(handles_.request.get(), declared.index,
                                                           tensor.get()),
          ErrorKind::model, "openvino does not take a buffer for the output " + declared.name);
  }

  Tensor buffered(const Declared& declared) {
    const Buffer& buffer =
        buffers_.emplace_back(element_count(declared.shape) * dtype_bytes(declared.dtype));
    return {declared.name, declared.dtype, declared.shape, {}, buffer.data(), buffer.bytes()};
  }

  void describe_open_output(std::size_t index) {
    Tensor& tensor = outputs_[index];
    if (!ran_) {
      tensor = placeholders_[index];
      return;
    }
    const std::string failed = "openvino does not give the output " + tensor.name;
    OvTensor* value = nullptr;
    check(api_,
          api_.ov_infer_request_get_output_tensor_by_index(handles_.request.get(), index, &value),
          ErrorKind::runtime, failed);
    fetched_[index].reset(value);
    OvShape shape{};
    check(api_, api_.ov_tensor_get_shape(value, &shape), ErrorKind::runtime, failed);
    tensor.shape.assign(shape.dims, shape.dims + shape.rank);
    api_.ov_shape_free(&shape);
    tensor.bytes = element_count(tensor.shape) * dtype_bytes(tensor.dtype);
    check(api_, api_.ov_tensor_data(value, &tensor.data), ErrorKind::runtime, failed);
  }

  // Lines of "input|output AXIS COUNT SCALE ZERO_POINT ... NAME": a name may hold anything.
  void read_quantization(const std::string& text) {
    std::istringstream lines(text);
    for (std::string role; lines >> role;) {
      Quantization read;
      std::size_t count = 0;
      lines >> read.axis >> count;
      for (std::size_t slice = 0; slice < count && lines; ++slice) {
        lines >> read.scales.emplace_back() >> read.zero_points.emplace_back();
      }
      std::string name;
      std::getline(lines >> std::ws, name);
      for (Tensor& tensor : role == "input" ? inputs_ : outputs_) {
        if (tensor.name == name) tensor.quantization = read;
      }
    }
    for (std::size_t index = 0; index < outputs_.size(); ++index) {
      placeholders_[index].quantization = outputs_[index].quantization;
    }
  }

  Dylib library_;
  OvApi api_;
  int first_element_type_;
  std::string device_;
  bool probed_;
  Handles handles_;
  std::vector<Buffer> buffers_;
  std::vector<std::size_t> open_outputs_;  // their indexes, and what they are before a run:
  std::vector<Tensor> placeholders_;       // open dimensions of 0
  std::vector<OvHandle<OvTensor>> fetched_;
  bool ran_ = false;
};

}  // namespace

std::unique_ptr<Engine> create_openvino(const EngineOptions& options) {
  return std::make_unique<OpenVinoEngine>(options);
}

}  // namespace edgeloop

// TensorFlow through its C interface: a session over a SavedModel or a frozen graph. Inputs are
// buffers of ours, used in place; outputs are allocated by TensorFlow in each run.

#include <atomic>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>

#include "edgeloop/buffer.hpp"
#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/plain_text.hpp"
#include "edgeloop/shape.hpp"
#include "tensorflow_c.h"

namespace edgeloop {
namespace {

constexpr char kFormat[] = "format";    // "savedmodel" or "graphdef"
constexpr char kTag[] = "tag";          // of the SavedModel's graph
constexpr char kInputs[] = "inputs";    // lines of "OPERATION:INDEX NAME", from Python
constexpr char kOutputs[] = "outputs";  // the same
constexpr char kConfig[] = "config";    // more fields of ConfigProto, as hexadecimal digits

constexpr int kNotFound = 5;
constexpr int kFailedPrecondition = 9;

struct TfApi {
#define EDGELOOP_MEMBER(name, result, parameters) result(*name) parameters;
  EDGELOOP_TF_SYMBOLS(EDGELOOP_MEMBER)
#undef EDGELOOP_MEMBER
};
template <class T>
using TfHandle = std::unique_ptr<T, void (*)(T*)>;

TfApi load_api(const Dylib& library) {
  TfApi api;
#define EDGELOOP_LOAD(name, result, parameters) \
  api.name = library.symbol<result(*) parameters>(#name);
  EDGELOOP_TF_SYMBOLS(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  return api;
}

// Numbers of DataType in TensorFlow's types.proto.
DType known_dtype(int type, const std::string& what) {
  switch (type) {
    case 1:
      return DType::float32;
    case 2:
      return DType::float64;
    case 3:
      return DType::int32;
    case 4:
      return DType::uint8;
    case 5:
      return DType::int16;
    case 6:
      return DType::int8;
    case 9:
      return DType::int64;
    case 10:
      return DType::boolean;
    case 17:
      return DType::uint16;
    case 19:
      return DType::float16;
    case 22:
      return DType::uint32;
    case 23:
      return DType::uint64;
    default:
      break;
  }
  std::string kind = "data type " + std::to_string(type);
  if (type == 7) kind = "text";
  if (type == 14) kind = "bfloat16";
  if (type == 20 || type == 21) kind = "a resource";
  throw Error(ErrorKind::model, "the model's " + what + " is " + kind +
                                    ", which edgeloop cannot fill; export the model with number "
                                    "inputs and outputs");
}

// A ConfigProto: intra_op_parallelism_threads (2), inter_op_parallelism_threads (5) = -1, which
// runs the graph in the thread that calls, and what else was asked for.
std::string config_of(int threads, const std::string& more) {
  std::string config{'\x10'};
  for (auto left = static_cast<unsigned>(threads); true; left >>= 7) {
    config += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    if (left <= 0x7f) break;
  }
  config += '\x28';
  config.append(9, '\xff');
  config += '\x01';
  for (std::size_t at = 0; at + 1 < more.size(); at += 2) {
    config += static_cast<char>(std::stoi(more.substr(at, 2), nullptr, 16));
  }
  return config;
}

// The pool that kernels share is made by the first session of the process, for all.
void require_pool_of(int threads) {
  static std::atomic<int> pool{0};
  int made = 0;
  if (!pool.compare_exchange_strong(made, threads) && made != threads) {
    throw Error(ErrorKind::usage, "tensorflow has one pool of " + std::to_string(made) +
                                      " threads in this process, and " + std::to_string(threads) +
                                      " were asked for; measure one number of threads at a time");
  }
}

struct Port {
  std::string name;       // what people call it
  std::string operation;  // "serving_default_x"
  int index = 0;
};

std::vector<Port> ports_of(const std::string& text) {
  std::vector<Port> ports;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const std::size_t space = line.find(' ');
    const std::string tensor = line.substr(0, space);
    const std::size_t colon = tensor.rfind(':');
    if (space == std::string::npos || colon == std::string::npos) continue;
    ports.push_back(
        {line.substr(space + 1), tensor.substr(0, colon), std::atoi(tensor.c_str() + colon + 1)});
  }
  return ports;
}

// What the engine keeps, freed in the reverse order.
struct Handles {
  explicit Handles(const TfApi& api)
      : status(api.TF_NewStatus(), api.TF_DeleteStatus),
        graph(api.TF_NewGraph(), api.TF_DeleteGraph) {}

  TfHandle<TfStatus> status;
  TfHandle<TfGraph> graph;
  TfSession* session = nullptr;
};

class TensorFlowEngine final : public Engine {
 public:
  explicit TensorFlowEngine(const EngineOptions& options)
      : library_(Dylib::open(options.library)), api_(load_api(library_)), handles_(api_) {
    require_known_settings(options, {kFormat, kTag, kInputs, kOutputs, kConfig});
    require_pool_of(options.threads);
    try {
      open_session(options);
      const std::vector<Port> inputs = ports_of(setting(options, kInputs, ""));
      const std::vector<Port> outputs = ports_of(setting(options, kOutputs, ""));
      std::vector<std::string> names;
      for (const Port& port : inputs) names.push_back(port.name);
      require_known_shapes(options, names);
      for (const Port& port : inputs) add_input(port, options);
      for (const Port& port : outputs) add_output(port);
    } catch (...) {
      release();
      throw;
    }
  }

  ~TensorFlowEngine() override { release(); }

  bool run() noexcept override {
    drop_outputs();
    api_.TF_SessionRun(handles_.session, nullptr, fed_.data(), values_.data(),
                       static_cast<int>(fed_.size()), fetched_.data(), results_.data(),
                       static_cast<int>(fetched_.size()), nullptr, 0, nullptr,
                       handles_.status.get());
    if (api_.TF_GetCode(handles_.status.get()) == 0) return true;
    last_error_ = "tensorflow failed to run the model: " + reason();
    return false;
  }

  const std::vector<Tensor>& outputs() override {
    for (std::size_t index = 0; index < outputs_.size(); ++index) describe_output(index);
    return outputs_;
  }

  std::string runtime_version() const override { return api_.TF_Version(); }

 private:
  // The first line, without the name of this host, and what to do where that is known.
  std::string reason() const {
    const int code = api_.TF_GetCode(handles_.status.get());
    std::string words = api_.TF_Message(handles_.status.get());
    words = words.substr(0, words.find('\n'));
    const std::size_t host = words.find(" in binary running on ");
    if (code == kNotFound && host != std::string::npos) words.resize(host);
    words = plain_text(words.c_str());
    if (code == kFailedPrecondition) {
      words +=
          "; its variables are missing or belong to other operations: save a Keras model with "
          "model.export(folder), or freeze the graph";
    }
    return words;
  }

  void check(ErrorKind kind, const std::string& failed) const {
    if (api_.TF_GetCode(handles_.status.get()) != 0) throw Error(kind, failed + ": " + reason());
  }

  void open_session(const EngineOptions& options) {
    const TfHandle<TfSessionOptions> made(api_.TF_NewSessionOptions(),
                                          api_.TF_DeleteSessionOptions);
    const std::string config = config_of(options.threads, setting(options, kConfig, ""));
    TfStatus* status = handles_.status.get();
    api_.TF_SetConfig(made.get(), config.data(), config.size(), status);
    check(ErrorKind::runtime, "tensorflow does not take its configuration");
    const std::string failed = "tensorflow cannot load the model " + options.model;
    if (setting(options, kFormat, "savedmodel") == "graphdef") {
      import_graph(options.model, failed);
      handles_.session = api_.TF_NewSession(handles_.graph.get(), made.get(), status);
    } else {
      const std::string tag = setting(options, kTag, "serve");
      const char* tags[] = {tag.c_str()};
      handles_.session =
          api_.TF_LoadSessionFromSavedModel(made.get(), nullptr, options.model.c_str(), tags, 1,
                                            handles_.graph.get(), nullptr, status);
    }
    check(ErrorKind::model, failed);
  }

  void import_graph(const std::string& path, const std::string& failed) {
    std::ifstream stream(path, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
    const TfBuffer buffer{bytes.data(), bytes.size(), nullptr};
    const TfHandle<TfImportOptions> made(api_.TF_NewImportGraphDefOptions(),
                                         api_.TF_DeleteImportGraphDefOptions);
    api_.TF_GraphImportGraphDef(handles_.graph.get(), &buffer, made.get(), handles_.status.get());
    check(ErrorKind::model, failed);
  }

  TfOutput place_of(const Port& port, const std::string& role) const {
    TfOperation* operation =
        api_.TF_GraphOperationByName(handles_.graph.get(), port.operation.c_str());
    if (operation == nullptr || port.index < 0 ||
        port.index >= api_.TF_OperationNumOutputs(operation)) {
      throw Error(ErrorKind::model, "the model's graph has no tensor " + port.operation + ":" +
                                        std::to_string(port.index) + " for its " + role + " '" +
                                        port.name + "'");
    }
    return {operation, port.index};
  }

  // Open dimensions are -1; false where not even the rank is known.
  bool declared_shape(TfOutput place, std::vector<std::int64_t>& shape) const {
    TfStatus* status = handles_.status.get();
    const int rank = api_.TF_GraphGetTensorNumDims(handles_.graph.get(), place, status);
    shape.assign(rank < 0 ? 0 : static_cast<std::size_t>(rank), -1);
    if (rank > 0) {
      api_.TF_GraphGetTensorShape(handles_.graph.get(), place, shape.data(), rank, status);
    }
    return rank >= 0;
  }

  void add_input(const Port& port, const EngineOptions& options) {
    const TfOutput place = place_of(port, "input");
    const int type = api_.TF_OperationOutputType(place);
    const DType dtype = known_dtype(type, "input '" + port.name + "'");
    std::vector<std::int64_t> declared;
    if (!declared_shape(place, declared)) declared = asked_rank(port, options);
    const std::vector<std::int64_t> shape = fixed_shape(port.name, declared, options);
    require_fit(port, declared, shape);
    const std::size_t bytes = element_count(shape) * dtype_bytes(dtype);
    const Buffer& buffer = buffers_.emplace_back(bytes);
    inputs_.push_back({port.name, dtype, shape, {}, buffer.data(), bytes});
    TfTensor* tensor = api_.TF_NewTensor(
        type, shape.data(), static_cast<int>(shape.size()), buffer.data(), bytes,
        [](void*, std::size_t, void*) {}, nullptr);
    if (tensor == nullptr) {
      throw Error(ErrorKind::model, "tensorflow cannot make a tensor of " + shape_text(shape) +
                                        " for the input '" + port.name + "'");
    }
    values_.push_back(tensor);
    fed_.push_back(place);
    // A buffer that is copied would leave the model running on zeros for ever.
    if (bytes > 0 && api_.TF_TensorData(tensor) != buffer.data()) {
      throw Error(ErrorKind::runtime, "tensorflow does not use the buffer of '" + port.name +
                                          "' in place; this version is not one edgeloop knows");
    }
  }

  // What is fed is not checked by TensorFlow: the kernels fail, or compute something else.
  static void require_fit(const Port& port, const std::vector<std::int64_t>& declared,
                          const std::vector<std::int64_t>& shape) {
    for (std::size_t axis = 0; axis < shape.size(); ++axis) {
      if (declared[axis] >= 0 && declared[axis] != shape[axis]) {
        throw Error(ErrorKind::usage, "the model's input '" + port.name + "' is " +
                                          shape_text(declared) + ", which its graph fixes; " +
                                          shape_text(shape) + " does not fit");
      }
    }
  }

  static std::vector<std::int64_t> asked_rank(const Port& port, const EngineOptions& options) {
    auto asked = options.shapes.find(port.name);
    if (asked == options.shapes.end()) asked = options.shapes.find("");
    if (asked == options.shapes.end()) {
      throw Error(ErrorKind::usage, "the model does not state the rank of its input '" + port.name +
                                        "'; fix its shape with --shape " + port.name + "=AxBxC");
    }
    return std::vector<std::int64_t>(asked->second.size(), -1);
  }

  void add_output(const Port& port) {
    const TfOutput place = place_of(port, "output");
    const DType dtype =
        known_dtype(api_.TF_OperationOutputType(place), "output '" + port.name + "'");
    std::vector<std::int64_t> shape;
    if (!declared_shape(place, shape)) shape = {0};
    for (std::int64_t& size : shape) size = size < 0 ? 0 : size;
    const std::size_t bytes = element_count(shape) * dtype_bytes(dtype);
    const Buffer& buffer = buffers_.emplace_back(bytes);
    outputs_.push_back({port.name, dtype, shape, {}, buffer.data(), bytes});
    before_a_run_.push_back(outputs_.back());
    fetched_.push_back(place);
    results_.push_back(nullptr);
  }

  void describe_output(std::size_t index) {
    const TfTensor* value = results_[index];
    Tensor& tensor = outputs_[index];
    if (value == nullptr) {
      tensor = before_a_run_[index];
      return;
    }
    tensor.shape.clear();
    for (int axis = 0; axis < api_.TF_NumDims(value); ++axis) {
      tensor.shape.push_back(api_.TF_Dim(value, axis));
    }
    tensor.data = api_.TF_TensorData(value);
    tensor.bytes = api_.TF_TensorByteSize(value);
  }

  void drop_outputs() noexcept {
    for (TfTensor*& value : results_) {
      if (value != nullptr) api_.TF_DeleteTensor(value);
      value = nullptr;
    }
  }

  void release() noexcept {
    drop_outputs();
    for (TfTensor* value : values_) api_.TF_DeleteTensor(value);
    values_.clear();
    if (handles_.session == nullptr) return;
    api_.TF_CloseSession(handles_.session, handles_.status.get());
    api_.TF_DeleteSession(handles_.session, handles_.status.get());
    handles_.session = nullptr;
  }

  Dylib library_;
  TfApi api_;
  Handles handles_;
  std::vector<Buffer> buffers_;
  std::vector<TfOutput> fed_;
  std::vector<TfTensor*> values_;
  std::vector<TfOutput> fetched_;
  std::vector<TfTensor*> results_;
  std::vector<Tensor> before_a_run_;  // open dimensions are 0
};

}  // namespace

std::unique_ptr<Engine> create_tensorflow(const EngineOptions& options) {
  return std::make_unique<TensorFlowEngine>(options);
}

}  // namespace edgeloop

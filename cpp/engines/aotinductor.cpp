// A PyTorch model that AOTInductor compiled to a library, through PyTorch's C ABI: libtorch_cpu.so
// of the installed package, then the library of the model, and no Python. The model allocates its
// outputs anew in each run.

#include <cstring>
#include <sstream>

#include "edgeloop/aotinductor_library.hpp"
#include "edgeloop/buffer.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/plain_text.hpp"
#include "edgeloop/shape.hpp"

namespace edgeloop {
namespace {

// From Python: the user's name of the package, the version of PyTorch, and where the package tells
// them its tensors, one a line, "DTYPE AxBxC NAME".
constexpr char kPackage[] = "package";
constexpr char kVersion[] = "torch-version";
constexpr char kInputs[] = "inputs";
constexpr char kOutputs[] = "outputs";
constexpr char kInputDtype[] = "input-dtype";  // of a package that does not tell

constexpr char kNoReason[] = "; it gave no reason, what it printed is in the log";

struct Declared {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
};

DType dtype_named(const std::string& name) {
  for (int dtype = 0; dtype <= static_cast<int>(DType::float64); ++dtype) {
    if (name == dtype_name(static_cast<DType>(dtype))) return static_cast<DType>(dtype);
  }
  throw Error(ErrorKind::usage,
              "aotinductor: '" + name + "' is not a dtype that edgeloop can fill");
}

std::vector<std::int64_t> shape_of(const std::string& text) {
  std::vector<std::int64_t> shape;
  if (text == "scalar") return shape;
  std::istringstream dims(text);
  for (std::string dim; std::getline(dims, dim, 'x');) {
    char* end = nullptr;
    shape.push_back(std::strtoll(dim.c_str(), &end, 10));
    if (end == dim.c_str() || *end != '\0' || shape.back() < 0) {
      throw Error(ErrorKind::usage, "aotinductor: '" + text + "' is not a shape");
    }
  }
  return shape;
}

std::vector<Declared> parse_tensors(const std::string& text) {
  std::vector<Declared> tensors;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    // DTYPE SHAPE NAME, and the name may hold blanks.
    const std::size_t shape = line.find(' ');
    const std::size_t name = shape == std::string::npos ? shape : line.find(' ', shape + 1);
    if (name == std::string::npos) {
      throw Error(ErrorKind::usage, "aotinductor: '" + line + "' is not DTYPE SHAPE NAME");
    }
    tensors.push_back({line.substr(name + 1), dtype_named(line.substr(0, shape)),
                       shape_of(line.substr(shape + 1, name - shape - 1))});
  }
  return tensors;
}

// Output handles: the model fills them in a run, and they are ours until the next.
class OutputHandles {
 public:
  explicit OutputHandles(AotiStatus (*release)(AtenTensorOpaque*)) : release_(release) {}
  OutputHandles(const OutputHandles&) = delete;
  OutputHandles& operator=(const OutputHandles&) = delete;
  ~OutputHandles() { release(); }

  void resize(std::size_t count) { handles_.resize(count, nullptr); }
  void release() noexcept {
    for (AtenTensorOpaque*& handle : handles_) {
      if (handle != nullptr) release_(handle);
      handle = nullptr;
    }
  }
  AtenTensorOpaque** data() noexcept { return handles_.data(); }
  std::size_t size() const noexcept { return handles_.size(); }
  AtenTensorOpaque* operator[](std::size_t index) const noexcept { return handles_[index]; }

 private:
  AotiStatus (*release_)(AtenTensorOpaque*);
  std::vector<AtenTensorOpaque*> handles_;
};

class AotInductorEngine final : public Engine {
 public:
  explicit AotInductorEngine(const EngineOptions& options)
      : package_(setting(options, kPackage, options.model)),
        version_(setting(options, kVersion, "unknown")),
        torch_library_(Dylib::open(options.library)),
        torch_(load_aoti_torch_api(torch_library_)),
        model_(load_aoti_model_api(open_aoti_model(options.model, package_), package_)),
        container_(nullptr, model_.AOTInductorModelContainerDelete),
        run_outputs_(torch_.aoti_torch_delete_tensor_object) {
    require_known_settings(options, {kPackage, kVersion, kInputs, kOutputs, kInputDtype});
    set_aoti_threads(torch_library_, options.threads);
    make_container();
    for (const Declared& input : inputs_of(options)) add_input(input);
    run_inputs_.resize(inputs_.size());
    run_outputs_.resize(count(model_.AOTInductorModelContainerGetNumOutputs));
    declare_outputs(setting(options, kOutputs, ""));
  }

  bool run() noexcept override {
    run_outputs_.release();
    for (std::size_t index = 0; index < run_inputs_.size(); ++index) {
      if (torch_.aoti_torch_new_tensor_handle(input_tensors_[index].get(), &run_inputs_[index]) !=
          0) {
        for (std::size_t passed = 0; passed < index; ++passed) {
          torch_.aoti_torch_delete_tensor_object(run_inputs_[passed]);
        }
        return fail("PyTorch cannot pass input '" + inputs_[index].name + "'");
      }
    }
    return model_.AOTInductorModelContainerRun(container_.get(), run_inputs_.data(),
                                               run_inputs_.size(), run_outputs_.data(),
                                               run_outputs_.size(), nullptr, nullptr) == 0 ||
           fail("the compiled model failed" + words());
  }

  const std::vector<Tensor>& outputs() override {
    for (std::size_t index = 0; index < run_outputs_.size(); ++index) {
      if (run_outputs_[index] != nullptr) {
        describe_output(index);
      } else if (has_failed_) {  // what an earlier run left is gone
        outputs_[index].data = own_memory(index);
      }
    }
    return outputs_;
  }

  std::string runtime_version() const override { return version_; }

 private:
  void make_container() {
    AOTInductorModelContainerOpaque* made = nullptr;
    const bool loaded =
        model_.AOTInductorModelContainerCreateWithDevice(&made, 1, "cpu", nullptr) == 0;
    require(loaded, "cannot be loaded by PyTorch " + version_ + words());
    container_.reset(made);
  }

  std::size_t count(AotiStatus (*count_of)(AOTInductorModelContainerOpaque*, std::size_t*)) {
    constexpr std::size_t kMost = 4096;  // a package of another kind may say anything
    std::size_t tensors = 0;
    require(count_of(container_.get(), &tensors) == 0 && tensors <= kMost,
            "does not tell how many inputs and outputs it has");
    return tensors;
  }

  std::string name(AotiStatus (*name_of)(AOTInductorModelContainerOpaque*, std::size_t,
                                         const char**),
                   std::size_t index) {
    const char* name = nullptr;
    require(name_of(container_.get(), index, &name) == 0 && name != nullptr,
            "does not tell the names of its inputs and outputs");
    return plain_text(name);
  }

  std::vector<Declared> inputs_of(const EngineOptions& options) {
    const std::size_t inputs = count(model_.AOTInductorModelContainerGetNumInputs);
    std::vector<Declared> declared = parse_tensors(setting(options, kInputs, ""));
    const bool told = !declared.empty();
    require(!told || declared.size() == inputs, "describes " + std::to_string(declared.size()) +
                                                    " inputs but takes " + std::to_string(inputs));
    declared.resize(inputs);
    std::vector<std::string> names;
    for (std::size_t index = 0; index < inputs; ++index) {
      if (!told) {
        declared[index].name = name(model_.AOTInductorModelContainerGetInputName, index);
        declared[index].dtype = dtype_named(setting(options, kInputDtype, "float32"));
      }
      names.push_back(declared[index].name);
    }
    require_known_shapes(options, names);
    for (Declared& input : declared) input.shape = shape_for(input, told, options);
    return declared;
  }

  static std::vector<std::int64_t> shape_for(const Declared& input, bool told,
                                             const EngineOptions& options) {
    if (told) {
      std::vector<std::int64_t> shape = fixed_shape(input.name, input.shape, options);
      if (shape == input.shape) return shape;
      throw Error(ErrorKind::usage, "the package fixes its input '" + input.name + "' to " +
                                        shape_text(input.shape) + ", so it cannot run as " +
                                        shape_text(shape) + "; convert the model with that shape");
    }
    auto asked = options.shapes.find(input.name);
    if (asked == options.shapes.end()) asked = options.shapes.find("");
    if (asked != options.shapes.end()) return asked->second;
    throw Error(ErrorKind::usage, "the package does not say the shape of input '" + input.name +
                                      "'; give it with --shape " + input.name + "=1x3x224x224");
  }

  void add_input(const Declared& input) {
    const Buffer& buffer =
        buffers_.emplace_back(element_count(input.shape) * dtype_bytes(input.dtype));
    inputs_.push_back({input.name, input.dtype, input.shape, {}, buffer.data(), buffer.bytes()});
    const std::vector<std::int64_t> strides = dense_strides(input.shape);
    AtenTensorOpaque* tensor = nullptr;
    require(torch_.aoti_torch_create_tensor_from_blob(
                buffer.data(), static_cast<std::int64_t>(input.shape.size()), input.shape.data(),
                strides.data(), 0, aoti_dtype(torch_, input.dtype),
                torch_.aoti_torch_device_type_cpu(), 0, &tensor) == 0,
            "cannot be given its input '" + input.name + "'");
    input_tensors_.emplace_back(tensor, torch_.aoti_torch_delete_tensor_object);
  }

  // A package that does not tell its outputs shows them in a first run, on zeros.
  void declare_outputs(const std::string& lines) {
    const std::vector<Declared> declared = parse_tensors(lines);
    if (declared.size() == run_outputs_.size()) {
      for (const Declared& output : declared) {
        const std::size_t bytes = element_count(output.shape) * dtype_bytes(output.dtype);
        void* nothing_yet = buffers_.emplace_back(bytes).data();
        outputs_.push_back({output.name, output.dtype, output.shape, {}, nothing_yet, bytes});
      }
      return;
    }
    for (std::size_t index = 0; index < run_outputs_.size(); ++index) {
      outputs_.emplace_back().name = name(model_.AOTInductorModelContainerGetOutputName, index);
    }
    if (!run()) {
      throw Error(ErrorKind::model, "the package " + package_ + " cannot run: " + last_error_);
    }
    outputs();
  }

  void describe_output(std::size_t index) {
    AtenTensorOpaque* value = run_outputs_[index];
    Tensor& output = outputs_[index];
    std::int64_t rank = 0, *sizes = nullptr, *strides = nullptr;
    std::int32_t dtype = 0, device = 0;
    void* data = nullptr;
    require(torch_.aoti_torch_get_dim(value, &rank) == 0 &&
                torch_.aoti_torch_get_sizes(value, &sizes) == 0 &&
                torch_.aoti_torch_get_strides(value, &strides) == 0 &&
                torch_.aoti_torch_get_dtype(value, &dtype) == 0 &&
                torch_.aoti_torch_get_device_type(value, &device) == 0 &&
                torch_.aoti_torch_get_data_ptr(value, &data) == 0,
            "does not describe its output '" + output.name + "'");
    const int known = dtype_of_aoti(torch_, dtype);
    require(known >= 0 && device == torch_.aoti_torch_device_type_cpu(),
            "has an output '" + output.name +
                "' of a dtype or on a device that edgeloop cannot read; compile the model with "
                "float32 or integer outputs on the CPU");
    output.dtype = static_cast<DType>(known);
    output.shape.assign(sizes, sizes + rank);
    output.bytes = element_count(output.shape) * dtype_bytes(output.dtype);
    const std::vector<std::int64_t> apart(strides, strides + rank);
    if (output.bytes > 0 && apart == dense_strides(output.shape)) {
      output.data = data;
      return;
    }
    output.data = own_memory(index);
    copy_dense(data, output.shape, apart, dtype_bytes(output.dtype), output.data);
  }

  // Zeroed memory of ours for an output, as large as it is.
  void* own_memory(std::size_t index) {
    dense_outputs_.resize(outputs_.size());
    dense_outputs_[index] = std::make_unique<Buffer>(outputs_[index].bytes);
    return dense_outputs_[index]->data();
  }

  bool fail(const std::string& what) noexcept {
    has_failed_ = true;
    last_error_ = what;
    return false;
  }

  // What the model's library says of its last failure, as the end of a sentence.
  std::string words() const {
    const char* said = nullptr;
    if (model_.last_error == nullptr || model_.last_error(&said) != 0) return kNoReason;
    const std::string plain = plain_text(said);
    return plain.empty() ? kNoReason : ": " + plain;
  }

  void require(bool holds, const std::string& otherwise) const {
    if (!holds) throw Error(ErrorKind::model, "the package " + package_ + " " + otherwise);
  }

  std::string package_;
  std::string version_;
  Dylib torch_library_;
  AotiTorchApi torch_;
  AotiModelApi model_;
  std::unique_ptr<AOTInductorModelContainerOpaque, AotiStatus (*)(AOTInductorModelContainerOpaque*)>
      container_;
  std::vector<Buffer> buffers_;
  std::vector<std::unique_ptr<Buffer>> dense_outputs_;  // of outputs whose elements lie apart
  std::vector<AotiTensor> input_tensors_;
  std::vector<AtenTensorOpaque*> run_inputs_;  // the model's own from the call of Run on
  OutputHandles run_outputs_;
  bool has_failed_ = false;
};

}  // namespace

std::unique_ptr<Engine> create_aotinductor(const EngineOptions& options) {
  return std::make_unique<AotInductorEngine>(options);
}

}  // namespace edgeloop

// TensorFlow Lite through its C API, from any libtensorflowlite_c.so.
//
// The library applies no delegate by itself, whereas the Python interpreters apply XNNPACK: it is
// added here, after the inputs got their shapes, where the Python ones add it too.

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <memory>

#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/shape.hpp"
#include "edgeloop/tflite_external_delegate.hpp"
#include "edgeloop/tflite_probe.hpp"
#include "edgeloop/tflite_profiler.hpp"
#include "edgeloop/tflite_tensor.hpp"

namespace edgeloop {
namespace {

// The functions of the library, bound once per engine.
struct Api {
  explicit Api(const Dylib& library);

  const char* (*version)();
  TfLiteModel* (*model_from_file)(const char* path);
  TfLiteModel* (*model_from_file_reporting)(const char* path, TfLiteReporter, void* user_data);
  void (*model_delete)(TfLiteModel*);
  TfLiteInterpreterOptions* (*options_create)();
  void (*options_delete)(TfLiteInterpreterOptions*);
  void (*options_set_num_threads)(TfLiteInterpreterOptions*, std::int32_t);
  void (*options_set_error_reporter)(TfLiteInterpreterOptions*, TfLiteReporter, void* user_data);
  TfLiteInterpreter* (*interpreter_create)(const TfLiteModel*, const TfLiteInterpreterOptions*);
  void (*interpreter_delete)(TfLiteInterpreter*);
  std::int32_t (*input_count)(const TfLiteInterpreter*);
  std::int32_t (*output_count)(const TfLiteInterpreter*);
  TfLiteTensor* (*input_tensor)(const TfLiteInterpreter*, std::int32_t index);
  const TfLiteTensor* (*output_tensor)(const TfLiteInterpreter*, std::int32_t index);
  TfLiteStatus (*resize_input)(TfLiteInterpreter*, std::int32_t index, const int* dims,
                               std::int32_t rank);
  TfLiteStatus (*modify_graph_with_delegate)(const TfLiteInterpreter*, TfLiteDelegate*);
  TfLiteStatus (*allocate_tensors)(TfLiteInterpreter*);
  TfLiteStatus (*invoke)(TfLiteInterpreter*);
  bool opaque_delegates;
};

Api::Api(const Dylib& library)
    : version(library.symbol<decltype(version)>("TfLiteVersion")),
      model_from_file(library.symbol<decltype(model_from_file)>("TfLiteModelCreateFromFile")),
      // Since 2.11; before it the reason why a file is refused goes to stderr.
      model_from_file_reporting(library.optional_symbol<decltype(model_from_file_reporting)>(
          "TfLiteModelCreateFromFileWithErrorReporter")),
      model_delete(library.symbol<decltype(model_delete)>("TfLiteModelDelete")),
      options_create(library.symbol<decltype(options_create)>("TfLiteInterpreterOptionsCreate")),
      options_delete(library.symbol<decltype(options_delete)>("TfLiteInterpreterOptionsDelete")),
      options_set_num_threads(library.symbol<decltype(options_set_num_threads)>(
          "TfLiteInterpreterOptionsSetNumThreads")),
      options_set_error_reporter(library.symbol<decltype(options_set_error_reporter)>(
          "TfLiteInterpreterOptionsSetErrorReporter")),
      interpreter_create(library.symbol<decltype(interpreter_create)>("TfLiteInterpreterCreate")),
      interpreter_delete(library.symbol<decltype(interpreter_delete)>("TfLiteInterpreterDelete")),
      input_count(library.symbol<decltype(input_count)>("TfLiteInterpreterGetInputTensorCount")),
      output_count(library.symbol<decltype(output_count)>("TfLiteInterpreterGetOutputTensorCount")),
      input_tensor(library.symbol<decltype(input_tensor)>("TfLiteInterpreterGetInputTensor")),
      output_tensor(library.symbol<decltype(output_tensor)>("TfLiteInterpreterGetOutputTensor")),
      resize_input(library.symbol<decltype(resize_input)>("TfLiteInterpreterResizeInputTensor")),
      modify_graph_with_delegate(library.symbol<decltype(modify_graph_with_delegate)>(
          "TfLiteInterpreterModifyGraphWithDelegate")),
      allocate_tensors(
          library.symbol<decltype(allocate_tensors)>("TfLiteInterpreterAllocateTensors")),
      invoke(library.symbol<decltype(invoke)>("TfLiteInterpreterInvoke")),
      opaque_delegates(library.optional_symbol<void*>("TfLiteOpaqueDelegateCreate") != nullptr) {}

// Keeps what the runtime reports, so that an error can quote it.
class Reporter {
 public:
  static void report(void* self, const char* format, va_list arguments) noexcept {
    static_cast<Reporter*>(self)->append(format, arguments);
  }

  void clear() noexcept { size_ = 0; }

  // The words so far, or where to look for them.
  std::string words() const {
    return size_ == 0 ? "the runtime gave no reason" : std::string(text_.data(), size_);
  }

 private:
  // The first words name the cause: what no longer fits is left out. Nothing is allocated, because
  // a run may report.
  void append(const char* format, va_list arguments) noexcept {
    if (size_ > 0 && size_ + kSeparator.size() < text_.size()) {
      std::memcpy(text_.data() + size_, kSeparator.data(), kSeparator.size());
      size_ += kSeparator.size();
    }
    const std::size_t room = text_.size() - size_;
    const int wanted = std::vsnprintf(text_.data() + size_, room, format, arguments);
    const std::size_t begin = size_;
    if (wanted > 0) size_ += std::min(static_cast<std::size_t>(wanted), room - 1);
    while (size_ > begin && text_[size_ - 1] == '\n') --size_;
    std::replace(text_.begin() + begin, text_.begin() + size_, '\n', ' ');
  }

  static constexpr std::array<char, 2> kSeparator{';', ' '};
  std::array<char, 1024> text_{};
  std::size_t size_ = 0;
};

// XNNPACK with its own thread count: the interpreter's covers only the built-in kernels.
using XnnpackDelegate = std::unique_ptr<TfLiteDelegate, void (*)(TfLiteDelegate*)>;

XnnpackDelegate create_xnnpack(const Dylib& library, int threads) {
  using OptionsDefault = TfLiteXNNPackOptions (*)();
  using Create = TfLiteDelegate* (*)(const TfLiteXNNPackOptions*);
  using Delete = void (*)(TfLiteDelegate*);
  const auto options_default =
      library.optional_symbol<OptionsDefault>("TfLiteXNNPackDelegateOptionsDefault");
  const auto create = library.optional_symbol<Create>("TfLiteXNNPackDelegateCreate");
  const auto destroy = library.optional_symbol<Delete>("TfLiteXNNPackDelegateDelete");
  if (options_default == nullptr || create == nullptr || destroy == nullptr) {
    throw Error(ErrorKind::not_available,
                "the library " + library.path() +
                    " was built without XNNPACK; measure its own kernels with --delegate none, or "
                    "name another library with --library");
  }
  TfLiteXNNPackOptions options = options_default();
  options.num_threads = threads;
  XnnpackDelegate delegate(create(&options), destroy);
  if (!delegate) {
    throw Error(ErrorKind::runtime,
                "tflite: XNNPACK could not be created on this processor; use "
                "--delegate none");
  }
  return delegate;
}

bool wants_xnnpack(const EngineOptions& options) {
  const std::string word = setting(options, "xnnpack", "1");
  if (word == "1" || word == "0") return word == "1";
  throw Error(ErrorKind::usage, "tflite: xnnpack is 1 or 0, not '" + word + "'");
}

Dylib open_library(const EngineOptions& options) {
  if (options.library.empty()) {
    throw Error(ErrorKind::not_available,
                "tflite: no library was named; give the path of libtensorflowlite_c.so");
  }
  return Dylib::open(options.library);
}

class TfliteEngine final : public Engine {
 public:
  explicit TfliteEngine(const EngineOptions& options)
      : library_(open_library(options)),
        api_(library_),
        model_(load_model(options.model), api_.model_delete),
        xnnpack_(nullptr, nullptr),
        probe_(api_.opaque_delegates),
        delegates_(create_external_delegates(options, probe_)),
        interpreter_(create_interpreter(options), api_.interpreter_delete) {
    fix_shapes(options);
    for (const auto& delegate : delegates_) apply(*delegate);
    if (wants_xnnpack(options)) apply_xnnpack(options.threads);
    if (options.probe) {
      require(api_.modify_graph_with_delegate(interpreter_.get(), probe_.delegate()),
              "be inspected");
    }
    require(api_.allocate_tensors(interpreter_.get()), "be given memory");
    describe();
    for (const Tensor& input : inputs_) std::memset(input.data, 0, input.bytes);
    reporter_.clear();
  }

  bool run() noexcept override {
    status_ = api_.invoke(interpreter_.get());
    return status_ == kTfLiteOk;
  }

  // Memory moves only where some shape is found while the model runs.
  const std::vector<Tensor>& inputs() override {
    if (dynamic_) describe();
    return inputs_;
  }

  const std::vector<Tensor>& outputs() override {
    if (dynamic_) describe();
    return outputs_;
  }

  std::string last_error() const override {
    const std::string with = delegates_.empty() ? "" : " with " + names_of(delegates_);
    return "tflite: TfLiteInterpreterInvoke" + with + " returned status " +
           std::to_string(status_) + ": " + reporter_.words();
  }

  std::string runtime_version() const override { return api_.version(); }
  Placement placement() override { return probe_.placement(); }
  void drop_events() override { telemetry_.recorder().drop(); }
  std::size_t event_capacity() const noexcept override { return OperatorRecorder::kCapacity; }
  std::vector<OperatorEvent> take_events() override { return telemetry_.recorder().take(); }

 private:
  TfLiteModel* load_model(const std::string& path) {
    model_path_ = path;
    TfLiteModel* model =
        api_.model_from_file_reporting != nullptr
            ? api_.model_from_file_reporting(path.c_str(), &Reporter::report, &reporter_)
            : api_.model_from_file(path.c_str());
    if (model == nullptr) fail("be read as a TFLite model");
    return model;
  }

  TfLiteInterpreter* create_interpreter(const EngineOptions& options) {
    const std::unique_ptr<TfLiteInterpreterOptions, void (*)(TfLiteInterpreterOptions*)> settings(
        api_.options_create(), api_.options_delete);
    api_.options_set_num_threads(settings.get(), options.threads);
    api_.options_set_error_reporter(settings.get(), &Reporter::report, &reporter_);
    if (options.profile) observe(settings.get());
    TfLiteInterpreter* interpreter = api_.interpreter_create(model_.get(), settings.get());
    if (interpreter == nullptr) fail("be run by this runtime");
    return interpreter;
  }

  void observe(TfLiteInterpreterOptions* settings) {
    using Set = void (*)(TfLiteInterpreterOptions*, TfLiteTelemetryProfiler*);
    const auto set = library_.optional_symbol<Set>("TfLiteInterpreterOptionsSetTelemetryProfiler");
    if (set == nullptr) {
      throw Error(
          ErrorKind::not_available,
          "the library " + library_.path() +
              " has no profiler (TfLiteInterpreterOptionsSetTelemetryProfiler, since 2.13); "
              "name a newer one with --library, or profile with --runtime litert");
    }
    set(settings, telemetry_.profiler());
  }

  void fix_shapes(const EngineOptions& options) {
    const std::int32_t count = api_.input_count(interpreter_.get());
    std::vector<std::string> names;
    for (std::int32_t i = 0; i < count; ++i) names.push_back(tensor_name(*input(i)));
    require_known_shapes(options, names);
    bool resized = false;
    for (std::int32_t i = 0; i < count; ++i) {
      const std::string& name = names[static_cast<std::size_t>(i)];
      const auto shape = fixed_shape(name, declared_shape(*input(i)), options);
      if (shape == present_shape(*input(i))) continue;
      const std::vector<int> dims(shape.begin(), shape.end());
      require(api_.resize_input(interpreter_.get(), i, dims.data(),
                                static_cast<std::int32_t>(dims.size())),
              "take " + shape_text(shape) + " as the shape of input '" + name + "'");
      resized = true;
    }
    // The built-in kernels check their inputs; XNNPACK would compute with a wrong number of
    // channels.
    if (resized) require(api_.allocate_tensors(interpreter_.get()), "run with these shapes");
  }

  // Whoever asked for a delegate wants no figure without it.
  void apply(const TfliteExternalDelegate& delegate) {
    const TfLiteStatus status = api_.modify_graph_with_delegate(interpreter_.get(), delegate.get());
    delegated_ = true;
    if (status == kTfLiteOk) return;
    throw Error(ErrorKind::runtime, "tflite: the delegate " + delegate.name() +
                                        " failed on the model " + model_path_ + ", status " +
                                        std::to_string(status) + ": " + reporter_.words());
  }

  // As in the Python interpreters, a graph that XNNPACK cannot take runs on the built-in kernels:
  // placement() shows it.
  void apply_xnnpack(int threads) {
    xnnpack_ = create_xnnpack(library_, threads);
    probe_.expect(xnnpack_.get(), "xnnpack");
    if (api_.modify_graph_with_delegate(interpreter_.get(), xnnpack_.get()) == kTfLiteError) {
      fail("be run by XNNPACK");
    }
  }

  void describe() {
    inputs_.clear();
    outputs_.clear();
    for (std::int32_t i = 0; i < api_.input_count(interpreter_.get()); ++i) {
      inputs_.push_back(describe_tensor(*input(i)));
    }
    for (std::int32_t i = 0; i < api_.output_count(interpreter_.get()); ++i) {
      outputs_.push_back(describe_tensor(*api_.output_tensor(interpreter_.get(), i)));
    }
    dynamic_ = probe_.context() == nullptr || has_dynamic_tensors(*probe_.context());
  }

  const TfLiteTensor* input(std::int32_t index) const {
    return api_.input_tensor(interpreter_.get(), index);
  }

  void require(TfLiteStatus status, const std::string& what) const {
    if (status != kTfLiteOk) fail(what);
  }

  [[noreturn]] void fail(const std::string& what) const {
    const std::string with = delegated_ ? " (with " + names_of(delegates_) + ")" : "";
    throw Error(
        delegated_ ? ErrorKind::runtime : ErrorKind::model,
        "tflite: the model " + model_path_ + " cannot " + what + with + ": " + reporter_.words());
  }

  // Destroyed from the bottom up: the interpreter uses everything above it.
  Dylib library_;
  Api api_;
  Reporter reporter_;
  std::string model_path_;
  bool delegated_ = false;  // an external delegate has changed the graph
  std::unique_ptr<TfLiteModel, void (*)(TfLiteModel*)> model_;
  TfliteTelemetry telemetry_;
  XnnpackDelegate xnnpack_;
  TfliteProbe probe_;
  TfliteExternalDelegates delegates_;
  std::unique_ptr<TfLiteInterpreter, void (*)(TfLiteInterpreter*)> interpreter_;
  bool dynamic_ = false;
  TfLiteStatus status_ = kTfLiteOk;
};

}  // namespace

std::unique_ptr<Engine> create_tflite(const EngineOptions& options) {
  require_known_settings(options, {"xnnpack"});
  return std::make_unique<TfliteEngine>(options);
}

}  // namespace edgeloop

// LiteRT's CompiledModel on the CPU or the GPU, through the C API of libLiteRt.so. Inputs and
// outputs are host memory of ours: the CPU reads and writes it in place, and for the GPU the
// runtime copies it, so that a run ends when the outputs are there.

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "edgeloop/buffer.hpp"
#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/litert_library.hpp"
#include "edgeloop/litert_profiler.hpp"
#include "edgeloop/mapped_file.hpp"
#include "edgeloop/shape.hpp"
#include "edgeloop/tflite_external_delegate.hpp"
#include "edgeloop/tflite_probe.hpp"
#include "edgeloop/tflite_tensor.hpp"
#include "litert_c.h"

namespace edgeloop {
namespace {

constexpr char kVersion[] = "version";         // of the library, which has no symbol that tells it
constexpr char kKernelMode[] = "kernel-mode";  // "delegate" is XNNPACK
constexpr char kGpuLibrary[] = "gpu-library";  // of the GPU's accelerator; none: the CPU alone
constexpr char kGpuPrecision[] = "gpu-precision";  // "fp32"; none: what the accelerator prefers

constexpr LiteRtStatus kNotRun = -1;
constexpr std::size_t kSignature = 0;        // the Python API's default too
constexpr std::size_t kReadableBeyond = 64;  // bytes: XNNPACK reads up to 16 past a buffer's end

std::vector<std::int64_t> shape_of(const LiteRtLayout& layout) {
  const std::size_t rank = layout.rank_and_flags & 0x7f;
  return {layout.dimensions, layout.dimensions + std::min(rank, kLiteRtMaxRank)};
}

LiteRtRankedTensorType tensor_type(int element, const std::vector<std::int64_t>& shape) {
  LiteRtRankedTensorType type{};
  type.element_type = element;
  type.layout.rank_and_flags = static_cast<std::uint32_t>(shape.size());
  std::transform(shape.begin(), shape.end(), type.layout.dimensions,
                 [](std::int64_t size) { return static_cast<std::int32_t>(size); });
  return type;
}

class LiteRtEngine final : public Engine {
 public:
  explicit LiteRtEngine(const EngineOptions& options)
      : library_(Dylib::open(options.library)),
        api_(load_litert_api(library_)),
        version_(setting(options, kVersion, "unknown")),
        model_path_(options.model),
        file_(options.model),
        hardware_(load_accelerators(options)),
        delegates_(create_external_delegates(options, probe_)),
        environment_(make_environment(options.probe)),
        model_(make_model()),
        compiled_(compile(options)) {
    LiteRtSignatureT* signature = nullptr;
    describe(api_.LiteRtGetModelSignature(model_.get(), kSignature, &signature));
    const std::vector<Declared> inputs = declared(signature, api_.LiteRtGetNumSignatureInputs,
                                                  api_.LiteRtGetSignatureInputTensorByIndex);
    const std::vector<Declared> outputs = declared(signature, api_.LiteRtGetNumSignatureOutputs,
                                                   api_.LiteRtGetSignatureOutputTensorByIndex);
    add_inputs(inputs, options);
    allocate(outputs.size(), options);
    add_outputs(outputs);
    if (options.profile) profiler_.emplace(library_, compiled_.get());
  }

  bool run() noexcept override {
    status_ = api_.LiteRtRunCompiledModel(compiled_.get(), kSignature, input_buffers_.size(),
                                          input_buffers_.data(), output_buffers_.size(),
                                          output_buffers_.data());
    return status_ == 0;
  }

  const std::vector<Tensor>& outputs() override {
    if (status_ == 0) require_fixed_outputs();
    return outputs_;
  }

  std::string last_error() const override {
    const std::string with = delegates_.empty() ? "" : " with " + names_of(delegates_);
    return "LiteRT failed to run the model " + model_path_ + with + ": " +
           litert_status_text(status_) + "; its own words are on stderr";
  }

  std::string runtime_version() const override { return version_; }

  std::string device() const override { return on_gpu() ? "GPU" : ""; }

  std::string timed_region() const override {
    return on_gpu() ? "the copies to the GPU and back are in it" : "";
  }

  Placement placement() override { return probe_.placement(); }
  void drop_events() override {
    if (profiler_) profiler_->drop_events();
  }
  std::size_t event_capacity() const noexcept override { return LiteRtProfiler::kCapacity; }

  std::vector<OperatorEvent> take_events() override {
    return profiler_ ? profiler_->take_events() : std::vector<OperatorEvent>();
  }

 private:
  // What the model says of one input or output; an open dimension is < 0.
  struct Declared {
    Tensor tensor;
    int element = 0;
    std::uint32_t index = 0;  // in its subgraph
  };

  bool on_gpu() const noexcept { return (hardware_ & kLiteRtHardwareGpu) != 0; }

  // The runtime looks for an accelerator by the bare name of its library, which finds it where it
  // is loaded already.
  static int load_accelerators(const EngineOptions& options) {
    const std::string library = setting(options, kGpuLibrary, "");
    if (library.empty()) return kLiteRtHardwareCpu;
    Dylib::open(library);
    return kLiteRtHardwareCpu | kLiteRtHardwareGpu;
  }

  // Only what was asked for: looking for other GPUs and NPUs takes time and prints warnings.
  LiteRtHandle<LiteRtEnvironmentT> make_environment(bool probed) {
    const LiteRtEnvIntOption options[] = {
        {kLiteRtAutoRegisterAccelerators, 0, kLiteRtAnyInt, hardware_},
        {kLiteRtMinLogSeverity, 0, kLiteRtAnyInt, kLiteRtLogWarnings}};
    LiteRtEnvironmentT* environment = nullptr;
    check_litert(api_.LiteRtCreateEnvironment(2, options, &environment), ErrorKind::runtime,
                 "LiteRT cannot start");
    LiteRtHandle<LiteRtEnvironmentT> owned(environment, api_.LiteRtDestroyEnvironment);
    std::vector<TfLiteDelegate*> delegates;
    for (const auto& delegate : delegates_) delegates.push_back(delegate->get());
    if (probed) delegates.push_back(probe_.delegate());
    offers_ = register_litert_delegates(api_, environment, delegates);
    return owned;
  }

  // From memory, because there the runtime verifies it; a damaged file would make it crash.
  LiteRtHandle<LiteRtModelT> make_model() {
    LiteRtModelT* model = nullptr;
    check_litert(
        api_.LiteRtCreateModelFromBuffer(environment_.get(), file_.data(), file_.bytes(), &model),
        ErrorKind::model, "LiteRT cannot load the model " + model_path_);
    return LiteRtHandle<LiteRtModelT>(model, api_.LiteRtDestroyModel);
  }

  LiteRtHandle<LiteRtCompiledModelT> compile(const EngineOptions& options) {
    const LiteRtHandle<LiteRtOptionsT> settings = compile_options(options);
    LiteRtCompiledModelT* compiled = nullptr;
    const LiteRtStatus status =
        compile_with(api_, offers_, environment_.get(), model_.get(), settings.get(), &compiled);
    if (status != 0) fail("compile", status);
    return LiteRtHandle<LiteRtCompiledModelT>(compiled, api_.LiteRtDestroyCompiledModel);
  }

  LiteRtHandle<LiteRtOptionsT> compile_options(const EngineOptions& options) {
    require_known_settings(options, {kVersion, kKernelMode, kGpuLibrary, kGpuPrecision});
    const std::string mode = setting(options, kKernelMode, "delegate");
    if (mode != "delegate" && mode != "builtin" && mode != "reference") {
      throw Error(ErrorKind::usage, std::string("litert: ") + kKernelMode + "=" + mode +
                                        " is not one of delegate, builtin, reference");
    }
    if (mode == "delegate" && !options.delegates.empty()) {
      throw Error(ErrorKind::usage,
                  "litert: XNNPACK goes before any other delegate and would take every node");
    }
    // All versions read "xnnpack", the newer ones "delegate" too.
    const std::string toml = "num_threads = " + std::to_string(options.threads) +
                             "\nkernel_mode = \"" + (mode == "delegate" ? "xnnpack" : mode) +
                             "\"\n";
    constexpr char kFailed[] = "LiteRT does not accept the options";
    LiteRtOptionsT* made = nullptr;
    check_litert(api_.LiteRtCreateOptions(&made), ErrorKind::runtime, kFailed);
    LiteRtHandle<LiteRtOptionsT> owned(made, api_.LiteRtDestroyOptions);
    check_litert(api_.LiteRtSetOptionsHardwareAccelerators(made, hardware_), ErrorKind::runtime,
                 kFailed);
    add_group(made, "xnnpack", toml);
    if (setting(options, kGpuPrecision, "") == "fp32") {
      add_group(made, "gpu_options", "precision = 2\n");
    }
    if (options.profile) add_group(made, "runtime_options_string", "enable_profiling = true\n");
    return owned;
  }

  void add_group(LiteRtOptionsT* options, const char* group, const std::string& toml) const {
    constexpr char kFailed[] = "LiteRT does not accept the options";
    LiteRtOpaqueOptionsT* made = nullptr;
    check_litert(api_.LiteRtCreateOpaqueOptions(group, strdup(toml.c_str()), std::free, &made),
                 ErrorKind::runtime, kFailed);
    LiteRtHandle<LiteRtOpaqueOptionsT> owned(made, api_.LiteRtDestroyOpaqueOptions);
    check_litert(api_.LiteRtAddOpaqueOptions(options, made), ErrorKind::runtime, kFailed);
    owned.release();  // the options own them now
  }

  [[noreturn]] void fail(const std::string& what, LiteRtStatus status) const {
    if (!delegates_.empty()) {
      throw Error(ErrorKind::runtime, "LiteRT cannot " + what + " the model " + model_path_ +
                                          " with " + names_of(delegates_) + ": " +
                                          litert_status_text(status) + custom_operators());
    }
    if (on_gpu()) {
      throw Error(ErrorKind::runtime, "LiteRT cannot " + what + " the model " + model_path_ +
                                          " for the GPU: " + litert_status_text(status) +
                                          "; its own words, on stderr, say whether it found "
                                          "a GPU");
    }
    throw Error(ErrorKind::model, "LiteRT cannot " + what + " the model " + model_path_ + ": " +
                                      litert_status_text(status) + custom_operators());
  }

  // The runtime names an operator that it lacks on stderr only: the suspects are the custom ones.
  std::string custom_operators() const {
    std::string names;
    std::size_t subgraphs = 0;
    api_.LiteRtGetNumModelSubgraphs(model_.get(), &subgraphs);
    for (std::size_t number = 0; number < subgraphs; ++number) {
      LiteRtSubgraphT* subgraph = nullptr;
      std::size_t operators = 0;
      if (api_.LiteRtGetModelSubgraph(model_.get(), number, &subgraph) != 0) continue;
      api_.LiteRtGetNumSubgraphOps(subgraph, &operators);
      for (std::size_t index = 0; index < operators; ++index) {
        LiteRtOpT* op = nullptr;
        int code = 0;
        const char* name = nullptr;
        if (api_.LiteRtGetSubgraphOp(subgraph, index, &op) != 0 ||
            api_.LiteRtGetOpCode(op, &code) != 0 || code != kLiteRtCustomOperator ||
            api_.LiteRtGetCustomCode(op, &name) != 0 || name == nullptr ||
            names.find(name) != std::string::npos) {
          continue;
        }
        names += (names.empty() ? "" : ", ") + std::string(name);
      }
    }
    return names.empty() ? "; its own words are on stderr"
                         : "; perhaps an unresolved custom op, of which the model has: " + names;
  }

  static void describe(LiteRtStatus status) {
    check_litert(status, ErrorKind::model,
                 "LiteRT does not describe the model's inputs and outputs");
  }

  template <class Count, class Find>
  std::vector<Declared> declared(LiteRtSignatureT* signature, Count count_of, Find find) const {
    std::size_t count = 0;
    describe(count_of(signature, &count));
    std::vector<Declared> list(count);
    for (std::size_t position = 0; position < count; ++position) {
      LiteRtTensorT* tensor = nullptr;
      describe(find(signature, position, &tensor));
      const char* name = nullptr;
      describe(api_.LiteRtGetTensorName(tensor, &name));
      list[position].tensor.name = name == nullptr ? "" : name;
      describe(api_.LiteRtGetTensorIndex(tensor, &list[position].index));
      LiteRtRankedTensorType type{};
      describe(api_.LiteRtGetRankedTensorType(tensor, &type));
      list[position].element = type.element_type;
      list[position].tensor.dtype = tflite_dtype(list[position].tensor.name, type.element_type);
      list[position].tensor.shape = shape_of(type.layout);
      list[position].tensor.quantization = quantization_of(tensor);
    }
    return list;
  }

  Quantization quantization_of(LiteRtTensorT* tensor) const {
    int kind = 0;
    describe(api_.LiteRtGetQuantizationTypeId(tensor, &kind));
    if (kind == kLiteRtPerTensor) {
      LiteRtQuantizationPerTensor whole{};
      describe(api_.LiteRtGetPerTensorQuantization(tensor, &whole));
      return {{whole.scale}, {whole.zero_point}, 0};
    }
    if (kind == kLiteRtPerChannel) {
      LiteRtQuantizationPerChannel slices{};
      describe(api_.LiteRtGetPerChannelQuantization(tensor, &slices));
      return {{slices.scales, slices.scales + slices.channels},
              {slices.zero_points, slices.zero_points + slices.channels},
              slices.axis};
    }
    return {};
  }

  void add_inputs(const std::vector<Declared>& declared, const EngineOptions& options) {
    std::vector<std::string> names;
    for (const Declared& input : declared) names.push_back(input.tensor.name);
    require_known_shapes(options, names);
    for (std::size_t index = 0; index < declared.size(); ++index) {
      Declared input = declared[index];
      input.tensor.shape = fixed_shape(input.tensor.name, input.tensor.shape, options);
      if (!input.tensor.shape.empty()) {
        const std::vector<int> shape(input.tensor.shape.begin(), input.tensor.shape.end());
        check_litert(api_.LiteRtCompiledModelResizeInputTensorNonStrict(
                         compiled_.get(), kSignature, index, shape.data(), shape.size()),
                     ErrorKind::model,
                     "LiteRT does not take " + shape_text(input.tensor.shape) +
                         " as the shape of input '" + input.tensor.name + "'");
      }
      add_tensor(input, inputs_, input_buffers_);
      input_indexes_.push_back(input.index);
    }
  }

  // Until the shapes of the outputs were asked for, those that the model leaves open count as a
  // single element, and the runtime would write past their buffers.
  void allocate(std::size_t outputs, const EngineOptions& options) {
    output_layouts_.resize(outputs);
    const LiteRtStatus status = api_.LiteRtGetCompiledModelOutputTensorLayouts(
        compiled_.get(), kSignature, outputs, output_layouts_.data(), true);
    if (status != 0 && (options.batch_size > 0 || !options.shapes.empty())) {
      throw Error(
          ErrorKind::model,
          "LiteRT cannot run the model " + model_path_ +
              " with the batch size or shapes that were asked for: " + litert_status_text(status) +
              "; a model often fixes its batch size inside, convert it with another one");
    }
    if (status != 0) fail("allocate the tensors of", status);
  }

  void add_outputs(std::vector<Declared> declared) {
    for (std::size_t index = 0; index < declared.size(); ++index) {
      declared[index].tensor.shape = shape_of(output_layouts_[index]);
      output_indexes_.push_back(declared[index].index);
      const auto passed =
          std::find(input_indexes_.begin(), input_indexes_.end(), declared[index].index);
      if (passed == input_indexes_.end()) {
        add_tensor(declared[index], outputs_, output_buffers_);
      } else {  // an output that is an input: a tensor has only one buffer
        const auto input = passed - input_indexes_.begin();
        outputs_.push_back(inputs_[static_cast<std::size_t>(input)]);
        output_buffers_.push_back(input_buffers_[static_cast<std::size_t>(input)]);
      }
    }
    require_fixed_outputs();
  }

  // A tensor that gets its shape during the run has memory of the runtime's own, not ours.
  void require_fixed_outputs() const {
    const TfLiteContext* context = probe_.context();
    for (std::size_t index = 0; index < outputs_.size(); ++index) {
      if (context == nullptr || output_indexes_[index] >= context->tensors_size) continue;
      const TfLiteTensor& present = context->tensors[output_indexes_[index]];
      const Tensor& output = outputs_[index];
      if (tensor_name(present) != output.name) continue;  // the signature is of another subgraph
      if (present.allocation_type == kTfLiteDynamic || present_shape(present) != output.shape) {
        throw Error(ErrorKind::model,
                    "the model's output '" + output.name +
                        "' gets its shape while the model runs, which LiteRT's compiled models "
                        "cannot return; measure it with the tflite runtime");
      }
    }
  }

  void add_tensor(const Declared& declared, std::vector<Tensor>& tensors,
                  std::vector<LiteRtTensorBufferT*>& buffers) {
    Tensor tensor = declared.tensor;
    tensor.bytes = element_count(tensor.shape) * dtype_bytes(tensor.dtype);
    tensor.data = memory_.emplace_back(tensor.bytes + kReadableBeyond).data();
    const LiteRtRankedTensorType type = tensor_type(declared.element, tensor.shape);
    LiteRtTensorBufferT* buffer = nullptr;
    check_litert(api_.LiteRtCreateTensorBufferFromHostMemory(&type, tensor.data, tensor.bytes,
                                                             nullptr, &buffer),
                 ErrorKind::model, "LiteRT cannot use a buffer for '" + tensor.name + "'");
    owned_buffers_.emplace_back(buffer, api_.LiteRtDestroyTensorBuffer);
    buffers.push_back(buffer);
    tensors.push_back(std::move(tensor));
  }

  // Destroyed from the bottom up: each uses what stands above it.
  Dylib library_;
  LiteRtApi api_;
  std::string version_;
  std::string model_path_;
  MappedFile file_;
  TfliteProbe probe_;
  int hardware_;  // what runs the model, as LiteRT's bits
  TfliteExternalDelegates delegates_;
  LiteRtOffers offers_;  // the delegates and, last, the probe
  LiteRtHandle<LiteRtEnvironmentT> environment_;
  LiteRtHandle<LiteRtModelT> model_;
  LiteRtHandle<LiteRtCompiledModelT> compiled_;
  std::optional<LiteRtProfiler> profiler_;
  std::vector<Buffer> memory_;
  std::vector<LiteRtHandle<LiteRtTensorBufferT>> owned_buffers_;
  std::vector<LiteRtLayout> output_layouts_;
  std::vector<LiteRtTensorBufferT*> input_buffers_;
  std::vector<LiteRtTensorBufferT*> output_buffers_;
  std::vector<std::uint32_t> input_indexes_;  // of the tensors in their subgraph
  std::vector<std::uint32_t> output_indexes_;
  LiteRtStatus status_ = kNotRun;
};

}  // namespace

std::unique_ptr<Engine> create_litert(const EngineOptions& options) {
  return std::make_unique<LiteRtEngine>(options);
}

}  // namespace edgeloop

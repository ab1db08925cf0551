// A native loop over the very interpreter that a Python object of the tflite-runtime package holds:
// the package exports its C++ symbols, and the object tells its handle.

#include <cstring>

#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/tflite_attachment.hpp"
#include "edgeloop/tflite_tensor.hpp"

namespace edgeloop {
namespace {

// tflite::impl::Interpreter::Invoke(), a member function that takes nothing but `this`.
constexpr const char* kInvoke = "_ZN6tflite4impl11Interpreter6InvokeEv";

class TfliteRuntimeEngine final : public Engine {
 public:
  explicit TfliteRuntimeEngine(const TfliteAttachment& attachment)
      : attachment_(attachment),
        invoke_(attachment.library.symbol<TfLiteStatus (*)(void*)>(kInvoke)),
        context_(attachment.probe.context()) {
    if (context_ == nullptr) {
      throw Error(ErrorKind::usage,
                  "tflite-runtime: the probe was not applied to the interpreter before attaching");
    }
    describe();
    for (const Tensor& input : inputs_) std::memset(input.data, 0, input.bytes);
  }

  bool run() noexcept override {
    status_ = invoke_(attachment_.interpreter);
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

  // The reason went to the Python object's own error reporter.
  std::string last_error() const override {
    return "tflite-runtime: Interpreter::Invoke returned status " + std::to_string(status_) +
           "; the framework loop shows the runtime's own words";
  }

  std::string runtime_version() const override { return attachment_.version; }
  Placement placement() override { return attachment_.probe.placement(); }

 private:
  void describe() {
    inputs_.clear();
    outputs_.clear();
    for (int index : attachment_.inputs) inputs_.push_back(describe_tensor(tensor(index)));
    for (int index : attachment_.outputs) outputs_.push_back(describe_tensor(tensor(index)));
    dynamic_ = has_dynamic_tensors(*context_);
  }

  const TfLiteTensor& tensor(int index) const {
    if (index < 0 || static_cast<std::size_t>(index) >= context_->tensors_size) {
      throw Error(ErrorKind::usage,
                  "tflite-runtime: the interpreter has no tensor " + std::to_string(index));
    }
    return context_->tensors[index];
  }

  const TfliteAttachment& attachment_;  // Python keeps it and the interpreter alive
  TfLiteStatus (*invoke_)(void*);
  const TfLiteContext* context_;
  bool dynamic_ = false;
  TfLiteStatus status_ = kTfLiteOk;
};

}  // namespace

std::unique_ptr<Engine> create_tflite_runtime(const EngineOptions& options) {
  require_known_settings(options, {});
  if (options.object == nullptr) {
    throw Error(ErrorKind::usage,
                "tflite-runtime: the engine attaches to an interpreter, and none was given");
  }
  return std::make_unique<TfliteRuntimeEngine>(
      *static_cast<const TfliteAttachment*>(options.object));
}

}  // namespace edgeloop

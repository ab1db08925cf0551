// A TensorFlow Lite library that does what a broken one does; see acts.hpp for its orders. Any file
// is a model of one input "x" and one output "y", which is a copy of it.
//
// EDGELOOP_FAKE_FAIL_AT=N makes the N-th call that may fail do so, counted from the load of the
// model. Steps: library, load, create, resize, xnnpack, delegate, plan, node, allocate, invoke.

#include <atomic>
#include <cstring>
#include <vector>

#include "acts.hpp"
#include "tflite_c.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr int kEntries = 3;  // of the plan: two nodes of the library's own, and what is delegated

std::atomic<int> live_objects{0};
std::atomic<unsigned long> reached{0};  // how often the ordered step was reached
std::atomic<unsigned long> fallible{0};

template <class T>
T* make() {
  ++live_objects;
  return new T();
}

template <class T>
void destroy(T* object) {
  if (object == nullptr) return;
  --live_objects;
  delete object;
}

// Does what was ordered for this step; false where it shall fail.
bool step(const char* name) {
  const std::string fail_at = fakes::variable("EDGELOOP_FAKE_FAIL_AT");
  if (++fallible == (fail_at.empty() ? 0 : std::stoul(fail_at))) return false;
  const fakes::Order order = fakes::order();
  if (order.step != name || ++reached != order.number || !fakes::obeys_here()) return true;
  return fakes::perform(order.act);
}

// An array of TFLite's with its flexible end.
class IntArray {
 public:
  explicit IntArray(const std::vector<int>& values) : words_(values.size() + 1) {
    words_[0] = static_cast<int>(values.size());
    std::copy(values.begin(), values.end(), words_.begin() + 1);
  }
  TfLiteIntArray* get() { return reinterpret_cast<TfLiteIntArray*>(words_.data()); }

 private:
  std::vector<int> words_;
};

}  // namespace

struct TfLiteModel {};

struct TfLiteInterpreterOptions {
  TfLiteReporter report = nullptr;
  void* user_data = nullptr;
};

struct TfLiteInterpreter {
  TfLiteReporter report = nullptr;
  void* user_data = nullptr;
  std::vector<int> shape{1, 4};
  IntArray dims{shape};
  IntArray signature{{-1, 4}};
  IntArray plan{{0, 1, 2}};
  IntArray replaced{{2, 3}};
  std::vector<float> memory[2];
  TfLiteTensor tensors[2]{};
  TfLiteNode nodes[kEntries]{};
  TfLiteRegistration registrations[kEntries]{};
  TfLiteDelegate claiming{};
  TfLiteDelegateParams params{};
  TfLiteContext context{};
};

namespace {

TfLiteInterpreter& self(TfLiteContext* context) {
  return *static_cast<TfLiteInterpreter*>(context->impl_);
}

TfLiteStatus execution_plan(TfLiteContext* context, TfLiteIntArray** plan) {
  *plan = self(context).plan.get();
  return step("plan") ? kTfLiteOk : kTfLiteError;
}

TfLiteStatus node_of(TfLiteContext* context, int index, TfLiteNode** node,
                     TfLiteRegistration** registration) {
  *node = &self(context).nodes[index];
  *registration = &self(context).registrations[index];
  return step("node") ? kTfLiteOk : kTfLiteError;
}

void say(void* user_data, TfLiteReporter report, const char* format, ...) {
  if (report == nullptr) return;
  va_list arguments;
  va_start(arguments, format);
  report(user_data, format, arguments);
  va_end(arguments);
}

TfLiteStatus done(TfLiteInterpreter* interpreter, const char* name) {
  if (step(name)) return kTfLiteOk;
  say(interpreter->user_data, interpreter->report, "the fake failed to %s\n", name);
  return kTfLiteError;
}

void describe(TfLiteInterpreter& interpreter) {
  interpreter.dims = IntArray(interpreter.shape);
  std::size_t count = 1;
  for (int size : interpreter.shape) count *= static_cast<std::size_t>(size);
  for (int index = 0; index < 2; ++index) {
    interpreter.memory[index].assign(count, 0.0F);
    TfLiteTensor& tensor = interpreter.tensors[index];
    tensor.type = kTfLiteFloat32;
    tensor.name = index == 0 ? "x" : "y";
    tensor.dims = interpreter.dims.get();
    tensor.dims_signature = interpreter.signature.get();
    tensor.data = interpreter.memory[index].data();
    tensor.bytes = count * sizeof(float);
  }
}

// The last node stands for those that a delegate has taken.
void wire(TfLiteInterpreter& interpreter) {
  interpreter.params.delegate = &interpreter.claiming;
  interpreter.params.nodes_to_replace = interpreter.replaced.get();
  interpreter.nodes[kEntries - 1].delegate = &interpreter.claiming;
  interpreter.nodes[kEntries - 1].builtin_data = &interpreter.params;
  interpreter.registrations[kEntries - 1].custom_name = "FakeDelegate";
  interpreter.context.tensors = interpreter.tensors;
  interpreter.context.tensors_size = 2;
  interpreter.context.impl_ = &interpreter;
  interpreter.context.GetExecutionPlan = execution_plan;
  interpreter.context.GetNodeAndRegistration = node_of;
}

__attribute__((constructor)) void loaded() {
  if (fakes::order().step == "library") fakes::perform(fakes::order().act);
}

}  // namespace

EXPORT int fake_live_objects() { return live_objects; }

EXPORT const char* TfLiteVersion() { return "0.0.fake"; }

EXPORT TfLiteModel* TfLiteModelCreateFromFileWithErrorReporter(const char*, TfLiteReporter report,
                                                               void* user_data) {
  reached = fallible = 0;
  if (step("load")) return make<TfLiteModel>();
  say(user_data, report, "the fake failed to load");
  return nullptr;
}

EXPORT TfLiteModel* TfLiteModelCreateFromFile(const char* path) {
  return TfLiteModelCreateFromFileWithErrorReporter(path, nullptr, nullptr);
}

EXPORT void TfLiteModelDelete(TfLiteModel* model) { destroy(model); }

EXPORT TfLiteInterpreterOptions* TfLiteInterpreterOptionsCreate() {
  return make<TfLiteInterpreterOptions>();
}

EXPORT void TfLiteInterpreterOptionsDelete(TfLiteInterpreterOptions* options) { destroy(options); }

EXPORT void TfLiteInterpreterOptionsSetNumThreads(TfLiteInterpreterOptions*, std::int32_t) {}

EXPORT void TfLiteInterpreterOptionsSetErrorReporter(TfLiteInterpreterOptions* options,
                                                     TfLiteReporter report, void* user_data) {
  options->report = report;
  options->user_data = user_data;
}

EXPORT TfLiteInterpreter* TfLiteInterpreterCreate(const TfLiteModel*,
                                                  const TfLiteInterpreterOptions* options) {
  if (!step("create")) return nullptr;
  auto* interpreter = make<TfLiteInterpreter>();
  interpreter->report = options->report;
  interpreter->user_data = options->user_data;
  describe(*interpreter);
  wire(*interpreter);
  return interpreter;
}

EXPORT void TfLiteInterpreterDelete(TfLiteInterpreter* interpreter) { destroy(interpreter); }

EXPORT std::int32_t TfLiteInterpreterGetInputTensorCount(const TfLiteInterpreter*) { return 1; }
EXPORT std::int32_t TfLiteInterpreterGetOutputTensorCount(const TfLiteInterpreter*) { return 1; }

EXPORT TfLiteTensor* TfLiteInterpreterGetInputTensor(TfLiteInterpreter* interpreter, std::int32_t) {
  return &interpreter->tensors[0];
}

EXPORT const TfLiteTensor* TfLiteInterpreterGetOutputTensor(const TfLiteInterpreter* interpreter,
                                                            std::int32_t) {
  return &interpreter->tensors[1];
}

EXPORT TfLiteStatus TfLiteInterpreterResizeInputTensor(TfLiteInterpreter* interpreter, std::int32_t,
                                                       const int* dims, std::int32_t rank) {
  interpreter->shape.assign(dims, dims + rank);
  return done(interpreter, "resize");
}

EXPORT TfLiteStatus TfLiteInterpreterModifyGraphWithDelegate(TfLiteInterpreter* interpreter,
                                                             TfLiteDelegate* delegate) {
  if (done(interpreter, "delegate") != kTfLiteOk) return kTfLiteError;
  if (delegate->Prepare == nullptr) return kTfLiteOk;  // the XNNPACK of this library
  return delegate->Prepare(&interpreter->context, delegate);
}

EXPORT TfLiteStatus TfLiteInterpreterAllocateTensors(TfLiteInterpreter* interpreter) {
  describe(*interpreter);
  return done(interpreter, "allocate");
}

EXPORT TfLiteStatus TfLiteInterpreterInvoke(TfLiteInterpreter* interpreter) {
  interpreter->memory[1] = interpreter->memory[0];
  return done(interpreter, "invoke");
}

EXPORT TfLiteXNNPackOptions TfLiteXNNPackDelegateOptionsDefault() { return {}; }

EXPORT TfLiteDelegate* TfLiteXNNPackDelegateCreate(const TfLiteXNNPackOptions*) {
  return step("xnnpack") ? make<TfLiteDelegate>() : nullptr;
}

EXPORT void TfLiteXNNPackDelegateDelete(TfLiteDelegate* delegate) { destroy(delegate); }

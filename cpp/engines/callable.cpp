// Times any Python callable from the native loop: the framework's own call without a Python loop
// around it. The callable's result is released in the following run, never before the clock read.

#include <Python.h>

#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

constexpr std::uint32_t kSignalCheckInterval = 1024;  // runs; a check costs about a nanosecond

class CallableEngine final : public Engine {
 public:
  explicit CallableEngine(const EngineOptions& options)
      : callable_(static_cast<PyObject*>(options.object)) {
    require_known_settings(options, {});
    if (callable_ == nullptr || PyCallable_Check(callable_) == 0) {
      throw Error(ErrorKind::usage, "the callable engine needs a Python callable");
    }
    Py_INCREF(callable_);
  }

  ~CallableEngine() override {
    Py_XDECREF(result_);
    Py_DECREF(callable_);
  }

  // The interpreter lock is held: calls_python() says so.
  bool run() noexcept override {
    Py_CLEAR(result_);
    PyObject* no_arguments[1] = {nullptr};
    result_ =
        PyObject_Vectorcall(callable_, no_arguments + 1, PY_VECTORCALL_ARGUMENTS_OFFSET, nullptr);
    if (result_ == nullptr) return keep_error();
    if (++runs_ % kSignalCheckInterval == 0 && PyErr_CheckSignals() != 0) return keep_error();
    return true;
  }

  std::string runtime_version() const override { return Py_GetVersion(); }
  bool calls_python() const noexcept override { return true; }

 private:
  bool keep_error() noexcept {
    PyObject* type = nullptr;
    PyObject* value = nullptr;
    PyObject* traceback = nullptr;
    PyErr_Fetch(&type, &value, &traceback);
    PyErr_NormalizeException(&type, &value, &traceback);
    PyObject* text = value == nullptr ? nullptr : PyObject_Str(value);
    const char* message = text == nullptr ? nullptr : PyUnicode_AsUTF8(text);
    last_error_ = message == nullptr ? "the callable raised" : message;
    Py_XDECREF(text);
    Py_XDECREF(type);
    Py_XDECREF(value);
    Py_XDECREF(traceback);
    PyErr_Clear();
    return false;
  }

  PyObject* callable_;
  PyObject* result_ = nullptr;
  std::uint32_t runs_ = 0;
};

}  // namespace

std::unique_ptr<Engine> create_callable(const EngineOptions& options) {
  return std::make_unique<CallableEngine>(options);
}

}  // namespace edgeloop

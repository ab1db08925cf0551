#include "bindings.hpp"
#include "edgeloop/error.hpp"

namespace py = pybind11;

namespace edgeloop {
namespace {

const char* class_name(ErrorKind kind) noexcept {
  switch (kind) {
    case ErrorKind::usage:
      return "UsageError";
    case ErrorKind::not_available:
      return "NotAvailableError";
    case ErrorKind::model:
      return "ModelError";
    case ErrorKind::runtime:
      break;
  }
  return "RuntimeFailedError";
}

}  // namespace

// The exceptions are those of edgeloop.errors, so that one `except` serves both languages.
void bind_error(py::module_&) {
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const Error& error) {
      const py::object type = py::module_::import("edgeloop.errors").attr(class_name(error.kind()));
      py::set_error(type, plain_text(error.what()));
    }
  });
}

}  // namespace edgeloop

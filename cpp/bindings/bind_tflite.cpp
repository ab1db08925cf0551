#include <pybind11/stl.h>

#include "bindings.hpp"
#include "edgeloop/tflite_attachment.hpp"

namespace py = pybind11;

namespace edgeloop {

void bind_tflite(py::module_& module) {
  py::class_<TfliteAttachment>(
      module, "TfliteAttachment",
      "A Python TFLite interpreter, as the native loop attaches to it.\n\n"
      "It must live as long as the interpreter, once `probe` was applied to that.")
      .def(
          py::init([](const std::string& library, const std::string& version,
                      std::uintptr_t interpreter, const std::vector<int>& inputs,
                      const std::vector<int>& outputs) {
            return std::make_unique<TfliteAttachment>(
                library, version, reinterpret_cast<void*>(interpreter), inputs, outputs);
          }),
          py::kw_only(), py::arg("library"), py::arg("version"), py::arg("interpreter"),
          py::arg("inputs"), py::arg("outputs"),
          "`library` is the package's loaded extension, `interpreter` the native handle, `inputs`\n"
          "and `outputs` the tensor numbers. Raises NotAvailableError for a foreign library.")
      .def_property_readonly(
          "probe",
          [](TfliteAttachment& self) {
            return reinterpret_cast<std::uintptr_t>(self.probe.delegate());
          },
          "Address of the delegate that notes who runs each node; to be applied last.")
      .def_property_readonly(
          "handle",
          [](const TfliteAttachment& self) { return reinterpret_cast<std::uintptr_t>(&self); },
          "What create_engine takes as its handle.");
}

}  // namespace edgeloop

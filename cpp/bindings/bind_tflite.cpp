#include <pybind11/stl.h>

#include "bindings.hpp"
#include "edgeloop/tflite_attachment.hpp"
#include "edgeloop/tflite_external_delegate.hpp"
#include "edgeloop/tflite_profiler.hpp"

namespace py = pybind11;

namespace edgeloop {
namespace {

using Pairs = std::vector<std::pair<std::string, std::string>>;

void bind_probe(py::module_& module) {
  py::class_<TfliteProbe>(
      module, "TfliteProbe",
      "A delegate that claims nothing and notes who runs each node.\n\n"
      "It must live as long as the interpreter that it is applied to, as the last delegate.")
      .def(py::init<bool>(), py::kw_only(), py::arg("opaque_delegates") = true,
           "`opaque_delegates` is False for libraries older than opaque delegates.")
      .def_property_readonly(
          "address",
          [](TfliteProbe& self) { return reinterpret_cast<std::uintptr_t>(self.delegate()); })
      .def(
          "expect",
          [](TfliteProbe& self, std::uintptr_t delegate, const std::string& name) {
            self.expect(reinterpret_cast<const TfLiteDelegate*>(delegate), name);
          },
          py::arg("delegate"), py::arg("name"),
          "Tell the name of a delegate by its address, before the probe is applied.")
      .def(
          "placement", [](const TfliteProbe& self) { return placement(self.placement()); },
          "Who runs which nodes; None until the probe was applied.");

  py::class_<TfliteExternalDelegate>(
      module, "TfliteExternalDelegate",
      "A delegate from a library of its own, as TFLite's Python interpreters take it.\n\n"
      "It must live as long as the interpreter.")
      .def(py::init([](const std::string& name, const std::string& library, const Pairs& options) {
             return std::make_unique<TfliteExternalDelegate>(
                 DelegateOptions{name, library, options});
           }),
           py::arg("name"), py::arg("library"), py::arg("options"),
           "Raises NotAvailableError with the delegate's own words.")
      .def_property_readonly("name", &TfliteExternalDelegate::name)
      .def(
          "_get_native_delegate_pointer",
          [](const TfliteExternalDelegate& self) {
            return reinterpret_cast<std::uintptr_t>(self.get());
          },
          "Its address, under the name by which the interpreters ask for it.");
}

}  // namespace

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
      .def(
          "expect",
          [](TfliteAttachment& self, std::uintptr_t delegate, const std::string& name) {
            self.probe.expect(reinterpret_cast<const TfLiteDelegate*>(delegate), name);
          },
          py::arg("delegate"), py::arg("name"),
          "Tell the name of a delegate by its address, before `probe` is applied.")
      .def(
          "placement",
          [](const TfliteAttachment& self) { return placement(self.probe.placement()); },
          "Who runs which nodes; None until `probe` was applied.")
      .def_property_readonly(
          "handle",
          [](const TfliteAttachment& self) { return reinterpret_cast<std::uintptr_t>(&self); },
          "What create_engine takes as its handle.");

  py::class_<TfliteInterpreterProfiler>(
      module, "TfliteInterpreterProfiler",
      "Records when the operators of tflite-runtime's interpreter run.\n\n"
      "To be made before the interpreter's tensors are allocated; it must live as long as that.")
      .def(py::init([](const std::string& library, std::uintptr_t interpreter) {
             return std::make_unique<TfliteInterpreterProfiler>(
                 library, reinterpret_cast<void*>(interpreter));
           }),
           py::kw_only(), py::arg("library"), py::arg("interpreter"),
           "Raises NotAvailableError where the library's profilers have another form.")
      .def(
          "take_events", [](TfliteInterpreterProfiler& self) { return events(self.take_events()); },
          "The operator events since the last call, as Engine.take_events() has them.")
      .def("drop_events", &TfliteInterpreterProfiler::drop_events)
      .def_property_readonly("event_capacity", [](const TfliteInterpreterProfiler&) {
        return OperatorRecorder::kCapacity;
      });

  bind_probe(module);
}

}  // namespace edgeloop

#pragma once

#include <pybind11/pybind11.h>

#include <string>
#include <vector>

#include "edgeloop/engine.hpp"

namespace edgeloop {

// Text of a runtime or a model, which may hold any bytes: what is not UTF-8 is shown as \xNN.
inline pybind11::str plain_text(const std::string& text) {
  PyObject* decoded =
      PyUnicode_DecodeUTF8(text.data(), static_cast<Py_ssize_t>(text.size()), "backslashreplace");
  if (decoded == nullptr) throw pybind11::error_already_set();
  return pybind11::reinterpret_steal<pybind11::str>(decoded);
}

void bind_error(pybind11::module_& module);
void bind_clock(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_tflite(pybind11::module_& module);
// A list of Partition, or None where it is not known.
pybind11::object placement(const Placement& placement);
// A list of (name, node, subgraph, inside, reported, start in ns, duration in ns).
pybind11::list events(const std::vector<OperatorEvent>& recorded);

void bind_timing(pybind11::module_& module);
void bind_data(pybind11::module_& module);

}  // namespace edgeloop

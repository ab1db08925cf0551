#pragma once

#include <pybind11/pybind11.h>

#include "edgeloop/engine.hpp"

namespace edgeloop {

void bind_error(pybind11::module_& module);
void bind_clock(pybind11::module_& module);
void bind_engine(pybind11::module_& module);
void bind_tflite(pybind11::module_& module);
// A list of Partition, or None where it is not known.
pybind11::object placement(const Coverage& coverage);

void bind_timing(pybind11::module_& module);

}  // namespace edgeloop

#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The native timing core: engines, clocks and the loops between two clock reads.";
  module.attr("__version__") = EDGELOOP_VERSION;
  module.attr("default_tflite_library") = EDGELOOP_TFLITE_LIBRARY;  // "": none was built in
  edgeloop::bind_error(module);
  edgeloop::bind_clock(module);
  edgeloop::bind_engine(module);
  edgeloop::bind_tflite(module);
  edgeloop::bind_timing(module);
  edgeloop::bind_data(module);
}

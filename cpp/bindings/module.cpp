#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The native timing core: engines, clocks and the loops between two clock reads.";
  module.attr("__version__") = EDGELOOP_VERSION;
  edgeloop::bind_error(module);
  edgeloop::bind_clock(module);
  edgeloop::bind_engine(module);
  edgeloop::bind_timing(module);
}

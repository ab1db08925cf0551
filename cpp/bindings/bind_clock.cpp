#include "bindings.hpp"
#include "edgeloop/clock.hpp"
#include "edgeloop/probe.hpp"

namespace py = pybind11;

namespace edgeloop {

void bind_clock(py::module_& module) {
  py::class_<ClockCost>(module, "ClockCost", "What reading a clock costs.")
      .def_readonly("tick_ns", &ClockCost::tick_ns, "Smallest non-zero step seen, in ns.")
      .def_readonly("read_ns", &ClockCost::read_ns, "Median cost of one read, in ns.");

  module.def(
      "measure_clock",
      [](int clock_id) {
        py::gil_scoped_release unlocked;
        return measure_clock(SystemClock(clock_id));
      },
      py::arg("clock_id"),
      "Measure the tick and the read cost of a clock in about 2 ms.\n\n"
      "Raises NotAvailableError where the clock does not exist or does not move.");

  module.def(
      "probe_ns",
      [](int clock_id) {
        py::gil_scoped_release unlocked;
        return probe_ns(SystemClock(clock_id));
      },
      py::arg("clock_id"),
      "Time a fixed chain of 100,000 dependent multiplications, best of three, in ns.\n\n"
      "Only its ratio to other probes of the same session has a meaning.");
}

}  // namespace edgeloop

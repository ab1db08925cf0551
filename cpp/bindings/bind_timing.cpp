#include <pybind11/stl.h>

#include "bindings.hpp"
#include "edgeloop/clock.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
#include "edgeloop/timing.hpp"

namespace py = pybind11;

namespace edgeloop {
namespace {

// Runs a block without the interpreter lock, unless the engine needs it.
template <class Run>
Block timed(Engine& engine, const Run& run) {
  Block block;
  if (engine.calls_python()) {
    block = run();
  } else {
    py::gil_scoped_release unlocked;
    engine.inputs_written();
    block = run();
  }
  if (!block.completed) throw Error(ErrorKind::runtime, engine.last_error());
  return block;
}

std::uint64_t timed_block(Engine& engine, Samples& samples, std::uint64_t runs,
                          std::uint64_t runs_per_sample, int clock_id) {
  const auto run = [&] {
    return run_block(engine, samples, runs, runs_per_sample, SystemClock(clock_id));
  };
  return timed(engine, run).start_ns;
}

std::pair<std::uint64_t, std::uint64_t> timed_schedule(Engine& engine, Samples& samples,
                                                       std::uint64_t runs,
                                                       std::uint64_t interval_ns, int clock_id) {
  const auto run = [&] {
    return run_schedule(engine, samples, runs, interval_ns, SystemClock(clock_id));
  };
  const Block block = timed(engine, run);
  return {block.start_ns, block.busy_ns};
}

std::uint64_t timed_clock_pairs(Samples& samples, std::uint64_t pairs, int clock_id) {
  py::gil_scoped_release unlocked;
  return run_clock_pairs(samples, pairs, SystemClock(clock_id)).start_ns;
}

py::buffer_info samples_buffer(Samples& samples) {
  return py::buffer_info(const_cast<std::uint64_t*>(samples.data()), sizeof(std::uint64_t),
                         py::format_descriptor<std::uint64_t>::format(), 1, {samples.size()},
                         {sizeof(std::uint64_t)}, /*readonly=*/true);
}

}  // namespace

void bind_timing(py::module_& module) {
  py::class_<Samples>(module, "Samples", py::buffer_protocol(),
                      "Room for the durations of one block: a read-only buffer of uint64 ns.")
      .def(py::init<std::size_t>(), py::arg("capacity"))
      .def("__len__", &Samples::size)
      .def_property_readonly("capacity", &Samples::capacity)
      .def_buffer(&samples_buffer);

  module.def("run_block", &timed_block, py::arg("engine"), py::arg("samples"), py::arg("runs"),
             py::arg("runs_per_sample"), py::arg("clock_id"),
             "Run an engine `runs` times and return the start stamp in ns.\n\n"
             "Fills `samples` with runs / runs_per_sample durations whose sum is the time of the\n"
             "block. Raises RuntimeFailedError where a run fails (the samples before it are kept)\n"
             "and UsageError where the block does not fit.");

  module.def(
      "run_schedule", &timed_schedule, py::arg("engine"), py::arg("samples"), py::arg("runs"),
      py::arg("interval_ns"), py::arg("clock_id"),
      "Run an engine at a fixed rate; return the start stamp and the time inside runs, ns.\n\n"
      "Run k is due at start + k * interval_ns; its sample lasts from then to its end, so that\n"
      "waiting for a run that came late counts. Raises as run_block does.");

  module.def("run_clock_pairs", &timed_clock_pairs, py::arg("samples"), py::arg("pairs"),
             py::arg("clock_id"),
             "Fill `samples` with the time between two bare clock reads; return the start in ns.");
}

}  // namespace edgeloop

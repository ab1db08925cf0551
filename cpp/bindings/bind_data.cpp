#include <pybind11/stl.h>

#include <vector>

#include "bindings.hpp"
#include "edgeloop/clock.hpp"
#include "edgeloop/data_loop.hpp"
#include "edgeloop/error.hpp"

namespace py = pybind11;

namespace edgeloop {
namespace {

// The contiguous memory of a Python object, held while it lives.
class HeldBuffer {
 public:
  HeldBuffer(const py::object& object, int flags) {
    if (PyObject_GetBuffer(object.ptr(), &view_, flags) != 0) throw py::error_already_set();
  }
  HeldBuffer(const HeldBuffer&) = delete;
  HeldBuffer& operator=(const HeldBuffer&) = delete;
  ~HeldBuffer() { PyBuffer_Release(&view_); }

  unsigned char* data() const { return static_cast<unsigned char*>(view_.buf); }
  std::size_t bytes() const { return static_cast<std::size_t>(view_.len); }

 private:
  Py_buffer view_{};
};

using HeldBuffers = std::vector<std::unique_ptr<HeldBuffer>>;

HeldBuffers held(const std::vector<py::object>& objects, int flags) {
  HeldBuffers buffers;
  for (const py::object& object : objects) {
    buffers.push_back(std::make_unique<HeldBuffer>(object, flags));
  }
  return buffers;
}

std::uint64_t timed_data(Engine& engine, Samples& samples, const std::vector<py::object>& inputs,
                         const std::vector<py::object>& outputs, std::uint64_t runs, int clock_id) {
  const HeldBuffers sources = held(inputs, PyBUF_SIMPLE);
  const HeldBuffers targets = held(outputs, PyBUF_WRITABLE);
  std::vector<InputRows> input_rows;
  std::vector<OutputRows> output_rows;
  for (const auto& source : sources) input_rows.push_back({source->data(), source->bytes()});
  for (const auto& target : targets) output_rows.push_back({target->data(), target->bytes()});
  Block block;
  if (engine.calls_python()) {
    block = run_data(engine, samples, input_rows, output_rows, runs, SystemClock(clock_id));
  } else {
    py::gil_scoped_release unlocked;
    block = run_data(engine, samples, input_rows, output_rows, runs, SystemClock(clock_id));
  }
  if (!block.completed) throw Error(ErrorKind::runtime, engine.last_error());
  return block.start_ns;
}

}  // namespace

void bind_data(py::module_& module) {
  module.def("run_data", &timed_data, py::arg("engine"), py::arg("samples"), py::arg("inputs"),
             py::arg("outputs"), py::arg("runs"), py::arg("clock_id"),
             "Run an engine once for every row of the data and return the start stamp in ns.\n\n"
             "`inputs`: for each input a contiguous buffer of `runs` times its bytes. `outputs`:\n"
             "writable ones, for as many of the first outputs as are wanted. Fills `samples` with\n"
             "the time of each run alone. Raises RuntimeFailedError where a run fails, ModelError\n"
             "where an output's size changes, UsageError where a buffer does not fit.");
}

}  // namespace edgeloop

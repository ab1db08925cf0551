#include <pybind11/stl.h>

#include <tuple>

#include "bindings.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"

namespace py = pybind11;

namespace edgeloop {
namespace {

// A tensor with the engine that owns its memory, so that a NumPy view keeps the engine alive.
struct TensorView {
  Tensor tensor;
  py::object owner;
};

std::string struct_format(DType dtype) {
  switch (dtype) {
    case DType::boolean:
      return py::format_descriptor<bool>::format();
    case DType::int8:
      return py::format_descriptor<std::int8_t>::format();
    case DType::uint8:
      return py::format_descriptor<std::uint8_t>::format();
    case DType::int16:
      return py::format_descriptor<std::int16_t>::format();
    case DType::uint16:
      return py::format_descriptor<std::uint16_t>::format();
    case DType::int32:
      return py::format_descriptor<std::int32_t>::format();
    case DType::uint32:
      return py::format_descriptor<std::uint32_t>::format();
    case DType::int64:
      return py::format_descriptor<std::int64_t>::format();
    case DType::uint64:
      return py::format_descriptor<std::uint64_t>::format();
    case DType::float16:
      return "e";  // C++ has no type of it
    case DType::float32:
      return py::format_descriptor<float>::format();
    case DType::float64:
      break;
  }
  return py::format_descriptor<double>::format();
}

py::buffer_info tensor_buffer(TensorView& view) {
  const Tensor& tensor = view.tensor;
  const auto item = static_cast<py::ssize_t>(dtype_bytes(tensor.dtype));
  std::vector<py::ssize_t> shape(tensor.shape.begin(), tensor.shape.end());
  return py::buffer_info(tensor.data, item, struct_format(tensor.dtype),
                         static_cast<py::ssize_t>(shape.size()), shape,
                         py::detail::c_strides(shape, item));
}

py::list views(const py::object& self, const std::vector<Tensor>& tensors) {
  py::list list;
  for (const Tensor& tensor : tensors) list.append(TensorView{tensor, self});
  return list;
}

// Name, path of the library, options.
using DelegateTuple =
    std::tuple<std::string, std::string, std::vector<std::pair<std::string, std::string>>>;

// A path as the system has it: its bytes need not be UTF-8.
std::string path_bytes(const py::str& path) {
  PyObject* encoded = PyUnicode_EncodeFSDefault(path.ptr());
  if (encoded == nullptr) throw py::error_already_set();
  return py::reinterpret_steal<py::bytes>(encoded);
}

std::unique_ptr<Engine> create(const std::string& name, const py::str& library,
                               const py::str& model, int threads, std::int64_t batch_size,
                               const std::map<std::string, std::vector<std::int64_t>>& shapes,
                               const std::map<std::string, std::string>& settings,
                               const py::object& callable, std::uintptr_t handle,
                               const py::object& /*keep_alive: by call policy*/,
                               const std::vector<DelegateTuple>& delegates, bool probe,
                               bool profile) {
  EngineOptions options;
  options.library = path_bytes(library);
  options.model = path_bytes(model);
  options.threads = threads;
  options.batch_size = batch_size;
  options.shapes = shapes;
  options.settings = settings;
  options.probe = probe;
  options.profile = profile;
  for (const auto& [delegate, path, pairs] : delegates) {
    options.delegates.push_back({delegate, path, pairs});
  }
  options.object =
      callable.is_none() ? reinterpret_cast<void*>(handle) : static_cast<void*>(callable.ptr());
  return create_engine(name, options);
}

constexpr std::size_t kKeepAliveArgument = 10;  // of create(), counted from 1

std::vector<std::string> engine_names() {
  std::vector<std::string> names;
  for (const EngineEntry& entry : engine_table()) names.emplace_back(entry.name);
  return names;
}

// (name, ns) each.
py::list time_parts(Engine& engine, Grain grain) {
  std::vector<PartTime> parts;
  {
    py::gil_scoped_release unlocked;
    parts = engine.time_parts(grain);
  }
  py::list list;
  for (const PartTime& part : parts)
    list.append(py::make_tuple(plain_text(part.name), part.time_ns));
  return list;
}

py::list operators(const Partition& partition) {
  py::list names;
  for (const std::string& name : partition.operators) names.append(plain_text(name));
  return names;
}

}  // namespace

py::object placement(const Placement& placement) {
  if (!placement.known) return py::none();
  return py::cast(placement.partitions);
}

py::list events(const std::vector<OperatorEvent>& recorded) {
  py::list list;
  for (const OperatorEvent& event : recorded) {
    list.append(py::make_tuple(plain_text(event.name), event.node, event.subgraph, event.inside,
                               event.reported, event.start_ns, event.duration_ns));
  }
  return list;
}

void bind_engine(py::module_& module) {
  py::class_<Quantization>(module, "Quantization", "real = scale * (stored - zero_point).")
      .def_readonly("scales", &Quantization::scales, "One per slice along `axis`; empty: none.")
      .def_readonly("zero_points", &Quantization::zero_points)
      .def_readonly("axis", &Quantization::axis);

  py::class_<TensorView>(module, "Tensor", py::buffer_protocol(),
                         "One input or output: a writable buffer over the runtime's host memory.")
      .def_property_readonly("name",
                             [](const TensorView& view) { return plain_text(view.tensor.name); })
      .def_property_readonly(
          "dtype", [](const TensorView& view) { return dtype_name(view.tensor.dtype); },
          "The NumPy name of the element type.")
      .def_property_readonly(
          "shape", [](const TensorView& view) { return py::tuple(py::cast(view.tensor.shape)); })
      .def_property_readonly("nbytes", [](const TensorView& view) { return view.tensor.bytes; })
      .def_property_readonly("quantization",
                             [](const TensorView& view) { return view.tensor.quantization; })
      .def_buffer(&tensor_buffer);

  py::class_<Partition>(module, "Partition", "Nodes of the plan that one owner runs.")
      .def_property_readonly(
          "owner", [](const Partition& partition) { return plain_text(partition.owner); },
          "As the runtime calls it; \"builtin\" is its own.")
      .def_readonly("delegate", &Partition::delegate, "As the user called it; \"\" if unknown.")
      .def_readonly("nodes", &Partition::nodes)
      .def_readonly("subgraph", &Partition::subgraph)
      .def_readonly("indexes", &Partition::indexes, "Of the nodes in the model; may be empty.")
      .def_property_readonly("operators", &operators, "Types of the nodes; may be empty.");

  py::class_<Engine>(module, "Engine", "One loaded model in one runtime.")
      .def(
          "run",
          [](Engine& engine) {
            if (!engine.run()) throw Error(ErrorKind::runtime, engine.last_error());
          },
          "Run the model once on the present contents of the input buffers.\n\n"
          "Raises RuntimeFailedError with the runtime's own words.")
      .def("inputs",
           [](const py::object& self) { return views(self, self.cast<Engine&>().inputs()); })
      .def("outputs",
           [](const py::object& self) { return views(self, self.cast<Engine&>().outputs()); })
      .def("runtime_version",
           [](const Engine& engine) { return plain_text(engine.runtime_version()); })
      .def(
          "timed_region", [](const Engine& engine) { return plain_text(engine.timed_region()); },
          "What run() comprises, in the engine's own words; empty where its runtime knows them.")
      .def(
          "inputs_written",
          [](Engine& engine) {
            py::gil_scoped_release unlocked;
            engine.inputs_written();
          },
          "Bring what was written to the input buffers to where the model reads it.\n\n"
          "Call it before run(), outside of what is timed. Raises RuntimeFailedError.")
      .def(
          "device", [](const Engine& engine) { return plain_text(engine.device()); },
          "The accelerator that does the work; empty where there is none or it is not reported.")
      .def(
          "executed_precision",
          [](const Engine& engine) { return plain_text(engine.executed_precision()); },
          "What the kernels compute in, in the runtime's own words; empty where it does not say.")
      .def(
          "time_stages", [](Engine& engine) { return time_parts(engine, Grain::stages); },
          "(name, ns) of each stage of one more run: copies to a device, the work, copies back.\n\n"
          "Raises UsageError where the engine cannot time them.")
      .def(
          "time_layers", [](Engine& engine) { return time_parts(engine, Grain::layers); },
          "(name, ns) of each layer of one more run, as the runtime times them.\n\n"
          "Raises UsageError where the engine cannot time them.")
      .def(
          "placement", [](Engine& engine) { return placement(engine.placement()); },
          "Who runs which nodes; None where it is unknown.")
      .def(
          "take_events", [](Engine& engine) { return events(engine.take_events()); },
          "The operator events since the last call, where the engine was made with `profile`.\n\n"
          "Raises RuntimeFailedError where there were more than `event_capacity`.")
      .def("drop_events", &Engine::drop_events)
      .def_property_readonly("event_capacity", &Engine::event_capacity);

  module.def("engine_names", &engine_names, "The engines of this build, in alphabetical order.");
  module.def(
      "create_engine", &create, py::arg("name"), py::kw_only(), py::arg("library") = "",
      py::arg("model") = "", py::arg("threads") = 1, py::arg("batch_size") = 0,
      py::arg("shapes") = py::dict(), py::arg("settings") = py::dict(),
      py::arg("callable") = py::none(), py::arg("handle") = 0, py::arg("keep_alive") = py::none(),
      py::arg("delegates") = py::list(), py::arg("probe") = true, py::arg("profile") = false,
      py::keep_alive<0, kKeepAliveArgument>(),
      "Load a model with the engine of that name.\n\n"
      "`keep_alive` is an object that lives as long as the engine; `delegates` are\n"
      "(name, library, options) of external delegates or providers, the first one first. Without\n"
      "`probe` the placement stays unknown; with `profile` the engine records operator events.\n"
      "Raises UsageError, NotAvailableError (library, symbol), ModelError.");
}

}  // namespace edgeloop

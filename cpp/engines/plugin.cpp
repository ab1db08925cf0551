// An engine that lives in a library of its own, behind the C interface of engine_v1.h. Nothing that
// a plugin says is believed before it has been checked; nothing of the check is left in run().

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/engine_v1.h"
#include "edgeloop/error.hpp"
#include "edgeloop/plain_text.hpp"
#include "edgeloop/shape.hpp"

namespace edgeloop {
namespace {

using Table = edgeloop_engine_table_v1;
using Handle = std::unique_ptr<edgeloop_engine, void (*)(edgeloop_engine*)>;

constexpr char kEntry[] = "edgeloop_engine_v1";
constexpr std::size_t kLeastTable = offsetof(Table, property);  // what follows is optional
constexpr std::size_t kErrorBytes = 1024;
constexpr std::size_t kMostNameBytes = 256;
constexpr std::size_t kMostTensors = 4096;  // of a side; the largest models have hundreds
constexpr std::size_t kMostPartitions = 1 << 20;
constexpr std::size_t kMostDimensions = 32;  // NumPy's limit, and the buffer protocol's habit

// Numbered as in the header, from 1.
constexpr DType kDTypes[] = {DType::boolean, DType::int8,    DType::uint8,  DType::int16,
                             DType::uint16,  DType::int32,   DType::uint32, DType::int64,
                             DType::uint64,  DType::float32, DType::float64};

ErrorKind kind_of(std::int32_t code) noexcept {
  switch (code) {
    case EDGELOOP_ERROR_USAGE:
      return ErrorKind::usage;
    case EDGELOOP_ERROR_NOT_AVAILABLE:
      return ErrorKind::not_available;
    case EDGELOOP_ERROR_MODEL:
      return ErrorKind::model;
    default:
      return ErrorKind::runtime;
  }
}

std::size_t memory_bytes() {
  return static_cast<std::size_t>(sysconf(_SC_PHYS_PAGES)) *
         static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

// The library with its table, checked.
class Plugin {
 public:
  explicit Plugin(const std::string& path) : library_(Dylib::open(path)) {
    const auto entry = library_.symbol<decltype(&edgeloop_engine_v1)>(kEntry);
    const Table* given = guarded(kEntry, [&] { return entry(); });
    if (given == nullptr) unusable(std::string("returns no table from ") + kEntry + "()");
    if (given->version != EDGELOOP_ENGINE_VERSION_1) {
      unusable("has version " + std::to_string(given->version) +
               " of the interface, and edgeloop has version 1");
    }
    if (given->size < kLeastTable) {
      unusable("has a table of " + std::to_string(given->size) + " bytes, and " +
               std::to_string(kLeastTable) + " are the least");
    }
    // A newer plugin's table is longer, an older one's shorter: what it lacks stays null.
    std::memcpy(&table_, given, std::min(given->size, sizeof(table_)));
    if (table_.name == nullptr || table_.create == nullptr || table_.destroy == nullptr ||
        table_.run == nullptr || table_.last_error == nullptr || table_.tensor_count == nullptr ||
        table_.describe_tensor == nullptr) {
      unusable("leaves a function or its name out of the table");
    }
    name_ = plain_text(table_.name, kMostNameBytes);
  }

  const Table& table() const noexcept { return table_; }
  const std::string& name() const noexcept { return name_; }

  // The plugin broke the rules of the interface while it worked.
  [[noreturn]] void fault(const std::string& what) const {
    throw Error(ErrorKind::runtime, fault_text(what));
  }

  std::string fault_text(const std::string& what) const {
    return "the plugin " + library_.path() + " " + what + "; tell those who made it";
  }

  // The plugin's own words for its error.
  [[noreturn]] void failed(std::int32_t code, const std::string& where, const char* words) const {
    throw Error(kind_of(code), failure_text(code, where, words));
  }

  std::string failure_text(std::int32_t code, const std::string& where, const char* words) const {
    std::string text = plain_text(words, kErrorBytes);
    if (text.empty()) text = "it gives code " + std::to_string(code) + " and no reason";
    return name_ + " (the plugin " + library_.path() + ") " + where + ": " + text;
  }

  // Calls the plugin; an exception that escapes it against the rules ends here.
  template <class Call>
  auto guarded(const char* function, const Call& call) const -> decltype(call()) {
    try {
      return call();
    } catch (...) {
      fault(std::string("threw an exception out of its ") + function);
    }
  }

 private:
  [[noreturn]] void unusable(const std::string& what) const {
    throw Error(ErrorKind::not_available,
                "the plugin " + library_.path() + " " + what +
                    "; build it against the header that edgeloop.get_include() leads to");
  }

  Dylib library_;
  Table table_{};
  std::string name_;
};

class PluginEngine final : public Engine {
 public:
  explicit PluginEngine(const EngineOptions& options)
      : plugin_(options.library), engine_(create(options)), run_(plugin_.table().run) {
    inputs_ = described(EDGELOOP_INPUT);
    outputs_ = described(EDGELOOP_OUTPUT);
    require_asked_shapes(options);
  }

  bool run() noexcept override {
    try {
      const std::int32_t code = run_(engine_.get());
      if (code == EDGELOOP_OK) return true;
      keep_error(code);
    } catch (...) {
      last_error_ = plugin_.fault_text("threw an exception out of its run");
    }
    return false;
  }

  void inputs_written() override {
    const auto copy = plugin_.table().inputs_written;
    if (copy == nullptr) return;
    check(plugin_.guarded("inputs_written", [&] { return copy(engine_.get()); }),
          "cannot bring the inputs to the device");
  }

  const std::vector<Tensor>& outputs() override {
    if (const auto copy = plugin_.table().outputs_wanted) {
      check(plugin_.guarded("outputs_wanted", [&] { return copy(engine_.get()); }),
            "cannot fetch the outputs from the device");
    }
    outputs_ = described(EDGELOOP_OUTPUT);
    return outputs_;
  }

  std::string runtime_version() const override {
    const std::string version = property("runtime-version");
    return version.empty() ? plugin_.name() : plugin_.name() + " " + version;
  }

  std::string timed_region() const override { return property("timed-region"); }

  std::string device() const override { return property("device"); }

  std::vector<PartTime> time_parts(Grain grain) override {
    const Table& table = plugin_.table();
    if (table.time_parts == nullptr || table.describe_part == nullptr) {
      return Engine::time_parts(grain);
    }
    std::size_t count = 0;
    const std::int32_t code = grain == Grain::layers ? EDGELOOP_LAYERS : EDGELOOP_STAGES;
    check(plugin_.guarded("time_parts",
                          [&] { return table.time_parts(engine_.get(), code, &count); }),
          "cannot time its parts");
    require_plausible(count, kMostPartitions, "parts");
    std::vector<PartTime> parts;
    for (std::size_t index = 0; index < count; ++index) {
      edgeloop_part_v1 part{};
      part.size = sizeof(part);
      check(plugin_.guarded("describe_part",
                            [&] { return table.describe_part(engine_.get(), index, &part); }),
            "cannot tell the time of a part");
      if (part.time_ns < 0) plugin_.fault("gives a part a time below 0");
      parts.push_back({plain_text(part.name, kMostNameBytes), part.time_ns});
    }
    return parts;
  }

  Placement placement() override {
    const Table& table = plugin_.table();
    if (table.partition_count == nullptr || table.describe_partition == nullptr) return {};
    const std::size_t count =
        plugin_.guarded("partition_count", [&] { return table.partition_count(engine_.get()); });
    require_plausible(count, kMostPartitions, "partitions");
    Placement placement{true, {}};
    for (std::size_t index = 0; index < count; ++index) {
      edgeloop_partition_v1 partition{};
      partition.size = sizeof(partition);
      check(plugin_.guarded(
                "describe_partition",
                [&] { return table.describe_partition(engine_.get(), index, &partition); }),
            "cannot tell which node runs where");
      placement.partitions.emplace_back();
      placement.partitions.back().owner = plain_text(partition.owner, kMostNameBytes);
      placement.partitions.back().nodes = partition.nodes;
    }
    return placement;
  }

 private:
  Handle create(const EngineOptions& options) const {
    std::vector<edgeloop_shape> shapes;
    for (const auto& [input, dims] : options.shapes) {
      shapes.push_back({input.c_str(), dims.data(), dims.size()});
    }
    std::vector<edgeloop_setting> settings;
    for (const auto& [key, value] : options.settings) {
      settings.push_back({key.c_str(), value.c_str()});
    }
    edgeloop_options_v1 given{};
    given.size = sizeof(given);
    given.model = options.model.empty() ? nullptr : options.model.c_str();
    given.threads = options.threads;
    given.batch_size = options.batch_size;
    given.shapes = shapes.data();
    given.shape_count = shapes.size();
    given.settings = settings.data();
    given.setting_count = settings.size();
    edgeloop_engine* made = nullptr;
    char words[kErrorBytes] = "";
    const std::int32_t code = plugin_.guarded(
        "create", [&] { return plugin_.table().create(&given, &made, words, sizeof(words)); });
    if (code != EDGELOOP_OK) plugin_.failed(code, "cannot load the model", words);
    if (made == nullptr) plugin_.fault("says that it made an engine, but returns none");
    return Handle(made, plugin_.table().destroy);
  }

  std::vector<Tensor> described(std::int32_t side) const {
    const Table& table = plugin_.table();
    const std::size_t count =
        plugin_.guarded("tensor_count", [&] { return table.tensor_count(engine_.get(), side); });
    require_plausible(count, kMostTensors, side == EDGELOOP_INPUT ? "inputs" : "outputs");
    std::vector<Tensor> tensors;
    for (std::size_t index = 0; index < count; ++index) {
      edgeloop_tensor_v1 given{};
      given.size = sizeof(given);
      const std::string role =
          (side == EDGELOOP_INPUT ? "input " : "output ") + std::to_string(index);
      check(plugin_.guarded(
                "describe_tensor",
                [&] { return table.describe_tensor(engine_.get(), side, index, &given); }),
            "cannot describe " + role);
      tensors.push_back(checked(given, role));
    }
    return tensors;
  }

  Tensor checked(const edgeloop_tensor_v1& given, const std::string& role) const {
    Tensor tensor;
    if (given.name == nullptr) plugin_.fault("gives " + role + " no name");
    tensor.name = plain_text(given.name, kMostNameBytes);
    const std::string which = role + " ('" + tensor.name + "')";
    if (given.dtype < 1 || given.dtype > static_cast<std::int32_t>(std::size(kDTypes))) {
      plugin_.fault("gives " + which + " the element type " + std::to_string(given.dtype) +
                    ", which does not exist");
    }
    tensor.dtype = kDTypes[given.dtype - 1];
    tensor.shape = checked_shape(given, which);
    tensor.bytes = element_count(tensor.shape) * dtype_bytes(tensor.dtype);
    if (given.bytes != tensor.bytes) {
      plugin_.fault("gives " + which + " " + std::to_string(given.bytes) +
                    " bytes, but its shape " + shape_text(tensor.shape) + " takes " +
                    std::to_string(tensor.bytes));
    }
    if (given.data == nullptr && tensor.bytes > 0) {
      plugin_.fault("gives " + which + " no memory");
    }
    if (reinterpret_cast<std::uintptr_t>(given.data) % dtype_bytes(tensor.dtype) != 0) {
      plugin_.fault("gives " + which + " memory that is not aligned to its elements");
    }
    tensor.data = given.data;
    tensor.quantization = checked_quantization(given, tensor.shape, which);
    return tensor;
  }

  std::vector<std::int64_t> checked_shape(const edgeloop_tensor_v1& given,
                                          const std::string& which) const {
    if (given.rank > kMostDimensions || (given.rank > 0 && given.shape == nullptr)) {
      plugin_.fault("gives " + which + " a shape of " + std::to_string(given.rank) +
                    (given.shape == nullptr ? " dimensions without saying them" : " dimensions"));
    }
    std::vector<std::int64_t> shape(given.shape, given.shape + given.rank);
    std::size_t left = memory_bytes();
    for (const std::int64_t dim : shape) {
      if (dim < 0 || static_cast<std::size_t>(dim) > left) {
        plugin_.fault("gives " + which + " the shape " + shape_text(shape) +
                      ", which no tensor in this machine's memory has");
      }
      if (dim > 0) left /= static_cast<std::size_t>(dim);
    }
    return shape;
  }

  Quantization checked_quantization(const edgeloop_tensor_v1& given,
                                    const std::vector<std::int64_t>& shape,
                                    const std::string& which) const {
    const std::size_t count = given.scale_count;
    if (count == 0) return {};
    const bool axis_fits = given.axis >= 0 && static_cast<std::size_t>(given.axis) < shape.size();
    const bool one_each = axis_fits && count == static_cast<std::size_t>(shape[given.axis]);
    if (given.scales == nullptr || (count > 1 && !one_each) ||
        !std::all_of(given.scales, given.scales + count,
                     [](float scale) { return std::isfinite(scale) && scale > 0; })) {
      plugin_.fault("gives " + which + " " + std::to_string(count) +
                    " scales that do not fit its shape, or that are not numbers above 0");
    }
    Quantization quantization;
    quantization.scales.assign(given.scales, given.scales + count);
    quantization.zero_points.resize(count);
    if (given.zero_points != nullptr) {
      std::copy_n(given.zero_points, count, quantization.zero_points.begin());
    }
    quantization.axis = count > 1 ? given.axis : 0;
    return quantization;
  }

  // A shape that was asked for and quietly ignored would be measured as another model.
  void require_asked_shapes(const EngineOptions& options) const {
    std::vector<std::string> names;
    for (const Tensor& input : inputs_) names.push_back(input.name);
    require_known_shapes(options, names);
    for (const Tensor& input : inputs_) {
      const std::vector<std::int64_t> asked = fixed_shape(input.name, input.shape, options);
      if (asked != input.shape) {
        throw Error(ErrorKind::usage, plugin_.name() + " runs its input '" + input.name + "' as " +
                                          shape_text(input.shape) + ", not as " +
                                          shape_text(asked) +
                                          "; leave --shape and --batch-size out");
      }
    }
  }

  void check(std::int32_t code, const std::string& where) const {
    if (code == EDGELOOP_OK) return;
    plugin_.failed(code, where, last_words());
  }

  void require_plausible(std::size_t count, std::size_t most, const char* what) const {
    if (count > most) plugin_.fault("says that it has " + std::to_string(count) + " " + what);
  }

  const char* last_words() const {
    return plugin_.guarded("last_error", [&] { return plugin_.table().last_error(engine_.get()); });
  }

  // Apart from run(), so that the timed path stays short.
  __attribute__((noinline)) void keep_error(std::int32_t code) {
    last_error_ = plugin_.failure_text(code, "failed to run the model", last_words());
  }

  std::string property(const char* key) const {
    if (plugin_.table().property == nullptr) return "";
    return plain_text(
        plugin_.guarded("property", [&] { return plugin_.table().property(engine_.get(), key); }));
  }

  Plugin plugin_;
  Handle engine_;
  std::int32_t (*run_)(edgeloop_engine*);
};

}  // namespace

std::unique_ptr<Engine> create_plugin(const EngineOptions& options) {
  return std::make_unique<PluginEngine>(options);
}

}  // namespace edgeloop

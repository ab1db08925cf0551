#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edgeloop {

enum class DType : std::uint8_t {
  boolean,
  int8,
  uint8,
  int16,
  uint16,
  int32,
  uint32,
  int64,
  uint64,
  float16,
  float32,
  float64,
};

// The NumPy name of a dtype ("bool", "int8", ...), and its size.
const char* dtype_name(DType dtype) noexcept;
std::size_t dtype_bytes(DType dtype) noexcept;

// real = scale * (stored - zero_point); one pair for the tensor, or one per slice along axis.
struct Quantization {
  std::vector<float> scales;  // empty: the tensor is not quantised
  std::vector<std::int64_t> zero_points;
  int axis = 0;
};

// One input or output and the host buffer that the runtime reads or writes.
struct Tensor {
  std::string name;
  DType dtype = DType::float32;
  std::vector<std::int64_t> shape;
  Quantization quantization;
  void* data = nullptr;
  std::size_t bytes = 0;
};

// For a shape that no memory holds, or that has an open dimension, the largest count whose bytes
// can still be written as a number: to allocate it fails, where a wrapped product would be too
// small.
std::size_t element_count(const std::vector<std::int64_t>& shape) noexcept;

// A group of nodes of the graph that one owner executes ("TfLiteXNNPackDelegate", "builtin", ...).
struct Partition {
  std::string owner;
  std::size_t nodes = 0;
  std::string delegate;                // the requested one's name; "" where it is not known
  std::size_t subgraph = 0;            // in the runtime's order
  std::vector<int> indexes;            // of the nodes in the model's own order, where reported
  std::vector<std::string> operators;  // types of the nodes, where the runtime reports them
};

// A delegate in a library of its own, as the user asked for it.
struct DelegateOptions {
  std::string name;                                          // for messages and placement
  std::string library;                                       // exact path
  std::vector<std::pair<std::string, std::string>> options;  // in the user's order
};

// A part of an inference (a copy to a device, a layer) and its time by the engine's own account.
struct PartTime {
  std::string name;
  std::int64_t time_ns = 0;
};

enum class Grain : std::uint8_t { stages, layers };

struct Placement {
  bool known = false;  // false: this runtime offers no way to tell
  std::vector<Partition> partitions;
};

// One step of a run, as the runtime's own profiler tells it.
struct OperatorEvent {
  std::string name;            // type of the operator, in the words of who ran it
  std::int64_t node = 0;       // in the plan of the subgraph, or in the delegate's own count
  std::int64_t subgraph = 0;   // in the runtime's order
  bool inside = false;         // it ran within the node before it
  bool reported = false;       // its delegate reported the time afterwards, in whole microseconds
  std::uint64_t start_ns = 0;  // where reported, when that was; 0: not known
  std::uint64_t duration_ns = 0;
};

// What an engine is made from. Python has validated it: paths exist, threads >= 1.
struct EngineOptions {
  std::string library;  // exact path of the runtime's library
  std::string model;    // path of the model file
  int threads = 1;
  std::int64_t batch_size = 0;  // 0: as the model has it
  std::map<std::string, std::vector<std::int64_t>>
      shapes;                                   // input name -> the shape it is fixed to
  std::map<std::string, std::string> settings;  // engine's own; an unknown key is an error
  std::vector<DelegateOptions> delegates;  // external delegates or providers, the first one first
  void* object = nullptr;  // a foreign object to attach to: a PyObject*, an interpreter's handle
  bool probe = true;     // false: placement stays unknown; what reading it costs is the difference
  bool profile = false;  // true: events are recorded from the start
};

// One loaded model in one runtime.
//
// Constructors throw Error; run() never throws, never allocates on its own account and never calls
// Python (but for engines that say so). Buffers of tensors with a fixed shape never move; an output
// whose shape the model leaves open is described anew by outputs() after each run.
class Engine {
 public:
  Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  virtual ~Engine() = default;

  // Runs the model once on the present contents of the input buffers. False: see last_error().
  virtual bool run() noexcept = 0;

  virtual const std::vector<Tensor>& inputs() { return inputs_; }
  virtual const std::vector<Tensor>& outputs() { return outputs_; }
  virtual std::string last_error() const { return last_error_; }
  virtual std::string runtime_version() const = 0;
  virtual Placement placement() { return {}; }

  // The events since the last call, in the order in which they began, where the engine was made
  // with `profile`. Throws Error where there were more than it keeps.
  virtual std::vector<OperatorEvent> take_events() { return {}; }

  // Forgets the events so far, however many there were.
  virtual void drop_events() {}

  // How many events it keeps.
  virtual std::size_t event_capacity() const noexcept { return 0; }

  // Called after the input buffers were filled and before the model runs; never timed. An engine
  // with memory of its own on a device copies the inputs there. Throws Error.
  virtual void inputs_written() {}

  // Runs once more, outside of every measurement, and times the parts. Throws Error, of the kind
  // usage where the engine cannot time them.
  virtual std::vector<PartTime> time_parts(Grain grain);

  // The accelerator that does the work; empty where there is none or it is not reported.
  virtual std::string device() const { return ""; }

  // What the kernels compute in, in the runtime's own words ("f32"); empty where it does not say.
  virtual std::string executed_precision() const { return ""; }

  // What run() comprises, in the engine's own words; empty where Python knows them.
  virtual std::string timed_region() const { return ""; }

  // True where run() needs the interpreter lock.
  virtual bool calls_python() const noexcept { return false; }

 protected:
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  std::string last_error_;
};

// The engines of this build, in alphabetical order; made by CMake from the files in cpp/engines.
struct EngineEntry {
  const char* name;
  std::unique_ptr<Engine> (*create)(const EngineOptions& options);
};
const std::vector<EngineEntry>& engine_table();

// Throws Error{usage} for a name that is not in the table.
std::unique_ptr<Engine> create_engine(const std::string& name, const EngineOptions& options);

// Throws Error{usage} that names the first setting an engine does not know.
void require_known_settings(const EngineOptions& options,
                            std::initializer_list<std::string_view> known);

// The value of an engine's own setting.
std::string setting(const EngineOptions& options, const char* key, std::string_view otherwise);

}  // namespace edgeloop

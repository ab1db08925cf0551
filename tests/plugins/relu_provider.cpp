// An execution provider for ONNX Runtime in a library of its own, by the plugin interface of
// version 1.23. It runs every Relu, on the CPU: max(x, slope * x), with the option "slope" (0).
//
// PROVIDER_WITHOUT_DEVICE=1 makes it support no device, PROVIDER_NEEDS=99 need that version.

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Status = void*;  // null: success

struct ApiBase {
  void* const* (*get_api)(std::uint32_t version);
  const char* (*version)();
};

constexpr std::uint32_t kVersion = 23;
constexpr char kName[] = "ReluProvider";
constexpr int kFail = 1;
constexpr int kCpu = 0;  // kind of a device

void* const* api = nullptr;
void* const* ep_api = nullptr;

template <class T>
T entry(void* const* table, int index) {
  return reinterpret_cast<T>(table[index]);
}

// Indexes in the tables of the library.
Status error(const char* words) {
  return entry<Status (*)(int, const char*)>(api, 0)(kFail, words);
}
auto mutable_data() { return entry<Status (*)(void* value, void** data)>(api, 51); }
auto dimension_count() { return entry<Status (*)(const void* info, std::size_t*)>(api, 61); }
auto dimensions() { return entry<Status (*)(const void*, std::int64_t*, std::size_t)>(api, 62); }
auto tensor_shape() { return entry<Status (*)(const void* value, void** info)>(api, 65); }
auto kernel_input() { return entry<Status (*)(const void*, std::size_t, void** value)>(api, 90); }
auto kernel_output() {
  return entry<Status (*)(void*, std::size_t, const std::int64_t*, std::size_t, void**)>(api, 91);
}
auto release_shape() { return entry<void (*)(void*)>(api, 99); }
auto session_entry() {
  return entry<Status (*)(const void* options, const char* key, char* value, std::size_t*)>(api,
                                                                                            238);
}
auto has_session_entry() { return entry<Status (*)(const void*, const char*, int*)>(api, 237); }
auto device_type() { return entry<int (*)(const void*)>(api, 307); }
auto node_count() { return entry<Status (*)(const void* graph, std::size_t*)>(api, 344); }
auto nodes_of() { return entry<Status (*)(const void*, const void**, std::size_t)>(api, 345); }
auto operator_type() { return entry<Status (*)(const void* node, const char**)>(api, 350); }
auto make_device() {
  return entry<Status (*)(void* factory, const void* hardware, const void*, const void*, void**)>(
      ep_api, 0);
}
auto fuse() {
  return entry<Status (*)(void* info, const void* const* nodes, std::size_t, const void*)>(ep_api,
                                                                                           2);
}

struct ComputeInfo {
  std::uint32_t version;
  Status (*create_state)(ComputeInfo*, void* context, void** state);
  Status (*compute)(ComputeInfo*, void* state, void* context);
  void (*release_state)(ComputeInfo*, void* state);
  float slope;
};

struct Ep {
  std::uint32_t version;
  const char* (*name)(const Ep*);
  Status (*capability)(Ep*, const void* graph, void* info);
  Status (*compile)(Ep*, const void** graphs, const void** fused, std::size_t, ComputeInfo**,
                    void** contexts);
  void (*release_compute)(Ep*, ComputeInfo**, std::size_t);
  void* optional[16];  // left out
  float slope;
};

struct Factory {
  std::uint32_t version;
  const char* (*name)(const Factory*);
  const char* (*vendor)(const Factory*);
  Status (*supported)(Factory*, const void* const* hardware, std::size_t, void** devices,
                      std::size_t most, std::size_t* count);
  Status (*create)(Factory*, const void* const* hardware, const void* const* metadata, std::size_t,
                   const void* options, const void* logger, Ep** ep);
  void (*release)(Factory*, Ep*);
  std::uint32_t (*vendor_id)(const Factory*);
  const char* (*own_version)(const Factory*);
  void* validate;
  void* make_allocator;
  void* release_allocator;
  Status (*data_transfer)(Factory*, void** transfer);
  bool (*stream_aware)(const Factory*);
  void* optional[8];  // left out
};

Status create_state(ComputeInfo*, void*, void** state) {
  *state = nullptr;
  return nullptr;
}

Status compute(ComputeInfo* self, void*, void* context) {
  void* input = nullptr;
  void* shape = nullptr;
  if (Status status = kernel_input()(context, 0, &input)) return status;
  if (Status status = tensor_shape()(input, &shape)) return status;
  std::size_t rank = 0;
  dimension_count()(shape, &rank);
  std::vector<std::int64_t> sizes(rank);
  dimensions()(shape, sizes.data(), rank);
  release_shape()(shape);
  void* output = nullptr;
  if (Status status = kernel_output()(context, 0, sizes.data(), rank, &output)) return status;
  float* from = nullptr;
  float* to = nullptr;
  mutable_data()(input, reinterpret_cast<void**>(&from));
  mutable_data()(output, reinterpret_cast<void**>(&to));
  std::int64_t count = 1;
  for (std::int64_t size : sizes) count *= size;
  for (std::int64_t index = 0; index < count; ++index) {
    to[index] = from[index] > 0 ? from[index] : self->slope * from[index];
  }
  return nullptr;
}

void release_state(ComputeInfo*, void*) {}

Status capability(Ep*, const void* graph, void* info) {
  std::size_t count = 0;
  if (Status status = node_count()(graph, &count)) return status;
  std::vector<const void*> nodes(count);
  if (Status status = nodes_of()(graph, nodes.data(), count)) return status;
  for (const void* node : nodes) {
    const char* type = "";
    if (Status status = operator_type()(node, &type)) return status;
    if (std::string(type) != "Relu") continue;
    if (Status status = fuse()(info, &node, 1, nullptr)) return status;
  }
  return nullptr;
}

Status compile(Ep* self, const void**, const void**, std::size_t count, ComputeInfo** infos,
               void**) {
  for (std::size_t index = 0; index < count; ++index) {
    infos[index] = new ComputeInfo{kVersion, create_state, compute, release_state, self->slope};
  }
  return nullptr;
}

void release_compute(Ep*, ComputeInfo** infos, std::size_t count) {
  for (std::size_t index = 0; index < count; ++index) delete infos[index];
}

const char* ep_name(const Ep*) { return kName; }
const char* factory_name(const Factory*) { return kName; }
const char* vendor(const Factory*) { return "edgeloop"; }
std::uint32_t vendor_id(const Factory*) { return 0; }
const char* own_version(const Factory*) { return "1.0.0"; }

Status supported(Factory* self, const void* const* hardware, std::size_t count, void** devices,
                 std::size_t most, std::size_t* found) {
  *found = 0;
  if (std::getenv("PROVIDER_WITHOUT_DEVICE") != nullptr) return nullptr;
  for (std::size_t index = 0; index < count && *found < most; ++index) {
    if (device_type()(hardware[index]) != kCpu) continue;
    Status status = make_device()(self, hardware[index], nullptr, nullptr, &devices[*found]);
    if (status != nullptr) return status;
    ++*found;
  }
  return nullptr;
}

Status create(Factory*, const void* const*, const void* const*, std::size_t, const void* options,
              const void*, Ep** ep) {
  Ep* made = new Ep{};
  made->version = kVersion;
  made->name = ep_name;
  made->capability = capability;
  made->compile = compile;
  made->release_compute = release_compute;
  const char key[] = "ep.reluprovider.slope";
  int given = 0;
  has_session_entry()(options, key, &given);
  if (given != 0) {
    char value[32] = "";
    std::size_t size = sizeof(value);
    if (Status status = session_entry()(options, key, value, &size)) return status;
    char* end = nullptr;
    made->slope = std::strtof(value, &end);
    if (end == value) return error("slope is not a number");
  }
  *ep = made;
  return nullptr;
}

void release(Factory*, Ep* ep) { delete ep; }

Status data_transfer(Factory*, void** transfer) {
  *transfer = nullptr;
  return nullptr;
}

bool stream_aware(const Factory*) { return false; }

}  // namespace

EXPORT Status CreateEpFactories(const char*, const ApiBase* base, const void*, Factory** factories,
                                std::size_t, std::size_t* count) {
  const char* needs = std::getenv("PROVIDER_NEEDS");
  void* const* wanted = base->get_api(needs == nullptr ? kVersion : std::atoi(needs));
  api = base->get_api(7);
  if (wanted == nullptr) return error("this provider needs a newer ONNX Runtime");
  api = wanted;
  ep_api = entry<void* const* (*)()>(api, 317)();
  Factory* factory = new Factory{};
  factory->version = kVersion;
  factory->name = factory_name;
  factory->vendor = vendor;
  factory->supported = supported;
  factory->create = create;
  factory->release = release;
  factory->vendor_id = vendor_id;
  factory->own_version = own_version;
  factory->data_transfer = data_transfer;
  factory->stream_aware = stream_aware;
  factories[0] = factory;
  *count = 1;
  return nullptr;
}

EXPORT Status ReleaseEpFactory(Factory* factory) {
  delete factory;
  return nullptr;
}

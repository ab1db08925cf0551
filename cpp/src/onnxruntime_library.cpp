#include "edgeloop/onnxruntime_library.hpp"

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>

#include "edgeloop/plain_text.hpp"

namespace edgeloop {
namespace {

constexpr char kSuffix[] = "ExecutionProvider";
constexpr char kCpuProvider[] = "CPUExecutionProvider";

struct Version {
  bool known = false;
  unsigned major = 0;
  unsigned minor = 0;
};

const OrtApiBase* api_base(const Dylib& library) {
  return library.symbol<OrtGetApiBaseFunction>("OrtGetApiBase")();
}

Version version_of(const std::string& text) {
  Version version;
  version.known = std::sscanf(text.c_str(), "%u.%u", &version.major, &version.minor) == 2;
  return version;
}

// The table of that version, or null: asking for more than the library has prints to stderr. The
// minor version is the newest table.
void* const* table_of(const Dylib& library, std::uint32_t wanted) {
  const Version version = version_of(ort_version(library));
  const bool usable = version.known && version.major == 1 && version.minor >= wanted;
  return usable ? api_base(library)->GetApi(wanted) : nullptr;
}

template <class T>
T entry(void* const* table, int index) {
  return reinterpret_cast<T>(table[index]);
}

std::vector<std::string> available_providers(const OrtApi& api, const Dylib& library) {
  void* const* table = table_of(library, kOrtApiVersion);
  char** names = nullptr;
  int count = 0;
  check_ort(api, entry<OrtGetAvailableProviders>(table, kOrtGetAvailableProviders)(&names, &count),
            ErrorKind::runtime, "onnxruntime does not list its providers");
  const std::vector<std::string> list(names, names + count);
  OrtStatus* status =
      entry<OrtReleaseAvailableProviders>(table, kOrtReleaseAvailableProviders)(names, count);
  if (status != nullptr) api.ReleaseStatus(status);
  return list;
}

std::string without_suffix(const std::string& name) {
  const std::size_t suffix = sizeof(kSuffix) - 1;
  const bool ends =
      name.size() > suffix && name.compare(name.size() - suffix, suffix, kSuffix) == 0;
  return ends ? name.substr(0, name.size() - suffix) : name;
}

// What SessionOptionsAppendExecutionProvider calls a provider: mostly the name without its suffix.
std::string short_name(const std::string& name) {
  const std::string bare = without_suffix(name);
  for (const char* upper : {"XNNPACK", "AZURE", "SNPE", "DML", "WebGPU"}) {
    const bool same = bare.size() == std::string(upper).size() &&
                      std::equal(bare.begin(), bare.end(), upper,
                                 [](char a, char b) { return std::tolower(a) == std::tolower(b); });
    if (same) return upper;
  }
  return bare;
}

// The way of the older providers (CUDA, ACL, ArmNN, ...): an exported function with one number.
bool append_by_symbol(const OrtApi& api, const Dylib& library, OrtSessionOptions* session,
                      const DelegateOptions& provider) {
  const std::string symbol =
      "OrtSessionOptionsAppendExecutionProvider_" + without_suffix(provider.name);
  const auto append =
      library.optional_symbol<OrtStatus* (*)(OrtSessionOptions*, int)>(symbol.c_str());
  if (append == nullptr || provider.options.size() > 1) return false;
  int number = 0;
  if (!provider.options.empty()) {
    if (provider.options[0].first != "device_id") return false;
    number = std::atoi(provider.options[0].second.c_str());
  }
  check_ort(api, append(session, number), ErrorKind::not_available,
            "onnxruntime cannot use the provider " + provider.name);
  return true;
}

using Devices = std::vector<const OrtEpDevice*>;

Devices all_devices(const OrtApi& api, void* const* table, const OrtEnv* env) {
  const OrtEpDevice* const* devices = nullptr;
  std::size_t count = 0;
  check_ort(api, entry<OrtGetEpDevices>(table, kOrtGetEpDevices)(env, &devices, &count),
            ErrorKind::runtime, "onnxruntime does not list its devices");
  return Devices(devices, devices + count);
}

// Registers a library once, and returns the devices that it brought. They live as long as the
// environment, so one that is asked for here is never released.
Devices devices_of_plugin(const OrtApi& api, void* const* table, OrtEnv* env,
                          const std::string& path) {
  static std::mutex mutex;
  static std::map<std::string, Devices> registered;
  const std::lock_guard<std::mutex> lock(mutex);
  const auto known = registered.find(path);
  if (known != registered.end()) return known->second;
  const Devices before = all_devices(api, table, env);
  check_ort(api,
            entry<OrtRegisterLibrary>(table, kOrtRegisterLibrary)(env, path.c_str(), path.c_str()),
            ErrorKind::not_available, "onnxruntime cannot use the provider of " + path);
  OrtEnv* kept = nullptr;
  check_ort(api, api.CreateEnv(kOrtLogError, "edgeloop", &kept), ErrorKind::runtime,
            "onnxruntime cannot start");
  Devices added;
  for (const OrtEpDevice* device : all_devices(api, table, env)) {
    if (std::find(before.begin(), before.end(), device) == before.end()) added.push_back(device);
  }
  return registered[path] = added;
}

std::string kind_of(void* const* table, const OrtEpDevice* device) {
  const OrtHardwareDevice* hardware = entry<OrtEpHardware>(table, kOrtEpHardware)(device);
  const int type = entry<OrtHardwareType>(table, kOrtHardwareType)(hardware);
  return type >= 0 && type < 3 ? kOrtHardwareTypes[type] : std::to_string(type);
}

// The first device, or the one that is wanted: the first of a kind, or by its number.
const OrtEpDevice* chosen_device(void* const* table, const Devices& devices,
                                 const std::string& wanted, const std::string& path) {
  if (devices.empty()) {
    throw Error(ErrorKind::not_available,
                "the provider of " + path + " found no device on this machine that it can use");
  }
  std::string list;
  for (std::size_t number = 0; number < devices.size(); ++number) {
    const std::string kind = kind_of(table, devices[number]);
    if (wanted.empty() || wanted == kind || wanted == std::to_string(number)) {
      return devices[number];
    }
    list += (list.empty() ? "" : ", ") + std::to_string(number) + " (" + kind + ")";
  }
  throw Error(ErrorKind::not_available,
              "the provider of " + path + " has no device '" + wanted + "'; it has " + list);
}

}  // namespace

OrtApi load_ort_api(const Dylib& library) {
  void* const* table = table_of(library, kOrtApiVersion);
  if (table == nullptr) {
    throw Error(ErrorKind::not_available, "the library " + library.path() + " is ONNX Runtime " +
                                              ort_version(library) + "; edgeloop needs version 1." +
                                              std::to_string(kOrtApiVersion) + " or a newer 1.x");
  }
  OrtApi api;
#define EDGELOOP_LOAD(index, result, name, parameters) \
  api.name = reinterpret_cast<result(*) parameters>(table[index]);
  EDGELOOP_ORT_ENTRIES(EDGELOOP_LOAD)
#undef EDGELOOP_LOAD
  return api;
}

std::string ort_version(const Dylib& library) { return api_base(library)->GetVersionString(); }

std::string ort_words(const OrtApi& api, OrtStatus* status) {
  const OrtHandle<OrtStatus> owned(status, api.ReleaseStatus);
  return plain_text(api.GetErrorMessage(status), 1000);
}

void check_ort(const OrtApi& api, OrtStatus* status, ErrorKind kind, const std::string& failed) {
  if (status != nullptr) throw Error(kind, failed + ": " + ort_words(api, status));
}

void append_ort_provider(const OrtApi& api, const Dylib& library, OrtSessionOptions* session,
                         const DelegateOptions& provider) {
  const std::vector<std::string> known = available_providers(api, library);
  if (std::find(known.begin(), known.end(), provider.name) == known.end()) {
    std::string list;
    for (const std::string& name : known) list += (list.empty() ? "" : ", ") + name;
    throw Error(ErrorKind::not_available, "the library " + library.path() + " has no provider '" +
                                              provider.name + "'; it has " + list);
  }
  if (provider.name == kCpuProvider) return;  // the runtime adds it itself, as the last one
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : provider.options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  if (append_by_symbol(api, library, session, provider)) return;
  void* const* table = table_of(library, kOrtAppendProviderVersion);
  if (table == nullptr) {
    throw Error(ErrorKind::not_available, "ONNX Runtime " + ort_version(library) +
                                              " cannot be given the provider " + provider.name +
                                              " through its C API; measure the framework loop");
  }
  check_ort(
      api,
      entry<OrtAppendProvider>(table, kOrtAppendProvider)(
          session, short_name(provider.name).c_str(), keys.data(), values.data(), keys.size()),
      ErrorKind::not_available, "onnxruntime cannot use the provider " + provider.name);
}

std::string append_ort_plugin(const OrtApi& api, const Dylib& library, OrtEnv* env,
                              OrtSessionOptions* session, const DelegateOptions& provider) {
  void* const* table = table_of(library, kOrtPluginVersion);
  if (table == nullptr) {
    throw Error(ErrorKind::not_available, "ONNX Runtime " + ort_version(library) +
                                              " takes no provider from a library, as " +
                                              provider.library + " is; that came with version 1." +
                                              std::to_string(kOrtPluginVersion));
  }
  std::string wanted;
  std::vector<const char*> keys;
  std::vector<const char*> values;
  for (const auto& [key, value] : provider.options) {
    if (key.empty()) {
      wanted = value;
      continue;
    }
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
  const OrtEpDevice* device = chosen_device(
      table, devices_of_plugin(api, table, env, provider.library), wanted, provider.library);
  const std::string name = entry<OrtEpName>(table, kOrtEpName)(device);
  check_ort(api,
            entry<OrtAppendDevices>(table, kOrtAppendDevices)(session, env, &device, 1, keys.data(),
                                                              values.data(), keys.size()),
            ErrorKind::not_available, "onnxruntime cannot use the provider " + name);
  return name;
}

void forbid_ort_cpu_fallback(const OrtApi& api, OrtSessionOptions* session, bool forbidden) {
  check_ort(
      api,
      api.AddSessionConfigEntry(session, "session.disable_cpu_ep_fallback", forbidden ? "1" : "0"),
      ErrorKind::usage, "onnxruntime cannot forbid the CPU fallback");
}

void record_ort_placement(const OrtApi& api, OrtSessionOptions* session, const Dylib& library) {
  if (table_of(library, kOrtPlacementVersion) == nullptr) return;
  check_ort(api, api.AddSessionConfigEntry(session, "session.record_ep_graph_assignment_info", "1"),
            ErrorKind::runtime, "onnxruntime cannot note which provider gets which node");
}

Placement ort_placement(const OrtApi& api, const Dylib& library, const OrtSession* session) {
  Placement placement;
  void* const* table = table_of(library, kOrtPlacementVersion);
  if (table == nullptr) return placement;
  const auto check = [&api](OrtStatus* status) {
    check_ort(api, status, ErrorKind::runtime,
              "onnxruntime does not tell which provider got which node");
  };
  const OrtEpAssignedSubgraph* const* parts = nullptr;
  std::size_t count = 0;
  check(entry<OrtGetAssignment>(table, kOrtGetAssignment)(session, &parts, &count));
  for (std::size_t part = 0; part < count; ++part) {
    Partition partition;
    const char* text = nullptr;
    check(entry<OrtGetAssignedProvider>(table, kOrtGetAssignedProvider)(parts[part], &text));
    partition.owner = text;
    partition.delegate = text;
    const OrtEpAssignedNode* const* nodes = nullptr;
    check(entry<OrtGetAssignedNodes>(table, kOrtGetAssignedNodes)(parts[part], &nodes,
                                                                  &partition.nodes));
    for (std::size_t node = 0; node < partition.nodes; ++node) {
      check(entry<OrtGetAssignedOperator>(table, kOrtGetAssignedOperator)(nodes[node], &text));
      partition.operators.emplace_back(text);
    }
    // A provider with kernels lists each node on its own: one part stands for such a stretch.
    if (partition.nodes == 1 && !placement.partitions.empty() &&
        placement.partitions.back().owner == partition.owner) {
      ++placement.partitions.back().nodes;
      placement.partitions.back().operators.push_back(partition.operators[0]);
      continue;
    }
    placement.partitions.push_back(std::move(partition));
  }
  placement.known = true;
  return placement;
}

}  // namespace edgeloop

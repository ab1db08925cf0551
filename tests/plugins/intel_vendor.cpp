// An execution provider's library that hands on another one, with one change: it calls the maker
// of every device Intel, so that OpenVINO's provider can be tested on other x86 CPUs.
//
// REAL_PLUGIN names the other library.

#include <dlfcn.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

struct ApiBase {
  void* const* (*get_api)(std::uint32_t version);
  const char* (*version)();
};

constexpr std::size_t kEntries = 430;  // of ONNX Runtime 1.31
constexpr int kVendorId = 308;
constexpr int kVendor = 309;

const ApiBase* real = nullptr;
ApiBase changed = {nullptr, nullptr};
void* table[kEntries];

std::uint32_t vendor_id(const void*) { return 0x8086; }
const char* vendor(const void*) { return "Intel"; }

void* const* get_api(std::uint32_t version) {
  void* const* found = real->get_api(version);
  if (found == nullptr) return nullptr;
  std::copy(found, found + kEntries, table);
  table[kVendorId] = reinterpret_cast<void*>(vendor_id);
  table[kVendor] = reinterpret_cast<void*>(vendor);
  return table;
}

template <class T>
T symbol(const char* name) {
  static void* const library = dlopen(std::getenv("REAL_PLUGIN"), RTLD_NOW | RTLD_LOCAL);
  return reinterpret_cast<T>(dlsym(library, name));
}

}  // namespace

EXPORT void* CreateEpFactories(const char* name, const ApiBase* base, const void* logger,
                               void** factories, std::size_t most, std::size_t* count) {
  real = base;
  changed = {get_api, base->version};
  using Create =
      void* (*)(const char*, const ApiBase*, const void*, void**, std::size_t, std::size_t*);
  return symbol<Create>("CreateEpFactories")(name, &changed, logger, factories, most, count);
}

EXPORT void* ReleaseEpFactory(void* factory) {
  return symbol<void* (*)(void*)>("ReleaseEpFactory")(factory);
}

#include "edgeloop/engine.hpp"

#include <algorithm>
#include <cstdint>
#include <exception>
#include <new>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

struct DTypeTraits {
  const char* name;
  std::size_t bytes;
};

// Indexed by DType.
constexpr DTypeTraits kDTypes[] = {
    {"bool", 1},   {"int8", 1},  {"uint8", 1},  {"int16", 2},   {"uint16", 2},  {"int32", 4},
    {"uint32", 4}, {"int64", 8}, {"uint64", 8}, {"float16", 2}, {"float32", 4}, {"float64", 8},
};

template <class Words>
std::string joined(const Words& words) {
  std::string text;
  for (const std::string_view word : words) {
    if (!text.empty()) text += ", ";
    text += word;
  }
  return text.empty() ? "none" : text;
}

// A runtime may let a C++ exception out of its C functions, over a damaged model for one.
std::unique_ptr<Engine> create(const EngineEntry& entry, const EngineOptions& options) {
  try {
    return entry.create(options);
  } catch (const Error&) {
    throw;
  } catch (const std::bad_alloc&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::model, std::string(entry.name) + " cannot load the model " +
                                      options.model + ": " + error.what());
  }
}

}  // namespace

const char* dtype_name(DType dtype) noexcept { return kDTypes[static_cast<int>(dtype)].name; }

std::size_t dtype_bytes(DType dtype) noexcept { return kDTypes[static_cast<int>(dtype)].bytes; }

std::size_t element_count(const std::vector<std::int64_t>& shape) noexcept {
  constexpr std::size_t kMost = PTRDIFF_MAX / sizeof(double);
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  std::size_t count = 1;
  for (std::int64_t dim : shape) {
    if (dim < 0 || static_cast<std::size_t>(dim) > kMost / count) return kMost;
    count *= static_cast<std::size_t>(dim);
  }
  return count;
}

std::vector<PartTime> Engine::time_parts(Grain grain) {
  const std::string parts = grain == Grain::layers ? "layers" : "stages";
  throw Error(ErrorKind::usage, runtime_version() + " cannot time its " + parts);
}

std::unique_ptr<Engine> create_engine(const std::string& name, const EngineOptions& options) {
  std::vector<std::string> names;
  for (const EngineEntry& entry : engine_table()) {
    if (name == entry.name) return create(entry, options);
    names.emplace_back(entry.name);
  }
  throw Error(ErrorKind::usage, "unknown engine '" + name + "'; known: " + joined(names));
}

void require_known_settings(const EngineOptions& options,
                            std::initializer_list<std::string_view> known) {
  for (const auto& [key, value] : options.settings) {
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      throw Error(ErrorKind::usage,
                  "unknown engine setting '" + key + "=" + value + "'; known: " + joined(known));
    }
  }
}

std::string setting(const EngineOptions& options, const char* key, std::string_view otherwise) {
  const auto found = options.settings.find(key);
  return found == options.settings.end() ? std::string(otherwise) : found->second;
}

}  // namespace edgeloop

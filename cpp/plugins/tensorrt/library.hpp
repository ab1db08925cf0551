#pragma once

#include <dlfcn.h>
#include <edgeloop/engine_v1.h>

#include <cstdint>
#include <string>

namespace edgeloop_tensorrt {

// What ends a create() or a run(): a code of engine_v1.h and one sentence. It never leaves this
// plugin.
struct Failure {
  std::int32_t code;
  std::string words;
};

// A library, open for the life of the process: CUDA and TensorRT leave threads behind.
class Library {
 public:
  Library(const std::string& path, const char* setting) : path_(path) {
    handle_ = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ != nullptr) return;
    const char* reason = dlerror();
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                  std::string("cannot load the library ") + path + ": " +
                      (reason == nullptr ? "no reason given" : reason) +
                      "; install it or name it with --set " + setting + "=PATH"};
  }

  template <class Function>
  Function find(const char* name) const noexcept {
    return reinterpret_cast<Function>(dlsym(handle_, name));
  }

  template <class Function>
  Function symbol(const char* name) const {
    const auto found = find<Function>(name);
    if (found != nullptr) return found;
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE, "the library " + path_ + " has no symbol " + name +
                                                    "; it is another library, or "
                                                    "a version that edgeloop does not know"};
  }

  const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
  void* handle_;
};

}  // namespace edgeloop_tensorrt

#include "edgeloop/dylib.hpp"

#include <dlfcn.h>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

std::string loader_reason() {
  const char* reason = dlerror();
  return reason == nullptr ? "the loader gave no reason" : reason;
}

}  // namespace

Dylib Dylib::open(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    throw Error(ErrorKind::not_available, "cannot load the library " + path + ": " +
                                              loader_reason() +
                                              "; check that it is built for this machine");
  }
  return Dylib(path, handle);
}

Dylib Dylib::loaded(const std::string& path) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NOLOAD);
  if (handle == nullptr) {
    throw Error(ErrorKind::not_available,
                "the library " + path + " is not loaded in this process: " + loader_reason());
  }
  return Dylib(path, handle);
}

void* Dylib::find(const char* name) const noexcept { return dlsym(handle_, name); }

void* Dylib::address(const char* name) const {
  void* found = find(name);
  if (found == nullptr) {
    throw Error(ErrorKind::not_available,
                "the library " + path_ + " has no symbol " + name +
                    "; it is another library or a version that edgeloop does not know");
  }
  return found;
}

}  // namespace edgeloop

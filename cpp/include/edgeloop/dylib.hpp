#pragma once

#include <string>

namespace edgeloop {

// A runtime's shared library. It is opened RTLD_LOCAL (GLOBAL lets two TFLite builds bind each
// other's symbols and crash) and never closed (its threads may outlive the last engine).
class Dylib {
 public:
  // Throws Error{not_available} with the loader's reason.
  static Dylib open(const std::string& path);

  // A handle to a library that this process has loaded already; throws where it has not.
  static Dylib loaded(const std::string& path);

  // The address of a symbol as a function pointer (or object pointer) of type T.
  // Throws Error{not_available}: which symbol is missing in which file.
  template <class T>
  T symbol(const char* name) const {
    return reinterpret_cast<T>(address(name));
  }

  // nullptr where the library has no such symbol.
  template <class T>
  T optional_symbol(const char* name) const noexcept {
    return reinterpret_cast<T>(find(name));
  }

  const std::string& path() const noexcept { return path_; }

 private:
  Dylib(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}
  void* address(const char* name) const;
  void* find(const char* name) const noexcept;

  std::string path_;
  void* handle_;
};

}  // namespace edgeloop

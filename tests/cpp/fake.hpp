#pragma once

#include <cstdlib>
#include <string>

#include "edgeloop/dylib.hpp"

namespace edgeloop_test {

// A variable of the environment while it lives: the fake runtimes take their orders from there.
class Ordered {
 public:
  Ordered(const char* name, const std::string& value) : name_(name) {
    setenv(name, value.c_str(), 1);
  }
  Ordered(const Ordered&) = delete;
  Ordered& operator=(const Ordered&) = delete;
  ~Ordered() { unsetenv(name_); }

 private:
  const char* name_;
};

// How many objects a fake runtime has given out and not got back.
inline int live_objects(const std::string& library) {
  return edgeloop::Dylib::open(library).symbol<int (*)()>("fake_live_objects")();
}

}  // namespace edgeloop_test

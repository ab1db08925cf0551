#pragma once

#include <cstdio>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "edgeloop/error.hpp"

// The smallest test harness that names what failed: a suite is a function, a check throws.

namespace edgeloop_test {

struct Test {
  const char* name;
  std::function<void()> body;
};

std::vector<Test>& tests();

struct Register {
  Register(const char* name, std::function<void()> body) { tests().push_back({name, body}); }
};

// Thrown by a test that cannot run here; says why.
struct Skipped : std::runtime_error {
  using std::runtime_error::runtime_error;
};

template <class A, class B>
void check_equal(const A& actual, const B& expected, const char* file, int line) {
  if (actual == expected) return;
  std::ostringstream text;
  text << file << ":" << line << ": got " << actual << ", expected " << expected;
  throw std::runtime_error(text.str());
}

inline void check(bool holds, const char* what, const char* file, int line) {
  if (holds) return;
  throw std::runtime_error(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

// Returns the message of the Error that `body` throws; fails where it throws none of that kind.
std::string message_of(edgeloop::ErrorKind kind, const std::function<void()>& body);

}  // namespace edgeloop_test

#define TEST(name)                                                     \
  static void name();                                                  \
  static const edgeloop_test::Register name##_registered(#name, name); \
  static void name()
#define CHECK(condition) edgeloop_test::check((condition), #condition, __FILE__, __LINE__)
#define CHECK_EQUAL(actual, expected) \
  edgeloop_test::check_equal((actual), (expected), __FILE__, __LINE__)

#pragma once

#include <doctest.h>

#include <string>

#include "edgeloop/error.hpp"

namespace edgeloop_test {

// Returns the message of the Error that `body` throws; fails where it throws none of that kind.
template <class Body>
std::string message_of(edgeloop::ErrorKind kind, const Body& body) {
  try {
    body();
  } catch (const edgeloop::Error& error) {
    INFO(error.what());
    REQUIRE(error.kind() == kind);
    return error.what();
  }
  FAIL("no error was thrown");
  return "";
}

}  // namespace edgeloop_test

#include "edgeloop/dylib.hpp"

#include <doctest.h>

#include "message_of.hpp"

using edgeloop::Dylib;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

TEST_CASE("dylib finds a symbol") {
  const Dylib library = Dylib::open(NOT_A_RUNTIME);
  CHECK(library.symbol<int (*)()>("answer")() == 42);
}

TEST_CASE("dylib names the symbol and the file it lacks") {
  const Dylib library = Dylib::open(NOT_A_RUNTIME);
  const std::string message =
      message_of(ErrorKind::not_available, [&] { library.symbol<int (*)()>("TfLiteVersion"); });
  CHECK(message.find("TfLiteVersion") != std::string::npos);
  CHECK(message.find(NOT_A_RUNTIME) != std::string::npos);
  CHECK_FALSE(bool(library.optional_symbol<int (*)()>("TfLiteVersion")));
}

TEST_CASE("dylib that is missing gives the reason of the loader") {
  const std::string message =
      message_of(ErrorKind::not_available, [] { Dylib::open("/nowhere/libnothing.so"); });
  CHECK(message.find("/nowhere/libnothing.so") != std::string::npos);
  CHECK(message.find("No such file") != std::string::npos);
}

TEST_CASE("dylib that is no library is refused") {
  message_of(ErrorKind::not_available, [] { Dylib::open(THIS_SOURCE); });
}

TEST_CASE("dylib loaded refuses what is not loaded") {
  message_of(ErrorKind::not_available, [] { Dylib::loaded("/nowhere/libnothing.so"); });
  Dylib::open(NOT_A_RUNTIME);
  CHECK(Dylib::loaded(NOT_A_RUNTIME).path() == std::string(NOT_A_RUNTIME));
}

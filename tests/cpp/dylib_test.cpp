#include "edgeloop/dylib.hpp"

#include "check.hpp"

using edgeloop::Dylib;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

TEST(dylib_finds_a_symbol) {
  const Dylib library = Dylib::open(NOT_A_RUNTIME);
  CHECK_EQUAL(library.symbol<int (*)()>("answer")(), 42);
}

TEST(dylib_names_the_symbol_and_the_file_it_lacks) {
  const Dylib library = Dylib::open(NOT_A_RUNTIME);
  const std::string message =
      message_of(ErrorKind::not_available, [&] { library.symbol<int (*)()>("TfLiteVersion"); });
  CHECK(message.find("TfLiteVersion") != std::string::npos);
  CHECK(message.find(NOT_A_RUNTIME) != std::string::npos);
  CHECK(library.optional_symbol<int (*)()>("TfLiteVersion") == nullptr);
}

TEST(dylib_that_is_missing_gives_the_reason_of_the_loader) {
  const std::string message =
      message_of(ErrorKind::not_available, [] { Dylib::open("/nowhere/libnothing.so"); });
  CHECK(message.find("/nowhere/libnothing.so") != std::string::npos);
  CHECK(message.find("No such file") != std::string::npos);
}

TEST(dylib_that_is_no_library_is_refused) {
  message_of(ErrorKind::not_available, [] { Dylib::open(THIS_SOURCE); });
}

TEST(dylib_loaded_refuses_what_is_not_loaded) {
  message_of(ErrorKind::not_available, [] { Dylib::loaded("/nowhere/libnothing.so"); });
  Dylib::open(NOT_A_RUNTIME);
  CHECK_EQUAL(Dylib::loaded(NOT_A_RUNTIME).path(), std::string(NOT_A_RUNTIME));
}

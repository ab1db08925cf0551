#include "edgeloop/tflite_external_delegate.hpp"

#include <doctest.h>

#include <cstdlib>
#include <string>

#include "edgeloop/error.hpp"

using edgeloop::DelegateOptions;
using edgeloop::Error;
using edgeloop::ErrorKind;
using edgeloop::TfliteExternalDelegate;

namespace {

// Why a delegate cannot be made; empty where it can.
std::string refusal(const DelegateOptions& options) {
  try {
    const TfliteExternalDelegate delegate(options);
    REQUIRE(delegate.get() != nullptr);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::not_available);
    return error.what();
  }
  return "";
}

bool has(const std::string& text, const std::string& words) {
  return text.find(words) != std::string::npos;
}

}  // namespace

TEST_CASE("a library that is no delegate is not available") {
  CHECK(has(refusal({"x", "/nonexistent.so", {}}), "cannot load the library /nonexistent.so"));
  CHECK(has(refusal({"x", THIS_SOURCE, {}}), "cannot load the library"));
  CHECK(has(refusal({"x", NOT_A_RUNTIME, {}}), "is not a TFLite delegate"));
}

TEST_CASE("a delegate is made with its options and destroyed") {
  CHECK(refusal({"x", TEST_DELEGATE, {}}) == "");
  CHECK(refusal({"x", TEST_DELEGATE, {{"offset", "1"}, {"mode", "none"}}}) == "");
}

TEST_CASE("a delegate that refuses is quoted and never destroyed") {
  CHECK(has(refusal({"x", TEST_DELEGATE, {{"mode", "create"}}}),
            "could not be created with mode=create: the test delegate cannot be made"));
  CHECK(has(refusal({"x", TEST_DELEGATE, {{"mode", "create-silent"}}}), "it gave no reason"));
  CHECK(has(refusal({"x", TEST_DELEGATE, {{"bogus", "1"}}}), "unknown option 'bogus'"));
}

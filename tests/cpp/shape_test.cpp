#include "edgeloop/shape.hpp"

#include <doctest.h>

#include "message_of.hpp"

using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop::fixed_shape;
using edgeloop::shape_text;
using edgeloop_test::message_of;

TEST_CASE("shapes are written as users write them") {
  CHECK(shape_text({1, 3, 224, 224}) == "1x3x224x224");
  CHECK(shape_text({-1, 3}) == "?x3");
  CHECK(shape_text({}) == "scalar");
}

TEST_CASE("an open batch becomes one or what was asked") {
  EngineOptions options;
  CHECK(shape_text(fixed_shape("x", {-1, 3}, options)) == "1x3");
  options.batch_size = 4;
  CHECK(shape_text(fixed_shape("x", {-1, 3}, options)) == "4x3");
  CHECK(shape_text(fixed_shape("x", {}, options)) == "scalar");
}

TEST_CASE("a named shape wins over the batch size") {
  EngineOptions options;
  options.batch_size = 4;
  options.shapes["x"] = {2, 5};
  CHECK(shape_text(fixed_shape("x", {-1, -1}, options)) == "2x5");
}

TEST_CASE("an open dimension tells how to fix it") {
  const std::string message =
      message_of(ErrorKind::usage, [] { fixed_shape("image", {1, -1, 3}, EngineOptions{}); });
  CHECK(message.find("--shape image=") != std::string::npos);
  CHECK(message.find("1x?x3") != std::string::npos);
}

TEST_CASE("a shape of another rank is refused") {
  EngineOptions options;
  options.shapes["x"] = {1, 2, 3};
  message_of(ErrorKind::usage, [&] { fixed_shape("x", {-1, 3}, options); });
}

TEST_CASE("a dimension beyond 32 bits is refused and not cut off") {
  constexpr std::int64_t kBeyond = (std::int64_t{1} << 32) + 1;  // 1 in 32 bits
  EngineOptions options;
  options.batch_size = kBeyond;
  const std::string message =
      message_of(ErrorKind::usage, [&] { fixed_shape("x", {-1, 3}, options); });
  CHECK(message.find("4294967297x3") != std::string::npos);
  options.batch_size = 0;
  options.shapes["x"] = {1, kBeyond};
  message_of(ErrorKind::usage, [&] { fixed_shape("x", {-1, 3}, options); });
  message_of(ErrorKind::model, [] { fixed_shape("x", {1, kBeyond}, EngineOptions{}); });
}

TEST_CASE("a shape for an unknown input names the inputs") {
  EngineOptions options;
  options.shapes["y"] = {1};
  const std::string message = message_of(
      ErrorKind::usage, [&] { edgeloop::require_known_shapes(options, {"left", "right"}); });
  CHECK(message.find("'left', 'right'") != std::string::npos);
}

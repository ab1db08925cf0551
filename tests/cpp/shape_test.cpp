#include "edgeloop/shape.hpp"

#include "check.hpp"

using edgeloop::EngineOptions;
using edgeloop::ErrorKind;
using edgeloop::fixed_shape;
using edgeloop::shape_text;
using edgeloop_test::message_of;

TEST(shapes_are_written_as_users_write_them) {
  CHECK_EQUAL(shape_text({1, 3, 224, 224}), "1x3x224x224");
  CHECK_EQUAL(shape_text({-1, 3}), "?x3");
  CHECK_EQUAL(shape_text({}), "scalar");
}

TEST(an_open_batch_becomes_one_or_what_was_asked) {
  EngineOptions options;
  CHECK_EQUAL(shape_text(fixed_shape("x", {-1, 3}, options)), "1x3");
  options.batch_size = 4;
  CHECK_EQUAL(shape_text(fixed_shape("x", {-1, 3}, options)), "4x3");
  CHECK_EQUAL(shape_text(fixed_shape("x", {}, options)), "scalar");
}

TEST(a_named_shape_wins_over_the_batch_size) {
  EngineOptions options;
  options.batch_size = 4;
  options.shapes["x"] = {2, 5};
  CHECK_EQUAL(shape_text(fixed_shape("x", {-1, -1}, options)), "2x5");
}

TEST(an_open_dimension_tells_how_to_fix_it) {
  const std::string message =
      message_of(ErrorKind::usage, [] { fixed_shape("image", {1, -1, 3}, EngineOptions{}); });
  CHECK(message.find("--shape image=") != std::string::npos);
  CHECK(message.find("1x?x3") != std::string::npos);
}

TEST(a_shape_of_another_rank_is_refused) {
  EngineOptions options;
  options.shapes["x"] = {1, 2, 3};
  message_of(ErrorKind::usage, [&] { fixed_shape("x", {-1, 3}, options); });
}

TEST(a_dimension_beyond_32_bits_is_refused_and_not_cut_off) {
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

TEST(a_shape_for_an_unknown_input_names_the_inputs) {
  EngineOptions options;
  options.shapes["y"] = {1};
  const std::string message = message_of(
      ErrorKind::usage, [&] { edgeloop::require_known_shapes(options, {"left", "right"}); });
  CHECK(message.find("'left', 'right'") != std::string::npos);
}

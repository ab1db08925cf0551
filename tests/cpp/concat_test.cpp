#include "edgeloop/concat.hpp"

#include "check.hpp"

using edgeloop::concat;
using edgeloop::ErrorKind;
using edgeloop_test::message_of;

TEST(concat_sets_parts_of_every_kind_one_after_another) {
  const std::string name = "input";
  CHECK_EQUAL(concat({"the ", name, " ", std::to_string(3)}), "the input 3");
  CHECK_EQUAL(concat({std::string_view("abcdef", 3), "", "x"}), "abcx");
  CHECK_EQUAL(concat({}), "");
}

TEST(an_error_is_thrown_with_its_parts_as_the_message) {
  const std::string message =
      message_of(ErrorKind::model, [] { edgeloop::throw_error(ErrorKind::model, {"a", "b"}); });
  CHECK_EQUAL(message, "ab");
}

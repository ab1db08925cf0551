#include "edgeloop/plain_text.hpp"

#include <doctest.h>

using edgeloop::plain_text;

TEST_CASE("plain text is one line") {
  CHECK(plain_text(nullptr).empty());
  CHECK(plain_text(" \n\t ").empty());
  CHECK(plain_text("\n one \r\n\n two\x01three \n") == "one two three");
}

TEST_CASE("plain text is utf 8") {
  CHECK(plain_text("µ€😀") == "µ€😀");
  CHECK(plain_text("\xFF\xFEx") == "??x");
  CHECK(plain_text("\xC0\xAF") == "??");            // overlong
  CHECK(plain_text("\xED\xA0\x80") == "???");       // a surrogate
  CHECK(plain_text("\xF4\x90\x80\x80") == "????");  // beyond the last character
  CHECK(plain_text("\xE2\x82") == "??");            // cut short
}

TEST_CASE("plain text ends where it must") {
  const char endless[4] = {'a', 'b', 'c', 'd'};
  CHECK(plain_text(endless, sizeof(endless)) == "abcd");
  CHECK(plain_text("ab€", 4) == "ab??");
}

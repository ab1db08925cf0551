#include "edgeloop/plain_text.hpp"

#include <cstring>

namespace edgeloop {
namespace {

// The length of the UTF-8 sequence that begins here, 0 where there is none (RFC 3629, section 4).
std::size_t sequence_bytes(const unsigned char* text, std::size_t left) {
  const unsigned char first = text[0];
  if (first < 0x80) return 1;
  std::size_t bytes = 0;
  if (first >= 0xC2 && first <= 0xDF) bytes = 2;
  if (first >= 0xE0 && first <= 0xEF) bytes = 3;
  if (first >= 0xF0 && first <= 0xF4) bytes = 4;
  if (bytes == 0 || bytes > left) return 0;
  for (std::size_t index = 1; index < bytes; ++index) {
    if ((text[index] & 0xC0) != 0x80) return 0;
  }
  const bool overlong = (first == 0xE0 && text[1] < 0xA0) || (first == 0xF0 && text[1] < 0x90);
  const bool no_character = (first == 0xED && text[1] > 0x9F) || (first == 0xF4 && text[1] > 0x8F);
  return overlong || no_character ? 0 : bytes;
}

}  // namespace

std::string plain_text(const char* text, std::size_t most_bytes) {
  if (text == nullptr) return "";
  const std::size_t size = strnlen(text, most_bytes);
  const auto* bytes = reinterpret_cast<const unsigned char*>(text);
  std::string plain;
  for (std::size_t at = 0; at < size;) {
    const std::size_t sequence = sequence_bytes(bytes + at, size - at);
    if (sequence == 0) {
      plain += '?';
    } else if (bytes[at] <= ' ' || bytes[at] == 0x7F) {
      if (!plain.empty() && plain.back() != ' ') plain += ' ';
    } else {
      plain.append(text + at, sequence);
    }
    at += sequence == 0 ? 1 : sequence;
  }
  plain.erase(plain.find_last_not_of(' ') + 1);
  return plain;
}

}  // namespace edgeloop

#pragma once

#include <cstddef>
#include <string>

namespace edgeloop {

// What a foreign library wrote, fit for one sentence: one line of well-formed UTF-8, of
// `most_bytes` at most; "?" stands for bytes that are not text. nullptr is empty.
std::string plain_text(const char* text, std::size_t most_bytes = 600);

}  // namespace edgeloop

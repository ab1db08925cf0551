#pragma once

#include <string>
#include <vector>

namespace edgeloop {

// The pieces of a text between separators; what follows the last one counts unless it is empty.
// Not std::istringstream: with a static libc++ that brings all of its locales, half of a wheel.
inline std::vector<std::string> pieces(const std::string& text, char separator) {
  std::vector<std::string> found;
  for (std::size_t start = 0; start < text.size();) {
    const std::size_t end = text.find(separator, start);
    found.push_back(text.substr(start, end - start));
    if (end == std::string::npos) break;
    start = end + 1;
  }
  return found;
}

}  // namespace edgeloop

#pragma once

#include <initializer_list>
#include <string>
#include <string_view>

namespace edgeloop {

// The parts one after another. One call, where a chain of + is code for each of its steps.
std::string concat(std::initializer_list<std::string_view> parts);

}  // namespace edgeloop

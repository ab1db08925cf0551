#include "edgeloop/error.hpp"

#include "edgeloop/concat.hpp"

namespace edgeloop {

void throw_error(ErrorKind kind, std::initializer_list<std::string_view> parts) {
  throw Error(kind, concat(parts));
}

}  // namespace edgeloop

#include "edgeloop/shape.hpp"

#include <algorithm>
#include <cstdint>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

// TFLite counts a dimension in 32 bits: a larger one would become another without a word.
void require_possible(const std::string& input, const std::vector<std::int64_t>& shape,
                      ErrorKind kind) {
  const auto impossible = [](std::int64_t dim) { return dim > INT32_MAX; };
  if (std::none_of(shape.begin(), shape.end(), impossible)) return;
  throw Error(kind, "the shape " + shape_text(shape) + " of input '" + input +
                        "' is impossible: a dimension is at most " + std::to_string(INT32_MAX));
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) {
  if (shape.empty()) return "scalar";
  std::string text;
  for (std::int64_t dim : shape) {
    if (!text.empty()) text += 'x';
    text += dim < 0 ? "?" : std::to_string(dim);
  }
  return text;
}

std::vector<std::int64_t> fixed_shape(const std::string& input,
                                      const std::vector<std::int64_t>& declared,
                                      const EngineOptions& options) {
  auto asked = options.shapes.find(input);
  if (asked == options.shapes.end()) asked = options.shapes.find("");
  if (asked != options.shapes.end()) {
    if (asked->second.size() != declared.size()) {
      throw Error(ErrorKind::usage, "--shape " + input + "=" + shape_text(asked->second) + " has " +
                                        std::to_string(asked->second.size()) +
                                        " dimensions, but the model's input is " +
                                        shape_text(declared));
    }
    require_possible(input, asked->second, ErrorKind::usage);
    return asked->second;
  }
  std::vector<std::int64_t> shape = declared;
  if (!shape.empty() && options.batch_size > 0) shape[0] = options.batch_size;
  if (!shape.empty() && shape[0] < 0) shape[0] = 1;
  require_possible(input, shape, options.batch_size > 0 ? ErrorKind::usage : ErrorKind::model);
  if (std::any_of(shape.begin(), shape.end(), [](std::int64_t dim) { return dim < 0; })) {
    throw Error(ErrorKind::usage, "the model leaves the shape of input '" + input + "' open (" +
                                      shape_text(declared) + "); fix it with --shape " + input +
                                      "=AxBxC");
  }
  return shape;
}

void require_known_shapes(const EngineOptions& options, const std::vector<std::string>& inputs) {
  for (const auto& [name, shape] : options.shapes) {
    if (std::find(inputs.begin(), inputs.end(), name) != inputs.end()) continue;
    if (name.empty() && inputs.size() == 1) continue;
    std::string known;
    for (const std::string& input : inputs) {
      known += (known.empty() ? "'" : ", '") + input + "'";
    }
    if (name.empty()) {
      throw Error(ErrorKind::usage,
                  "--shape " + shape_text(shape) + " names no input, and the model has " +
                      std::to_string(inputs.size()) + ": " + known + "; write --shape NAME=AxBxC");
    }
    throw Error(ErrorKind::usage, "--shape " + name + "=" + shape_text(shape) +
                                      ": the model has no such input; its inputs are " + known);
  }
}

}  // namespace edgeloop

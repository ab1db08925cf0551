#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edgeloop/engine.hpp"

namespace edgeloop {

// "1x3x224x224", an open dimension as "?", a scalar as "scalar".
std::string shape_text(const std::vector<std::int64_t>& shape);

// The shape to which an input is fixed: what the user asked for by name, else the model's shape
// with the batch size as its first dimension. Open dimensions are < 0 in `declared`; an open first
// one becomes 1. Throws Error{usage} where a dimension stays open, the rank differs, or a dimension
// that was asked for needs more than 32 bits; Error{model} where the model declares such a one.
std::vector<std::int64_t> fixed_shape(const std::string& input,
                                      const std::vector<std::int64_t>& declared,
                                      const EngineOptions& options);

// Throws Error{usage} where the user named an input that the model does not have, or none ("") of
// several. Call it first: after it, "" in the shapes means the only input.
void require_known_shapes(const EngineOptions& options, const std::vector<std::string>& inputs);

}  // namespace edgeloop

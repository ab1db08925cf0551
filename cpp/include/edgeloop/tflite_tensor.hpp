#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "edgeloop/engine.hpp"
#include "tflite_c.h"

namespace edgeloop {

// The dtype of an element type, which LiteRT numbers in the same way. Throws Error{model} that
// names the tensor where no NumPy array holds the type.
DType tflite_dtype(const std::string& tensor, int type);

// A tensor of a TFLite interpreter and its present memory. One that gets its shape during a run is
// described as empty (shape 0) before the first. Throws Error{model} for an element type that no
// NumPy array holds.
Tensor describe_tensor(const TfLiteTensor& tensor);

std::string tensor_name(const TfLiteTensor& tensor);
std::vector<std::int64_t> present_shape(const TfLiteTensor& tensor);

// The shape in the model file, with open dimensions as -1.
std::vector<std::int64_t> declared_shape(const TfLiteTensor& tensor);

// True where some tensor of the graph gets its shape during a run: then any memory may move in it.
bool has_dynamic_tensors(const TfLiteContext& context) noexcept;

}  // namespace edgeloop

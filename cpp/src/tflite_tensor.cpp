#include "edgeloop/tflite_tensor.hpp"

#include <algorithm>
#include <optional>

#include "edgeloop/error.hpp"
#include "edgeloop/shape.hpp"

namespace edgeloop {
namespace {

std::optional<DType> known_dtype(int type) noexcept {
  switch (type) {
    case kTfLiteFloat32:
      return DType::float32;
    case kTfLiteInt32:
      return DType::int32;
    case kTfLiteUInt8:
      return DType::uint8;
    case kTfLiteInt64:
      return DType::int64;
    case kTfLiteBool:
      return DType::boolean;
    case kTfLiteInt16:
      return DType::int16;
    case kTfLiteInt8:
      return DType::int8;
    case kTfLiteFloat64:
      return DType::float64;
    case kTfLiteFloat16:
      return DType::float16;
    case kTfLiteUInt64:
      return DType::uint64;
    case kTfLiteUInt32:
      return DType::uint32;
    case kTfLiteUInt16:
      return DType::uint16;
    default:
      return std::nullopt;
  }
}

// The types that are refused, as their users call them.
std::string type_name(int type) {
  switch (type) {
    case 5:
      return "string";
    case 8:
      return "complex64";
    case 12:
      return "complex128";
    case 14:
      return "resource";
    case 15:
      return "variant";
    case 18:
      return "int4";
    case 19:
      return "bfloat16";
    case 20:
      return "int2";
    case 21:
      return "uint4";
    default:
      return "TFLite type " + std::to_string(type);
  }
}

std::vector<std::int64_t> shape_of(const TfLiteIntArray& dims) {
  return {dims.data, dims.data + dims.size};
}

Quantization quantization_of(const TfLiteTensor& tensor) {
  if (tensor.quantization.type == kTfLiteAffineQuantization) {
    const auto* affine = static_cast<const TfLiteAffineQuantization*>(tensor.quantization.params);
    if (affine != nullptr && affine->scale != nullptr && affine->zero_point != nullptr &&
        affine->scale->size > 0) {
      return {{affine->scale->data, affine->scale->data + affine->scale->size},
              {affine->zero_point->data, affine->zero_point->data + affine->zero_point->size},
              affine->quantized_dimension};
    }
  }
  if (tensor.params.scale != 0.0F) return {{tensor.params.scale}, {tensor.params.zero_point}, 0};
  return {};
}

}  // namespace

std::string tensor_name(const TfLiteTensor& tensor) {
  return tensor.name == nullptr ? "" : tensor.name;
}

std::vector<std::int64_t> present_shape(const TfLiteTensor& tensor) {
  return tensor.dims == nullptr ? std::vector<std::int64_t>() : shape_of(*tensor.dims);
}

std::vector<std::int64_t> declared_shape(const TfLiteTensor& tensor) {
  if (tensor.dims_signature != nullptr && tensor.dims_signature->size > 0) {
    return shape_of(*tensor.dims_signature);
  }
  return present_shape(tensor);
}

bool has_dynamic_tensors(const TfLiteContext& context) noexcept {
  return std::any_of(
      context.tensors, context.tensors + context.tensors_size,
      [](const TfLiteTensor& tensor) { return tensor.allocation_type == kTfLiteDynamic; });
}

DType tflite_dtype(const std::string& tensor, int type) {
  const std::optional<DType> dtype = known_dtype(type);
  if (dtype) return *dtype;
  throw Error(ErrorKind::model, "tensor '" + tensor + "' holds " + type_name(type) +
                                    ", which edgeloop cannot read or write; convert the model "
                                    "with float32 or integer inputs and outputs");
}

Tensor describe_tensor(const TfLiteTensor& tensor) {
  const std::string name = tensor_name(tensor);
  const DType dtype = tflite_dtype(name, tensor.type);
  Tensor description{name,        dtype,       present_shape(tensor), quantization_of(tensor),
                     tensor.data, tensor.bytes};
  if (tensor.data == nullptr && element_count(description.shape) > 0) {
    description.shape = {0};
    description.bytes = 0;
  } else if (description.bytes != element_count(description.shape) * dtype_bytes(dtype)) {
    throw Error(ErrorKind::model,
                "tensor '" + description.name + "' has " + std::to_string(description.bytes) +
                    " bytes, which do not fit its shape " + shape_text(description.shape) + " of " +
                    dtype_name(dtype) + "; sparse tensors are not supported here");
  }
  return description;
}

}  // namespace edgeloop

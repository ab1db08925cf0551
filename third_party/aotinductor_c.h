// The part of PyTorch's AOTInductor C ABI that edgeloop uses: declarations of our own, no vendor
// text. PyTorch promises to keep these functions as they are, and adds new ones beside them.
//
// Checked by calling every function below in libtorch_cpu.so of PyTorch 2.13.0 (x86-64) and in a
// package that it compiled.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

using AotiStatus = std::int32_t;  // 0: ok; the same for both libraries

struct AtenTensorOpaque;
struct AOTInductorModelContainerOpaque;

}  // extern "C"

// Of libtorch_cpu.so: F(name, result, parameters). The numbers of dtypes and devices are what these
// functions return, and no part of the ABI.
#define EDGELOOP_AOTI_TORCH_SYMBOLS(F)                                                       \
  F(aoti_torch_device_type_cpu, std::int32_t, ())                                            \
  F(aoti_torch_dtype_bool, std::int32_t, ())                                                 \
  F(aoti_torch_dtype_int8, std::int32_t, ())                                                 \
  F(aoti_torch_dtype_uint8, std::int32_t, ())                                                \
  F(aoti_torch_dtype_int16, std::int32_t, ())                                                \
  F(aoti_torch_dtype_uint16, std::int32_t, ())                                               \
  F(aoti_torch_dtype_int32, std::int32_t, ())                                                \
  F(aoti_torch_dtype_uint32, std::int32_t, ())                                               \
  F(aoti_torch_dtype_int64, std::int32_t, ())                                                \
  F(aoti_torch_dtype_uint64, std::int32_t, ())                                               \
  F(aoti_torch_dtype_float16, std::int32_t, ())                                              \
  F(aoti_torch_dtype_float32, std::int32_t, ())                                              \
  F(aoti_torch_dtype_float64, std::int32_t, ())                                              \
  F(aoti_torch_create_tensor_from_blob, AotiStatus,                                          \
    (void* data, std::int64_t rank, const std::int64_t* sizes, const std::int64_t* strides,  \
     std::int64_t offset, std::int32_t dtype, std::int32_t device, std::int32_t index,       \
     AtenTensorOpaque** tensor))                                                             \
  F(aoti_torch_new_tensor_handle, AotiStatus,                                                \
    (AtenTensorOpaque * tensor, AtenTensorOpaque * *same_tensor))                            \
  F(aoti_torch_delete_tensor_object, AotiStatus, (AtenTensorOpaque * tensor))                \
  F(aoti_torch_get_data_ptr, AotiStatus, (AtenTensorOpaque * tensor, void** data))           \
  F(aoti_torch_get_dim, AotiStatus, (AtenTensorOpaque * tensor, std::int64_t* rank))         \
  F(aoti_torch_get_sizes, AotiStatus, (AtenTensorOpaque * tensor, std::int64_t** sizes))     \
  F(aoti_torch_get_strides, AotiStatus, (AtenTensorOpaque * tensor, std::int64_t** strides)) \
  F(aoti_torch_get_dtype, AotiStatus, (AtenTensorOpaque * tensor, std::int32_t* dtype))      \
  F(aoti_torch_get_device_type, AotiStatus, (AtenTensorOpaque * tensor, std::int32_t* device))

// Of the library in a package. Run takes the input handles away, and gives output handles.
#define EDGELOOP_AOTI_MODEL_SYMBOLS(F)                                                            \
  F(AOTInductorModelContainerCreateWithDevice, AotiStatus,                                        \
    (AOTInductorModelContainerOpaque * *container, std::size_t models, const char* device,        \
     const char* cubin_folder))                                                                   \
  F(AOTInductorModelContainerDelete, AotiStatus, (AOTInductorModelContainerOpaque * container))   \
  F(AOTInductorModelContainerGetNumInputs, AotiStatus,                                            \
    (AOTInductorModelContainerOpaque * container, std::size_t* count))                            \
  F(AOTInductorModelContainerGetNumOutputs, AotiStatus,                                           \
    (AOTInductorModelContainerOpaque * container, std::size_t* count))                            \
  F(AOTInductorModelContainerGetInputName, AotiStatus,                                            \
    (AOTInductorModelContainerOpaque * container, std::size_t index, const char** name))          \
  F(AOTInductorModelContainerGetOutputName, AotiStatus,                                           \
    (AOTInductorModelContainerOpaque * container, std::size_t index, const char** name))          \
  F(AOTInductorModelContainerRun, AotiStatus,                                                     \
    (AOTInductorModelContainerOpaque * container, AtenTensorOpaque * *inputs,                     \
     std::size_t input_count, AtenTensorOpaque** outputs, std::size_t output_count, void* stream, \
     void* proxy_executor))

// Of the same library, from PyTorch 2.13 on: the words of the last call that failed.
using AOTInductorGetLastErrorFunction = AotiStatus (*)(const char** words);

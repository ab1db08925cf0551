// The part of OpenVINO's C interface that edgeloop calls: declarations of our own, no vendor text.
//
// Checked by calling every function below in 2026.4.1 (x86-64); structs and functions are the same
// from 2024.3 on, but for the numbers of the element types, which moved by one in 2025.1.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct OvCore;
struct OvModel;
struct OvPort;
struct OvCompiledModel;
struct OvInferRequest;
struct OvTensor;

using OvStatus = int;  // 0: ok

struct OvVersion {
  const char* build;
  const char* description;
};

struct OvShape {
  std::int64_t rank;
  std::int64_t* dims;
};

struct OvDimension {
  std::int64_t min;
  std::int64_t max;  // -1: no bound
};

struct OvPartialShape {
  OvDimension rank;
  OvDimension* dims;
};

struct OvProfilingInfo {
  int status;  // 0: not run, fused, or faster than a microsecond; 1: optimised out; 2: executed
  std::int64_t real_us;
  std::int64_t cpu_us;
  const char* node;
  const char* kernel;
  const char* type;
};

struct OvProfilingInfoList {
  OvProfilingInfo* infos;
  std::size_t size;
};

}  // extern "C"

// F(name, result, parameters). Only ov_core_compile_model is variadic: keys and values in turn.
#define EDGELOOP_OV_SYMBOLS(F)                                                            \
  F(ov_get_openvino_version, OvStatus, (OvVersion * version))                             \
  F(ov_version_free, void, (OvVersion * version))                                         \
  F(ov_get_last_err_msg, const char*, ())                                                 \
  F(ov_get_error_info, const char*, (OvStatus status))                                    \
  F(ov_free, void, (const char* text))                                                    \
  F(ov_core_create, OvStatus, (OvCore * *core))                                           \
  F(ov_core_free, void, (OvCore * core))                                                  \
  F(ov_core_read_model, OvStatus,                                                         \
    (const OvCore* core, const char* model, const char* weights, OvModel** made))         \
  F(ov_core_compile_model, OvStatus,                                                      \
    (const OvCore* core, const OvModel* model, const char* device, std::size_t arguments, \
     OvCompiledModel** made, ...))                                                        \
  F(ov_model_free, void, (OvModel * model))                                               \
  F(ov_model_inputs_size, OvStatus, (const OvModel* model, std::size_t* count))           \
  F(ov_model_outputs_size, OvStatus, (const OvModel* model, std::size_t* count))          \
  F(ov_model_const_input_by_index, OvStatus,                                              \
    (const OvModel* model, std::size_t index, OvPort** port))                             \
  F(ov_model_const_output_by_index, OvStatus,                                             \
    (const OvModel* model, std::size_t index, OvPort** port))                             \
  F(ov_model_reshape_by_port_indexes, OvStatus,                                           \
    (const OvModel* model, const std::size_t* indexes, const OvPartialShape* shapes,      \
     std::size_t count))                                                                  \
  F(ov_output_const_port_free, void, (OvPort * port))                                     \
  F(ov_port_get_any_name, OvStatus, (const OvPort* port, char** name))                    \
  F(ov_port_get_element_type, OvStatus, (const OvPort* port, int* type))                  \
  F(ov_port_get_partial_shape, OvStatus, (const OvPort* port, OvPartialShape* shape))     \
  F(ov_partial_shape_free, void, (OvPartialShape * shape))                                \
  F(ov_shape_free, OvStatus, (OvShape * shape))                                           \
  F(ov_compiled_model_free, void, (OvCompiledModel * model))                              \
  F(ov_compiled_model_output_by_index, OvStatus,                                          \
    (const OvCompiledModel* model, std::size_t index, OvPort** port))                     \
  F(ov_compiled_model_get_property, OvStatus,                                             \
    (const OvCompiledModel* model, const char* key, char** value))                        \
  F(ov_compiled_model_create_infer_request, OvStatus,                                     \
    (const OvCompiledModel* model, OvInferRequest** request))                             \
  F(ov_infer_request_free, void, (OvInferRequest * request))                              \
  F(ov_infer_request_set_input_tensor_by_index, OvStatus,                                 \
    (OvInferRequest * request, std::size_t index, const OvTensor* tensor))                \
  F(ov_infer_request_set_output_tensor_by_index, OvStatus,                                \
    (OvInferRequest * request, std::size_t index, const OvTensor* tensor))                \
  F(ov_infer_request_get_output_tensor_by_index, OvStatus,                                \
    (const OvInferRequest* request, std::size_t index, OvTensor** tensor))                \
  F(ov_infer_request_infer, OvStatus, (OvInferRequest * request))                         \
  F(ov_infer_request_get_profiling_info, OvStatus,                                        \
    (const OvInferRequest* request, OvProfilingInfoList* list))                           \
  F(ov_profiling_info_list_free, void, (OvProfilingInfoList * list))                      \
  F(ov_tensor_create, OvStatus, (int type, OvShape shape, OvTensor** tensor))             \
  F(ov_tensor_create_from_host_ptr, OvStatus,                                             \
    (int type, OvShape shape, void* data, OvTensor** tensor))                             \
  F(ov_tensor_free, void, (OvTensor * tensor))                                            \
  F(ov_tensor_data, OvStatus, (const OvTensor* tensor, void** data))                      \
  F(ov_tensor_get_shape, OvStatus, (const OvTensor* tensor, OvShape* shape))              \
  F(ov_tensor_get_byte_size, OvStatus, (const OvTensor* tensor, std::size_t* bytes))

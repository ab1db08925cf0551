// The part of TensorFlow's C interface that edgeloop calls: declarations of our own, no vendor
// text.
//
// Checked by calling every function below in 2.21.0 (x86-64); names and parameters are the same in
// the wheels from 2.12 on. The library of the wheel, libtensorflow_cc.so.2, finds the rest in the
// libtensorflow_framework.so.2 beside it.
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct TfStatus;
struct TfGraph;
struct TfSession;
struct TfSessionOptions;
struct TfImportOptions;
struct TfOperation;
struct TfTensor;
struct TfDeviceList;

struct TfBuffer {
  const void* data;
  std::size_t length;
  void (*deallocator)(void* data, std::size_t length);
};

struct TfOutput {
  TfOperation* operation;
  int index;
};

}  // extern "C"

// F(name, result, parameters).
#define EDGELOOP_TF_SYMBOLS(F)                                                             \
  F(TF_Version, const char*, ())                                                           \
  F(TF_NewStatus, TfStatus*, ())                                                           \
  F(TF_DeleteStatus, void, (TfStatus * status))                                            \
  F(TF_GetCode, int, (const TfStatus* status))                                             \
  F(TF_Message, const char*, (const TfStatus* status))                                     \
  F(TF_NewBuffer, TfBuffer*, ())                                                           \
  F(TF_DeleteBuffer, void, (TfBuffer * buffer))                                            \
  F(TF_NewGraph, TfGraph*, ())                                                             \
  F(TF_DeleteGraph, void, (TfGraph * graph))                                               \
  F(TF_NewSessionOptions, TfSessionOptions*, ())                                           \
  F(TF_DeleteSessionOptions, void, (TfSessionOptions * options))                           \
  F(TF_SetConfig, void,                                                                    \
    (TfSessionOptions * options, const void* config, std::size_t bytes, TfStatus* status)) \
  F(TF_LoadSessionFromSavedModel, TfSession*,                                              \
    (const TfSessionOptions* options, const TfBuffer* run_options, const char* folder,     \
     const char* const* tags, int tag_count, TfGraph* graph, TfBuffer* meta_graph,         \
     TfStatus* status))                                                                    \
  F(TF_NewImportGraphDefOptions, TfImportOptions*, ())                                     \
  F(TF_DeleteImportGraphDefOptions, void, (TfImportOptions * options))                     \
  F(TF_GraphImportGraphDef, void,                                                          \
    (TfGraph * graph, const TfBuffer* graph_def, const TfImportOptions* options,           \
     TfStatus* status))                                                                    \
  F(TF_NewSession, TfSession*,                                                             \
    (TfGraph * graph, const TfSessionOptions* options, TfStatus* status))                  \
  F(TF_CloseSession, void, (TfSession * session, TfStatus * status))                       \
  F(TF_DeleteSession, void, (TfSession * session, TfStatus * status))                      \
  F(TF_GraphOperationByName, TfOperation*, (TfGraph * graph, const char* name))            \
  F(TF_OperationNumOutputs, int, (TfOperation * operation))                                \
  F(TF_OperationOutputType, int, (TfOutput output))                                        \
  F(TF_GraphGetTensorNumDims, int, (TfGraph * graph, TfOutput output, TfStatus * status))  \
  F(TF_GraphGetTensorShape, void,                                                          \
    (TfGraph * graph, TfOutput output, std::int64_t* dims, int count, TfStatus* status))   \
  F(TF_NewTensor, TfTensor*,                                                               \
    (int dtype, const std::int64_t* dims, int rank, void* data, std::size_t bytes,         \
     void (*deallocator)(void* data, std::size_t bytes, void* argument), void* argument))  \
  F(TF_DeleteTensor, void, (TfTensor * tensor))                                            \
  F(TF_TensorData, void*, (const TfTensor* tensor))                                        \
  F(TF_TensorByteSize, std::size_t, (const TfTensor* tensor))                              \
  F(TF_NumDims, int, (const TfTensor* tensor))                                             \
  F(TF_Dim, std::int64_t, (const TfTensor* tensor, int axis))                              \
  F(TF_SessionRun, void,                                                                   \
    (TfSession * session, const TfBuffer* run_options, const TfOutput* inputs,             \
     TfTensor* const* input_values, int input_count, const TfOutput* outputs,              \
     TfTensor** output_values, int output_count, const TfOperation* const* targets,        \
     int target_count, TfBuffer* run_metadata, TfStatus* status))

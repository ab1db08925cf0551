// The part of the TensorFlow Lite C ABI that edgeloop uses: declarations of our own, no vendor
// text.
//
// Sizes and offsets were checked against the headers of TensorFlow Lite 2.14.1 and LiteRT
// (2026-08-21), which agree, and the calls against libtensorflowlite_c.so 2.17.1, tflite-runtime
// 2.14.0 and ai-edge-litert 2.3.0. Of structs that grow only the prefix that we read is declared.
#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>

extern "C" {

using TfLiteStatus = int;  // 0: ok
constexpr TfLiteStatus kTfLiteOk = 0;
constexpr TfLiteStatus kTfLiteError = 1;

// Element types by number: those that a NumPy array can hold.
enum TfLiteTypeCode : int {
  kTfLiteFloat32 = 1,
  kTfLiteInt32 = 2,
  kTfLiteUInt8 = 3,
  kTfLiteInt64 = 4,
  kTfLiteBool = 6,
  kTfLiteInt16 = 7,
  kTfLiteInt8 = 9,
  kTfLiteFloat16 = 10,
  kTfLiteFloat64 = 11,
  kTfLiteUInt64 = 13,
  kTfLiteUInt32 = 16,
  kTfLiteUInt16 = 17,
};

struct TfLiteModel;
struct TfLiteInterpreter;
struct TfLiteInterpreterOptions;
struct TfLiteOpaqueDelegateBuilder;

struct TfLiteIntArray {
  int size;
  int data[];
};

struct TfLiteFloatArray {
  int size;
  float data[];
};

// One scale for the whole tensor; 0 where there is none or one per channel.
struct TfLiteQuantizationParams {
  float scale;
  std::int32_t zero_point;
};

struct TfLiteAffineQuantization {
  TfLiteFloatArray* scale;
  TfLiteIntArray* zero_point;
  std::int32_t quantized_dimension;
};

constexpr int kTfLiteAffineQuantization = 1;

struct TfLiteQuantization {
  int type;
  void* params;  // TfLiteAffineQuantization* where type is kTfLiteAffineQuantization
};

constexpr int kTfLiteDynamic = 4;  // an allocation type: the memory is made anew by each run

struct TfLiteTensor {
  int type;
  void* data;
  TfLiteIntArray* dims;
  TfLiteQuantizationParams params;
  int allocation_type;
  std::size_t bytes;
  const void* allocation;
  const char* name;
  struct TfLiteDelegate* delegate;
  int buffer_handle;
  bool data_is_stale;
  bool is_variable;
  TfLiteQuantization quantization;
  void* sparsity;
  const TfLiteIntArray* dims_signature;  // open dimensions are -1; null or empty: none are open
};

struct TfLiteNode {
  TfLiteIntArray* inputs;
  TfLiteIntArray* outputs;
  TfLiteIntArray* intermediates;
  TfLiteIntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  struct TfLiteDelegate* delegate;  // null: the runtime's own kernel
  bool might_have_side_effect;
};

struct TfLiteContext;

// Prefix.
struct TfLiteRegistration {
  void* (*init)(TfLiteContext*, const char*, std::size_t);
  void (*free)(TfLiteContext*, void*);
  TfLiteStatus (*prepare)(TfLiteContext*, TfLiteNode*);
  TfLiteStatus (*invoke)(TfLiteContext*, TfLiteNode*);
  const char* (*profiling_string)(const TfLiteContext*, const TfLiteNode*);
  std::int32_t builtin_code;
  const char* custom_name;
  int version;
};

// Prefix.
struct TfLiteContext {
  std::size_t tensors_size;
  TfLiteStatus (*GetExecutionPlan)(TfLiteContext*, TfLiteIntArray**);
  TfLiteTensor* tensors;
  void* impl_;
  TfLiteStatus (*ResizeTensor)(TfLiteContext*, TfLiteTensor*, TfLiteIntArray*);
  void (*ReportError)(TfLiteContext*, const char*, ...);
  TfLiteStatus (*AddTensors)(TfLiteContext*, int, int*);
  TfLiteStatus (*GetNodeAndRegistration)(TfLiteContext*, int, TfLiteNode**, TfLiteRegistration**);
};

constexpr std::int64_t kTfLiteDelegateFlagsAllowDynamicTensors = 1;

struct TfLiteDelegate {
  void* data_;
  TfLiteStatus (*Prepare)(TfLiteContext*, TfLiteDelegate*);
  TfLiteStatus (*CopyFromBufferHandle)(TfLiteContext*, TfLiteDelegate*, int, TfLiteTensor*);
  TfLiteStatus (*CopyToBufferHandle)(TfLiteContext*, TfLiteDelegate*, int, TfLiteTensor*);
  void (*FreeBufferHandle)(TfLiteContext*, TfLiteDelegate*, int*);
  std::int64_t flags;
  TfLiteOpaqueDelegateBuilder* opaque_delegate_builder;  // absent before opaque delegates existed
};

// What a delegated node carries as builtin_data.
struct TfLiteDelegateParams {
  TfLiteDelegate* delegate;
  TfLiteIntArray* nodes_to_replace;
  TfLiteIntArray* input_tensors;
  TfLiteIntArray* output_tensors;
};

// The same where the delegate is an opaque one.
struct TfLiteOpaqueDelegateParams {
  TfLiteDelegate* delegate;
  void* delegate_data;
  TfLiteIntArray* nodes_to_replace;
  TfLiteIntArray* input_tensors;
  TfLiteIntArray* output_tensors;
};

// TfLiteXNNPackDelegateOptions grows between versions and is returned through memory: declared
// larger than any of them, so that the library writes what it knows and we keep the rest.
struct TfLiteXNNPackOptions {
  std::int32_t num_threads;
  char rest[1020];
};

// Called while the model runs; every entry must be there.
struct TfLiteTelemetryProfiler {
  void* data;
  void (*event)(TfLiteTelemetryProfiler*, const char* name, std::uint64_t status);
  void (*operator_event)(TfLiteTelemetryProfiler*, const char* name, std::int64_t node,
                         std::int64_t subgraph, std::uint64_t status);
  void (*settings)(TfLiteTelemetryProfiler*, const char* name, const void* settings);
  std::uint32_t (*begin_operator)(TfLiteTelemetryProfiler*, const char* name, std::int64_t node,
                                  std::int64_t subgraph);
  void (*end_operator)(TfLiteTelemetryProfiler*, std::uint32_t handle);
  void (*timed_operator)(TfLiteTelemetryProfiler*, const char* name, std::uint64_t elapsed_us,
                         std::int64_t node, std::int64_t subgraph);
};

using TfLiteReporter = void (*)(void* user_data, const char* format, va_list arguments);

}  // extern "C"

static_assert(sizeof(void*) != 8 || offsetof(TfLiteTensor, quantization) == 80);
static_assert(sizeof(void*) != 8 || sizeof(TfLiteTensor) == 112);
static_assert(sizeof(void*) != 8 || offsetof(TfLiteNode, delegate) == 64);
static_assert(sizeof(void*) != 8 || sizeof(TfLiteNode) == 80);
static_assert(sizeof(void*) != 8 || offsetof(TfLiteRegistration, custom_name) == 48);
static_assert(sizeof(void*) != 8 || offsetof(TfLiteContext, GetNodeAndRegistration) == 56);
static_assert(sizeof(void*) != 8 || offsetof(TfLiteDelegate, flags) == 40);
static_assert(sizeof(void*) != 8 || sizeof(TfLiteDelegate) == 56);
static_assert(sizeof(void*) != 8 || sizeof(TfLiteDelegateParams) == 32);
static_assert(sizeof(void*) != 8 || sizeof(TfLiteOpaqueDelegateParams) == 40);

// The part of LiteRT's C ABI (libLiteRt.so) that edgeloop calls, declared by edgeloop itself.
//
// Checked by calling every function below in the libraries of ai-edge-litert 2.1.6, 2.2.0 and 2.3.0
// (x86-64). Versions before 2.1.6 have other signatures under the same names; they are told by the
// lack of LiteRtCreateModelFromFd.
#pragma once

#include <cstddef>
#include <cstdint>

struct TfLiteDelegate;

extern "C" {

using LiteRtStatus = int;  // 0: ok

struct LiteRtAcceleratorT;
struct LiteRtCompiledModelT;
struct LiteRtDelegateWrapperT;
struct LiteRtEnvironmentT;
struct LiteRtModelT;
struct LiteRtOpaqueOptionsT;
struct LiteRtOpT;
struct LiteRtOptionsT;
struct LiteRtProfilerT;
struct LiteRtSignatureT;
struct LiteRtSubgraphT;
struct LiteRtTensorBufferT;
struct LiteRtTensorT;

struct LiteRtVersion {
  int major;
  int minor;
  int patch;
};

// An option of the environment with a whole number as its value.
struct LiteRtEnvIntOption {
  int tag;
  int padding;
  int type;
  std::int64_t value;
};

constexpr std::size_t kLiteRtMaxRank = 8;

struct LiteRtLayout {
  std::uint32_t rank_and_flags;             // bits 0 to 6: the rank; bit 7: has strides
  std::int32_t dimensions[kLiteRtMaxRank];  // an open one is < 0
  std::uint32_t strides[kLiteRtMaxRank];
};

struct LiteRtRankedTensorType {
  int element_type;
  LiteRtLayout layout;
};

struct LiteRtQuantizationPerTensor {
  float scale;
  std::int64_t zero_point;
};

struct LiteRtQuantizationPerChannel {
  std::int32_t axis;
  std::uint64_t channels;
  const float* scales;
  const std::int64_t* zero_points;
};

// Both ends of an event. Between them stand two descriptions of memory, whose size differs between
// versions: how far apart events are shows in what the library writes.
struct LiteRtProfilerEventHead {
  const char* tag;
  int type;
  std::uint64_t start_us;
  std::uint64_t elapsed_us;
};

struct LiteRtProfilerEventTail {
  std::int64_t node;
  std::int64_t subgraph;
  int source;
};

using LiteRtGetAcceleratorName = LiteRtStatus (*)(const LiteRtAcceleratorT*, const char**);
using LiteRtGetAcceleratorVersion = LiteRtStatus (*)(const LiteRtAcceleratorT*, LiteRtVersion*);
using LiteRtGetAcceleratorHardware = LiteRtStatus (*)(const LiteRtAcceleratorT*, int* hardware);
using LiteRtIsAcceleratorJit = LiteRtStatus (*)(const LiteRtAcceleratorT*, bool*);
using LiteRtCreateDelegate = LiteRtStatus (*)(void* runtime_context, LiteRtEnvironmentT*,
                                              const LiteRtAcceleratorT*, LiteRtOptionsT*,
                                              LiteRtDelegateWrapperT**);

}  // extern "C"

namespace edgeloop {

// Tags of environment options, and the type of a whole number.
constexpr int kLiteRtAutoRegisterAccelerators = 24;
constexpr int kLiteRtMinLogSeverity = 25;
constexpr int kLiteRtAnyInt = 2;

constexpr int kLiteRtHardwareCpu = 1;
constexpr int kLiteRtHardwareGpu = 2;
constexpr int kLiteRtLogWarnings = 2;  // verbose 0, info 1, warning 2, error 3, silent 4
constexpr int kLiteRtPerTensor = 1;    // kinds of quantisation; 0: none
constexpr int kLiteRtPerChannel = 2;
// Types of an event: a node of the plan; something inside a delegate, stamped or reported.
constexpr int kLiteRtOperatorEvent = 2;
constexpr int kLiteRtDelegateOperatorEvent = 4;
constexpr int kLiteRtDelegateReportedEvent = 8;
constexpr int kLiteRtCustomOperator = 32;  // an operator's code

// name, result, parameters
#define EDGELOOP_LITERT_SYMBOLS(X)                                                                 \
  X(LiteRtCreateEnvironment, LiteRtStatus,                                                         \
    (int count, const LiteRtEnvIntOption*, LiteRtEnvironmentT**))                                  \
  X(LiteRtDestroyEnvironment, void, (LiteRtEnvironmentT*))                                         \
  X(LiteRtCreateModelFromBuffer, LiteRtStatus,                                                     \
    (LiteRtEnvironmentT*, const void* data, std::size_t bytes, LiteRtModelT**))                    \
  X(LiteRtDestroyModel, void, (LiteRtModelT*))                                                     \
  X(LiteRtGetNumModelSubgraphs, LiteRtStatus, (LiteRtModelT*, std::size_t*))                       \
  X(LiteRtGetModelSubgraph, LiteRtStatus, (LiteRtModelT*, std::size_t index, LiteRtSubgraphT**))   \
  X(LiteRtGetNumSubgraphOps, LiteRtStatus, (LiteRtSubgraphT*, std::size_t*))                       \
  X(LiteRtGetSubgraphOp, LiteRtStatus, (LiteRtSubgraphT*, std::size_t index, LiteRtOpT**))         \
  X(LiteRtGetOpCode, LiteRtStatus, (LiteRtOpT*, int*))                                             \
  X(LiteRtGetCustomCode, LiteRtStatus, (LiteRtOpT*, const char**))                                 \
  X(LiteRtGetModelSignature, LiteRtStatus, (LiteRtModelT*, std::size_t index, LiteRtSignatureT**)) \
  X(LiteRtGetNumSignatureInputs, LiteRtStatus, (LiteRtSignatureT*, std::size_t*))                  \
  X(LiteRtGetNumSignatureOutputs, LiteRtStatus, (LiteRtSignatureT*, std::size_t*))                 \
  X(LiteRtGetSignatureInputTensorByIndex, LiteRtStatus,                                            \
    (LiteRtSignatureT*, std::size_t index, LiteRtTensorT**))                                       \
  X(LiteRtGetSignatureOutputTensorByIndex, LiteRtStatus,                                           \
    (LiteRtSignatureT*, std::size_t index, LiteRtTensorT**))                                       \
  X(LiteRtGetTensorName, LiteRtStatus, (LiteRtTensorT*, const char**))                             \
  X(LiteRtGetTensorIndex, LiteRtStatus, (LiteRtTensorT*, std::uint32_t*))                          \
  X(LiteRtGetRankedTensorType, LiteRtStatus, (LiteRtTensorT*, LiteRtRankedTensorType*))            \
  X(LiteRtGetQuantizationTypeId, LiteRtStatus, (LiteRtTensorT*, int*))                             \
  X(LiteRtGetPerTensorQuantization, LiteRtStatus, (LiteRtTensorT*, LiteRtQuantizationPerTensor*))  \
  X(LiteRtGetPerChannelQuantization, LiteRtStatus,                                                 \
    (LiteRtTensorT*, LiteRtQuantizationPerChannel*))                                               \
  X(LiteRtCreateOptions, LiteRtStatus, (LiteRtOptionsT**))                                         \
  X(LiteRtDestroyOptions, void, (LiteRtOptionsT*))                                                 \
  X(LiteRtSetOptionsHardwareAccelerators, LiteRtStatus, (LiteRtOptionsT*, int hardware))           \
  X(LiteRtCreateOpaqueOptions, LiteRtStatus,                                                       \
    (const char* identifier, void* payload, void (*destroy)(void*), LiteRtOpaqueOptionsT**))       \
  X(LiteRtDestroyOpaqueOptions, void, (LiteRtOpaqueOptionsT*))                                     \
  X(LiteRtAddOpaqueOptions, LiteRtStatus, (LiteRtOptionsT*, LiteRtOpaqueOptionsT*))                \
  X(LiteRtCreateCompiledModel, LiteRtStatus,                                                       \
    (LiteRtEnvironmentT*, LiteRtModelT*, LiteRtOptionsT*, LiteRtCompiledModelT**))                 \
  X(LiteRtDestroyCompiledModel, void, (LiteRtCompiledModelT*))                                     \
  X(LiteRtCompiledModelResizeInputTensorNonStrict, LiteRtStatus,                                   \
    (LiteRtCompiledModelT*, std::size_t signature, std::size_t input, const int* shape,            \
     std::size_t rank))                                                                            \
  X(LiteRtGetCompiledModelOutputTensorLayouts, LiteRtStatus,                                       \
    (LiteRtCompiledModelT*, std::size_t signature, std::size_t count, LiteRtLayout*,               \
     bool update_allocation))                                                                      \
  X(LiteRtCreateTensorBufferFromHostMemory, LiteRtStatus,                                          \
    (const LiteRtRankedTensorType*, void* memory, std::size_t bytes, void (*release)(void*),       \
     LiteRtTensorBufferT**))                                                                       \
  X(LiteRtDestroyTensorBuffer, void, (LiteRtTensorBufferT*))                                       \
  X(LiteRtRunCompiledModel, LiteRtStatus,                                                          \
    (LiteRtCompiledModelT*, std::size_t signature, std::size_t input_count,                        \
     LiteRtTensorBufferT** inputs, std::size_t output_count, LiteRtTensorBufferT** outputs))       \
  X(LiteRtCreateAccelerator, LiteRtStatus, (LiteRtAcceleratorT**))                                 \
  X(LiteRtSetAcceleratorGetName, LiteRtStatus, (LiteRtAcceleratorT*, LiteRtGetAcceleratorName))    \
  X(LiteRtSetAcceleratorGetVersion, LiteRtStatus,                                                  \
    (LiteRtAcceleratorT*, LiteRtGetAcceleratorVersion))                                            \
  X(LiteRtSetAcceleratorGetHardwareSupport, LiteRtStatus,                                          \
    (LiteRtAcceleratorT*, LiteRtGetAcceleratorHardware))                                           \
  X(LiteRtSetIsAcceleratorDelegateResponsibleForJitCompilation, LiteRtStatus,                      \
    (LiteRtAcceleratorT*, LiteRtIsAcceleratorJit))                                                 \
  X(LiteRtSetDelegateFunction, LiteRtStatus, (LiteRtAcceleratorT*, LiteRtCreateDelegate))          \
  X(LiteRtRegisterAccelerator, LiteRtStatus,                                                       \
    (LiteRtEnvironmentT*, LiteRtAcceleratorT*, void* data, void (*release)(void*)))                \
  X(LiteRtWrapDelegate, LiteRtStatus,                                                              \
    (TfLiteDelegate*, void (*release)(TfLiteDelegate*), LiteRtDelegateWrapperT**))

// Bound only where a model is profiled.
#define EDGELOOP_LITERT_PROFILER_SYMBOLS(X)                                                   \
  X(LiteRtCompiledModelGetProfiler, LiteRtStatus, (LiteRtCompiledModelT*, LiteRtProfilerT**)) \
  X(LiteRtStartProfiler, LiteRtStatus, (LiteRtProfilerT*))                                    \
  X(LiteRtStopProfiler, LiteRtStatus, (LiteRtProfilerT*))                                     \
  X(LiteRtGetNumProfilerEvents, LiteRtStatus, (LiteRtProfilerT*, int* count))                 \
  X(LiteRtGetProfilerEvents, LiteRtStatus, (LiteRtProfilerT*, int count, void* events))

}  // namespace edgeloop

static_assert(sizeof(void*) != 8 || sizeof(LiteRtEnvIntOption) == 24);
static_assert(sizeof(void*) != 8 || offsetof(LiteRtEnvIntOption, value) == 16);
static_assert(sizeof(LiteRtRankedTensorType) == 72);
static_assert(sizeof(void*) != 8 || sizeof(LiteRtQuantizationPerTensor) == 16);
static_assert(sizeof(void*) != 8 || sizeof(LiteRtQuantizationPerChannel) == 32);

// The part of ONNX Runtime's C ABI that edgeloop calls, declared by edgeloop itself.
//
// The library exports one function; everything else is a table of function pointers that only ever
// grows at its end, so an entry is known by its index. Indexes and signatures were checked by
// calling every entry below in 1.20.1 and 1.31.1 (x86-64).
#pragma once

#include <cstddef>
#include <cstdint>

extern "C" {

struct OrtAllocator;
struct OrtEnv;
struct OrtEpAssignedNode;
struct OrtEpAssignedSubgraph;
struct OrtEpDevice;
struct OrtHardwareDevice;
struct OrtMemoryInfo;
struct OrtRunOptions;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;  // a null pointer means success
struct OrtTensorTypeAndShapeInfo;
struct OrtTypeInfo;
struct OrtValue;

struct OrtApiBase {
  void* const* (*GetApi)(std::uint32_t version);  // nullptr: this library is older
  const char* (*GetVersionString)();              // "1.31.1"; its minor is the newest version
};

using OrtGetApiBaseFunction = const OrtApiBase* (*)();

}  // extern "C"

namespace edgeloop {

// A version of the table that has every entry below (the last two came with ONNX Runtime 1.5).
constexpr std::uint32_t kOrtApiVersion = 7;

// Entries that are asked for on their own, each in a table of the version that brought it.
constexpr int kOrtGetAvailableProviders = 125;
using OrtGetAvailableProviders = OrtStatus* (*)(char*** names, int* count);
constexpr int kOrtReleaseAvailableProviders = 126;
using OrtReleaseAvailableProviders = OrtStatus* (*)(char** names, int count);

constexpr std::uint32_t kOrtAppendProviderVersion = 12;
constexpr int kOrtAppendProvider = 216;
using OrtAppendProvider = OrtStatus* (*)(OrtSessionOptions*, const char* name,
                                         const char* const* keys, const char* const* values,
                                         std::size_t count);

// Which provider got which node; indexes found by calling them in 1.31.1, whose answers are those
// of its Python API.
constexpr std::uint32_t kOrtPlacementVersion = 24;
constexpr int kOrtGetAssignment = 407;
using OrtGetAssignment = OrtStatus* (*)(const OrtSession*,
                                        const OrtEpAssignedSubgraph* const** parts,
                                        std::size_t* count);
constexpr int kOrtGetAssignedProvider = 408;
using OrtGetAssignedProvider = OrtStatus* (*)(const OrtEpAssignedSubgraph*, const char** name);
constexpr int kOrtGetAssignedNodes = 409;
using OrtGetAssignedNodes = OrtStatus* (*)(const OrtEpAssignedSubgraph*,
                                           const OrtEpAssignedNode* const** nodes,
                                           std::size_t* count);
constexpr int kOrtGetAssignedOperator = 412;
using OrtGetAssignedOperator = OrtStatus* (*)(const OrtEpAssignedNode*, const char** type);

// Providers in libraries of their own, since 1.22; indexes checked by calling them in 1.31.1.
constexpr std::uint32_t kOrtPluginVersion = 22;
constexpr int kOrtRegisterLibrary = 301;
using OrtRegisterLibrary = OrtStatus* (*)(OrtEnv*, const char* name, const char* path);
constexpr int kOrtGetEpDevices = 303;
using OrtGetEpDevices = OrtStatus* (*)(const OrtEnv*, const OrtEpDevice* const** devices,
                                       std::size_t* count);
constexpr int kOrtAppendDevices = 304;  // SessionOptionsAppendExecutionProvider_V2
using OrtAppendDevices = OrtStatus* (*)(OrtSessionOptions*, OrtEnv*,
                                        const OrtEpDevice* const* devices, std::size_t count,
                                        const char* const* keys, const char* const* values,
                                        std::size_t pairs);
constexpr int kOrtHardwareType = 307;
using OrtHardwareType = int (*)(const OrtHardwareDevice*);
constexpr const char* kOrtHardwareTypes[] = {"cpu", "gpu", "npu"};
constexpr int kOrtEpName = 312;
using OrtEpName = const char* (*)(const OrtEpDevice*);
constexpr int kOrtEpHardware = 316;
using OrtEpHardware = const OrtHardwareDevice* (*)(const OrtEpDevice*);

constexpr int kOrtLogError = 3;        // verbose 0, info 1, warning 2, error 3, fatal 4
constexpr int kOrtSequential = 0;      // execution mode: one operator after another
constexpr int kOrtArenaAllocator = 1;  // what a memory description says of memory that is ours
constexpr int kOrtDefaultMemory = 0;
constexpr int kOrtTensor = 1;  // kinds of value: tensor 1, sequence 2, map 3, opaque 4, sparse 5

// index in the table, result, name, parameters
#define EDGELOOP_ORT_ENTRIES(X)                                                               \
  X(2, const char*, GetErrorMessage, (const OrtStatus*))                                      \
  X(3, OrtStatus*, CreateEnv, (int severity, const char* log_id, OrtEnv**))                   \
  X(7, OrtStatus*, CreateSession,                                                             \
    (const OrtEnv*, const char* path, const OrtSessionOptions*, OrtSession**))                \
  X(9, OrtStatus*, Run,                                                                       \
    (OrtSession*, const OrtRunOptions*, const char* const* input_names,                       \
     const OrtValue* const* inputs, std::size_t input_count, const char* const* output_names, \
     std::size_t output_count, OrtValue** outputs))                                           \
  X(10, OrtStatus*, CreateSessionOptions, (OrtSessionOptions**))                              \
  X(13, OrtStatus*, SetSessionExecutionMode, (OrtSessionOptions*, int mode))                  \
  X(23, OrtStatus*, SetSessionGraphOptimizationLevel, (OrtSessionOptions*, int level))        \
  X(24, OrtStatus*, SetIntraOpNumThreads, (OrtSessionOptions*, int threads))                  \
  X(25, OrtStatus*, SetInterOpNumThreads, (OrtSessionOptions*, int threads))                  \
  X(30, OrtStatus*, SessionGetInputCount, (const OrtSession*, std::size_t*))                  \
  X(31, OrtStatus*, SessionGetOutputCount, (const OrtSession*, std::size_t*))                 \
  X(33, OrtStatus*, SessionGetInputTypeInfo,                                                  \
    (const OrtSession*, std::size_t index, OrtTypeInfo**))                                    \
  X(34, OrtStatus*, SessionGetOutputTypeInfo,                                                 \
    (const OrtSession*, std::size_t index, OrtTypeInfo**))                                    \
  X(36, OrtStatus*, SessionGetInputName,                                                      \
    (const OrtSession*, std::size_t index, OrtAllocator*, char**))                            \
  X(37, OrtStatus*, SessionGetOutputName,                                                     \
    (const OrtSession*, std::size_t index, OrtAllocator*, char**))                            \
  X(49, OrtStatus*, CreateTensorWithDataAsOrtValue,                                           \
    (const OrtMemoryInfo*, void* data, std::size_t bytes, const std::int64_t* shape,          \
     std::size_t rank, int element_type, OrtValue**))                                         \
  X(51, OrtStatus*, GetTensorMutableData, (OrtValue*, void**))                                \
  X(55, OrtStatus*, CastTypeInfoToTensorInfo,                                                 \
    (const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**))                                  \
  X(56, OrtStatus*, GetOnnxTypeFromTypeInfo, (const OrtTypeInfo*, int*))                      \
  X(60, OrtStatus*, GetTensorElementType, (const OrtTensorTypeAndShapeInfo*, int*))           \
  X(61, OrtStatus*, GetDimensionsCount, (const OrtTensorTypeAndShapeInfo*, std::size_t*))     \
  X(62, OrtStatus*, GetDimensions,                                                            \
    (const OrtTensorTypeAndShapeInfo*, std::int64_t* shape, std::size_t rank))                \
  X(65, OrtStatus*, GetTensorTypeAndShape, (const OrtValue*, OrtTensorTypeAndShapeInfo**))    \
  X(69, OrtStatus*, CreateCpuMemoryInfo, (int allocator, int memory, OrtMemoryInfo**))        \
  X(76, OrtStatus*, AllocatorFree, (OrtAllocator*, void*))                                    \
  X(78, OrtStatus*, GetAllocatorWithDefaultOptions, (OrtAllocator**))                         \
  X(92, void, ReleaseEnv, (OrtEnv*))                                                          \
  X(93, void, ReleaseStatus, (OrtStatus*))                                                    \
  X(94, void, ReleaseMemoryInfo, (OrtMemoryInfo*))                                            \
  X(95, void, ReleaseSession, (OrtSession*))                                                  \
  X(96, void, ReleaseValue, (OrtValue*))                                                      \
  X(98, void, ReleaseTypeInfo, (OrtTypeInfo*))                                                \
  X(99, void, ReleaseTensorTypeAndShapeInfo, (OrtTensorTypeAndShapeInfo*))                    \
  X(100, void, ReleaseSessionOptions, (OrtSessionOptions*))                                   \
  X(124, OrtStatus*, AddFreeDimensionOverrideByName,                                          \
    (OrtSessionOptions*, const char* name, std::int64_t value))                               \
  X(130, OrtStatus*, AddSessionConfigEntry,                                                   \
    (OrtSessionOptions*, const char* key, const char* value))

}  // namespace edgeloop

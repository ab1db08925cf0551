// An ONNX Runtime library of the calls that edgeloop makes, and no others. Any file is a model of
// one input "x" (float32, ?x4), and two outputs: "y", a copy of it, and "z" (float32, ?x2), whose
// values count the runs.
//
// EDGELOOP_FAKE_FAIL_AT=N makes the N-th call that may fail do so, counted from CreateEnv.
// EDGELOOP_FAKE_VERSION is its version, EDGELOOP_FAKE_DIM the last dimension of y.

#include <algorithm>
#include <array>
#include <atomic>
#include <cstring>
#include <string>
#include <vector>

#include "acts.hpp"
#include "onnxruntime_c.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

struct OrtAllocator {};
struct OrtEnv {};
struct OrtMemoryInfo {};
struct OrtSession {
  int runs = 0;
};
struct OrtSessionOptions {};
struct OrtStatus {
  std::string words;
};
struct OrtTensorTypeAndShapeInfo {
  std::vector<std::int64_t> shape;
};
struct OrtTypeInfo {
  OrtTensorTypeAndShapeInfo tensor;
};
struct OrtValue {
  OrtTensorTypeAndShapeInfo info;
  std::vector<float> owned;
  void* data = nullptr;
};

namespace {

constexpr int kFloat = 1;
constexpr std::size_t kEntries = 200;

std::atomic<int> live_objects{0};
std::atomic<unsigned long> fallible{0};
OrtAllocator allocator;

template <class T>
T* make(T value) {
  ++live_objects;
  return new T(std::move(value));
}

template <class T>
void destroy(T* object) {
  if (object == nullptr) return;
  --live_objects;
  delete object;
}

bool fails() {
  const std::string fail_at = fakes::variable("EDGELOOP_FAKE_FAIL_AT");
  return ++fallible == (fail_at.empty() ? 0 : std::stoul(fail_at));
}

// What a call returns that makes an object, or one that does not.
template <class T>
OrtStatus* made(T** slot, T value) {
  if (fails()) return make(OrtStatus{"the fake failed \n"});
  *slot = make(std::move(value));
  return nullptr;
}

OrtStatus* done() { return fails() ? make(OrtStatus{"the fake failed \n"}) : nullptr; }

template <class T>
OrtStatus* told(T* slot, T value) {
  *slot = value;
  return done();
}

std::size_t count(const std::vector<std::int64_t>& shape) {
  std::size_t product = 1;
  for (std::int64_t dim : shape) product *= static_cast<std::size_t>(dim);
  return product;
}

OrtStatus* named(const char* name, char** slot) {
  if (OrtStatus* status = done()) return status;
  ++live_objects;
  *slot = strdup(name);
  return nullptr;
}

std::int64_t dim_of_y() {
  const std::string text = fakes::variable("EDGELOOP_FAKE_DIM");
  return text.empty() ? 4 : std::stoll(text);
}

namespace calls {

const char* GetErrorMessage(const OrtStatus* status) { return status->words.c_str(); }

OrtStatus* CreateEnv(int, const char*, OrtEnv** env) {
  fallible = 0;
  return made(env, OrtEnv{});
}

OrtStatus* CreateSession(const OrtEnv*, const char*, const OrtSessionOptions*, OrtSession** made_) {
  return made(made_, OrtSession{});
}

OrtStatus* Run(OrtSession* session, const OrtRunOptions*, const char* const*,
               const OrtValue* const* inputs, std::size_t, const char* const*, std::size_t,
               OrtValue** outputs) {
  if (OrtStatus* status = done()) return status;
  const std::size_t bytes = count(inputs[0]->info.shape) * sizeof(float);
  std::memcpy(outputs[0]->data, inputs[0]->data,
              std::min(bytes, count(outputs[0]->info.shape) * sizeof(float)));
  OrtValue open{{{++session->runs, 2}}, std::vector<float>(session->runs * 2, 1.0F)};
  if (outputs[1] == nullptr) outputs[1] = make(std::move(open));
  outputs[1]->data = outputs[1]->owned.data();
  return nullptr;
}

OrtStatus* CreateSessionOptions(OrtSessionOptions** options) {
  return made(options, OrtSessionOptions{});
}
OrtStatus* SetSessionExecutionMode(OrtSessionOptions*, int) { return done(); }
OrtStatus* SetSessionGraphOptimizationLevel(OrtSessionOptions*, int) { return done(); }
OrtStatus* SetIntraOpNumThreads(OrtSessionOptions*, int) { return done(); }
OrtStatus* SetInterOpNumThreads(OrtSessionOptions*, int) { return done(); }

OrtStatus* SessionGetInputCount(const OrtSession*, std::size_t* count) {
  return told<std::size_t>(count, 1);
}
OrtStatus* SessionGetOutputCount(const OrtSession*, std::size_t* count) {
  return told<std::size_t>(count, 2);
}
OrtStatus* SessionGetInputTypeInfo(const OrtSession*, std::size_t, OrtTypeInfo** type) {
  return made(type, OrtTypeInfo{{{-1, 4}}});
}
OrtStatus* SessionGetOutputTypeInfo(const OrtSession*, std::size_t index, OrtTypeInfo** type) {
  return made(type, index == 0 ? OrtTypeInfo{{{1, dim_of_y()}}} : OrtTypeInfo{{{-1, 2}}});
}
OrtStatus* SessionGetInputName(const OrtSession*, std::size_t, OrtAllocator*, char** name) {
  return named("x", name);
}
OrtStatus* SessionGetOutputName(const OrtSession*, std::size_t index, OrtAllocator*, char** name) {
  return named(index == 0 ? "y" : "z", name);
}

OrtStatus* CreateTensorWithDataAsOrtValue(const OrtMemoryInfo*, void* data, std::size_t,
                                          const std::int64_t* shape, std::size_t rank, int,
                                          OrtValue** value) {
  return made(value, OrtValue{{{shape, shape + rank}}, {}, data});
}
OrtStatus* GetTensorMutableData(OrtValue* value, void** data) { return told(data, value->data); }

OrtStatus* CastTypeInfoToTensorInfo(const OrtTypeInfo* type,
                                    const OrtTensorTypeAndShapeInfo** tensor) {
  return told<const OrtTensorTypeAndShapeInfo*>(tensor, &type->tensor);
}
OrtStatus* GetOnnxTypeFromTypeInfo(const OrtTypeInfo*, int* kind) {
  return told(kind, edgeloop::kOrtTensor);
}
OrtStatus* GetTensorElementType(const OrtTensorTypeAndShapeInfo*, int* type) {
  return told(type, kFloat);
}
OrtStatus* GetDimensionsCount(const OrtTensorTypeAndShapeInfo* info, std::size_t* rank) {
  return told(rank, info->shape.size());
}
OrtStatus* GetDimensions(const OrtTensorTypeAndShapeInfo* info, std::int64_t* shape,
                         std::size_t rank) {
  std::copy_n(info->shape.begin(), rank, shape);
  return done();
}
OrtStatus* GetTensorTypeAndShape(const OrtValue* value, OrtTensorTypeAndShapeInfo** info) {
  return made(info, OrtTensorTypeAndShapeInfo(value->info));
}

OrtStatus* CreateCpuMemoryInfo(int, int, OrtMemoryInfo** memory) {
  return made(memory, OrtMemoryInfo{});
}
OrtStatus* AllocatorFree(OrtAllocator*, void* memory) {
  --live_objects;
  std::free(memory);
  return done();
}
OrtStatus* GetAllocatorWithDefaultOptions(OrtAllocator** slot) { return told(slot, &allocator); }

void ReleaseEnv(OrtEnv* object) { destroy(object); }
void ReleaseStatus(OrtStatus* object) { destroy(object); }
void ReleaseMemoryInfo(OrtMemoryInfo* object) { destroy(object); }
void ReleaseSession(OrtSession* object) { destroy(object); }
void ReleaseValue(OrtValue* object) { destroy(object); }
void ReleaseTypeInfo(OrtTypeInfo* object) { destroy(object); }
void ReleaseTensorTypeAndShapeInfo(OrtTensorTypeAndShapeInfo* object) { destroy(object); }
void ReleaseSessionOptions(OrtSessionOptions* object) { destroy(object); }

OrtStatus* AddFreeDimensionOverrideByName(OrtSessionOptions*, const char*, std::int64_t) {
  return done();
}
OrtStatus* AddSessionConfigEntry(OrtSessionOptions*, const char*, const char*) { return done(); }

}  // namespace calls

// A declared entry that has no function above does not compile; any other one is null.
std::array<void*, kEntries> filled_table() {
  std::array<void*, kEntries> table{};
#define FILL(index, result, name, parameters) \
  table[index] = reinterpret_cast<void*>(static_cast<result(*) parameters>(&calls::name));
  EDGELOOP_ORT_ENTRIES(FILL)
#undef FILL
  return table;
}

void* const* table_of(std::uint32_t version) {
  static const std::array<void*, kEntries> table = filled_table();
  return version == edgeloop::kOrtApiVersion ? table.data() : nullptr;
}

const char* version_text() {
  thread_local std::string version;
  version = fakes::variable("EDGELOOP_FAKE_VERSION");
  if (version.empty()) version = "1.99.0-fake";
  return version.c_str();
}

}  // namespace

EXPORT int fake_live_objects() { return live_objects; }

EXPORT const OrtApiBase* OrtGetApiBase() {
  static const OrtApiBase base{&table_of, &version_text};
  return &base;
}

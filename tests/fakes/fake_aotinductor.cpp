// libtorch_cpu.so and the library of a package in one: of PyTorch's C ABI the calls that edgeloop
// makes. The model takes "x" (any rank) and returns 2 * x with its last two axes swapped in memory,
// and the count of its runs (int64, a scalar).
//
// EDGELOOP_FAKE_FAIL_AT=N makes the N-th call that may fail do so, counted from the load.
// EDGELOOP_FAKE=run:ACT has the model misbehave (acts.hpp); EDGELOOP_FAKE_COUNT tells another
// number of inputs, EDGELOOP_FAKE_DTYPE another dtype of the first output.

#include <atomic>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "acts.hpp"
#include "aotinductor_c.h"

#define EXPORT extern "C" __attribute__((visibility("default")))

struct AtenTensorOpaque {
  std::vector<std::int64_t> sizes;
  std::vector<std::int64_t> strides;
  std::int32_t dtype;
  void* data;
  std::vector<char> owned;
};

struct AOTInductorModelContainerOpaque {
  std::int64_t runs = 0;
};

namespace {

constexpr std::int32_t kFloat32 = 6, kInt64 = 4, kCpu = 0;

std::atomic<int> live_objects{0};
std::atomic<unsigned long> fallible{0};
std::atomic<int> threads{0};

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

template <class T, class U>
AotiStatus told(T* slot, U value) {
  if (fails()) return 1;
  *slot = value;
  return 0;
}

std::size_t count(const std::vector<std::int64_t>& sizes) {
  std::size_t product = 1;
  for (std::int64_t dim : sizes) product *= static_cast<std::size_t>(dim);
  return product;
}

// Twice the input, its elements in the order of the last two axes swapped.
AtenTensorOpaque twice(const AtenTensorOpaque& x) {
  AtenTensorOpaque y{x.sizes, x.strides, kFloat32, nullptr, std::vector<char>(4 * count(x.sizes))};
  const std::string dtype = fakes::variable("EDGELOOP_FAKE_DTYPE");
  if (!dtype.empty()) y.dtype = std::stoi(dtype);
  const std::size_t rank = x.sizes.size();
  y.strides[rank - 2] = 1;
  y.strides[rank - 1] = x.sizes[rank - 2];
  const float* from = static_cast<const float*>(x.data);
  float* to = reinterpret_cast<float*>(y.owned.data());
  const std::int64_t rows = x.sizes[rank - 2], columns = x.sizes[rank - 1];
  const std::int64_t planes = static_cast<std::int64_t>(count(x.sizes)) / (rows * columns);
  for (std::int64_t plane = 0; plane < planes; ++plane) {
    for (std::int64_t row = 0; row < rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        const std::int64_t base = plane * rows * columns;
        to[base + column * rows + row] = 2 * from[base + row * columns + column];
      }
    }
  }
  return y;
}

AtenTensorOpaque* owner(AtenTensorOpaque value) {
  AtenTensorOpaque* tensor = make(std::move(value));
  tensor->data = tensor->owned.data();
  return tensor;
}

}  // namespace

EXPORT int fake_live_objects() { return live_objects; }
EXPORT int fake_threads() { return threads; }
EXPORT void omp_set_num_threads(int number) { threads = number; }

#define FAKE_CONSTANT(name, value) \
  EXPORT std::int32_t name() { return value; }
FAKE_CONSTANT(aoti_torch_device_type_cpu, kCpu)
FAKE_CONSTANT(aoti_torch_dtype_uint8, 0)
FAKE_CONSTANT(aoti_torch_dtype_int8, 1)
FAKE_CONSTANT(aoti_torch_dtype_int16, 2)
FAKE_CONSTANT(aoti_torch_dtype_int32, 3)
FAKE_CONSTANT(aoti_torch_dtype_int64, kInt64)
FAKE_CONSTANT(aoti_torch_dtype_float16, 5)
FAKE_CONSTANT(aoti_torch_dtype_float32, kFloat32)
FAKE_CONSTANT(aoti_torch_dtype_float64, 7)
FAKE_CONSTANT(aoti_torch_dtype_bool, 11)
FAKE_CONSTANT(aoti_torch_dtype_uint16, 27)
FAKE_CONSTANT(aoti_torch_dtype_uint32, 28)
FAKE_CONSTANT(aoti_torch_dtype_uint64, 29)

EXPORT AotiStatus aoti_torch_create_tensor_from_blob(void* data, std::int64_t rank,
                                                     const std::int64_t* sizes,
                                                     const std::int64_t* strides, std::int64_t,
                                                     std::int32_t dtype, std::int32_t, std::int32_t,
                                                     AtenTensorOpaque** tensor) {
  if (fails()) return 1;
  *tensor =
      make(AtenTensorOpaque{{sizes, sizes + rank}, {strides, strides + rank}, dtype, data, {}});
  return 0;
}

EXPORT AotiStatus aoti_torch_new_tensor_handle(AtenTensorOpaque* tensor,
                                               AtenTensorOpaque** same_tensor) {
  if (fails()) return 1;
  *same_tensor = make(AtenTensorOpaque(*tensor));
  return 0;
}

EXPORT AotiStatus aoti_torch_delete_tensor_object(AtenTensorOpaque* tensor) {
  destroy(tensor);
  return 0;
}

EXPORT AotiStatus aoti_torch_get_data_ptr(AtenTensorOpaque* tensor, void** data) {
  return told(data, tensor->data);
}
EXPORT AotiStatus aoti_torch_get_dim(AtenTensorOpaque* tensor, std::int64_t* rank) {
  return told(rank, static_cast<std::int64_t>(tensor->sizes.size()));
}
EXPORT AotiStatus aoti_torch_get_sizes(AtenTensorOpaque* tensor, std::int64_t** sizes) {
  return told(sizes, tensor->sizes.data());
}
EXPORT AotiStatus aoti_torch_get_strides(AtenTensorOpaque* tensor, std::int64_t** strides) {
  return told(strides, tensor->strides.data());
}
EXPORT AotiStatus aoti_torch_get_dtype(AtenTensorOpaque* tensor, std::int32_t* dtype) {
  return told(dtype, tensor->dtype);
}
EXPORT AotiStatus aoti_torch_get_device_type(AtenTensorOpaque*, std::int32_t* device) {
  return told(device, kCpu);
}

EXPORT AotiStatus AOTInductorModelContainerCreateWithDevice(
    AOTInductorModelContainerOpaque** container, std::size_t, const char*, const char*) {
  fallible = 0;
  if (fails()) return 1;
  *container = make(AOTInductorModelContainerOpaque{});
  return 0;
}
EXPORT AotiStatus AOTInductorModelContainerDelete(AOTInductorModelContainerOpaque* container) {
  destroy(container);
  return 0;
}
EXPORT AotiStatus AOTInductorModelContainerGetNumInputs(AOTInductorModelContainerOpaque*,
                                                        std::size_t* inputs) {
  const std::string number = fakes::variable("EDGELOOP_FAKE_COUNT");
  return told(inputs, number.empty() ? 1 : std::stoul(number));
}
EXPORT AotiStatus AOTInductorModelContainerGetNumOutputs(AOTInductorModelContainerOpaque*,
                                                         std::size_t* outputs) {
  return told(outputs, 2U);
}
EXPORT AotiStatus AOTInductorModelContainerGetInputName(AOTInductorModelContainerOpaque*,
                                                        std::size_t, const char** name) {
  return told(name, "x");
}
EXPORT AotiStatus AOTInductorModelContainerGetOutputName(AOTInductorModelContainerOpaque*,
                                                         std::size_t index, const char** name) {
  return told(name, index == 0 ? "y" : "runs");
}

EXPORT AotiStatus AOTInductorModelContainerRun(AOTInductorModelContainerOpaque* container,
                                               AtenTensorOpaque** inputs, std::size_t input_count,
                                               AtenTensorOpaque** outputs, std::size_t, void*,
                                               void*) {
  const fakes::Order order = fakes::order();
  ++container->runs;
  const bool refuses = fails() || (order.step == "run" && !fakes::perform(order.act));
  if (!refuses) {
    outputs[0] = owner(twice(*inputs[0]));
    AtenTensorOpaque runs{{}, {}, kInt64, nullptr, std::vector<char>(sizeof(container->runs))};
    std::memcpy(runs.owned.data(), &container->runs, sizeof(container->runs));
    outputs[1] = owner(std::move(runs));
  }
  for (std::size_t index = 0; index < input_count; ++index) destroy(inputs[index]);
  return refuses ? 1 : 0;
}

EXPORT AotiStatus AOTInductorGetLastError(const char** words) {
  *words = "the fake \n failed";
  return 0;
}

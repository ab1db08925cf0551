// A CUDA runtime of the calls that edgeloop makes, with a "device" that is one thread. Device
// memory is an address that nobody may touch, so that a pointer of the wrong side crashes; what is
// stored there lies elsewhere. Copies from or to host memory want it pinned.
//
// EDGELOOP_FAKE_CUDA=CALL:CODE[:N] makes the N-th such call return that error, counted in the
// process; EDGELOOP_FAKE_CUDA_FAIL_AT=N the N-th call of any kind, counted from cudaGetDeviceCount.

#include <cuda_runtime_api.h>
#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "acts.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

using Clock = std::chrono::steady_clock;
using Task = std::function<void()>;

constexpr std::size_t kDeviceBytes = std::size_t{64} << 20;
constexpr int kUnknown = 999;

std::atomic<int> live_objects{0};
std::atomic<unsigned long> calls{0};
std::mutex memory_guard;
std::map<char*, std::vector<char>> device_memory;  // address nobody may touch -> what is stored
std::map<char*, std::size_t> pinned_memory;

cudaError_t outcome(const char* name) {
  static std::atomic<unsigned long> ordered{0};
  const std::string fail_at = fakes::variable("EDGELOOP_FAKE_CUDA_FAIL_AT");
  const unsigned long number = ++calls;
  if (!fail_at.empty() && number == std::stoul(fail_at)) return cudaError_t(kUnknown);
  const std::string text = fakes::variable("EDGELOOP_FAKE_CUDA");
  const std::size_t colon = text.find(':');
  if (colon == std::string::npos || text.substr(0, colon) != name) return cudaSuccess;
  const std::size_t second = text.find(':', colon + 1);
  if (second != std::string::npos && ++ordered != std::stoul(text.substr(second + 1))) {
    return cudaSuccess;
  }
  return cudaError_t(std::stoi(text.substr(colon + 1)));
}

#define MAY_FAIL                                            \
  do {                                                      \
    const cudaError_t ordered_error = outcome(__func__);    \
    if (ordered_error != cudaSuccess) return ordered_error; \
  } while (false)

// The device: does one task after the other, whichever stream it came from.
class Device {
 public:
  void submit(Task task) {
    const std::lock_guard<std::mutex> lock(guard_);
    if (!thread_.joinable()) thread_ = std::thread([this] { work(); });
    tasks_.push_back(std::move(task));
    ++submitted_;
    changed_.notify_all();
  }

  void drain() {
    std::unique_lock<std::mutex> lock(guard_);
    const std::uint64_t target = submitted_;
    changed_.wait(lock, [&] { return done_ >= target; });
  }

 private:
  void work() {
    std::unique_lock<std::mutex> lock(guard_);
    while (true) {
      changed_.wait(lock, [this] { return !tasks_.empty(); });
      const Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      lock.lock();
      ++done_;
      changed_.notify_all();
    }
  }

  std::mutex guard_;
  std::condition_variable changed_;
  std::deque<Task> tasks_;
  std::uint64_t submitted_ = 0;
  std::uint64_t done_ = 0;
  std::thread thread_;
};

// As a real driver's, its thread lives until the process ends.
Device& device() {
  static Device* const device = new Device;
  return *device;
}

// The store behind a device address; null where the range is not one allocation's.
char* stored(const void* address, std::size_t bytes) {
  char* const wanted = static_cast<char*>(const_cast<void*>(address));
  auto after = device_memory.upper_bound(wanted);
  if (after == device_memory.begin()) return nullptr;
  --after;
  const std::size_t offset = static_cast<std::size_t>(wanted - after->first);
  if (offset + bytes > after->second.size()) return nullptr;
  return after->second.data() + offset;
}

char* pinned(const void* address, std::size_t bytes) {
  char* const wanted = static_cast<char*>(const_cast<void*>(address));
  auto after = pinned_memory.upper_bound(wanted);
  if (after == pinned_memory.begin()) return nullptr;
  --after;
  return wanted + bytes <= after->first + after->second ? wanted : nullptr;
}

std::size_t pages(std::size_t bytes) { return (bytes + 4095) / 4096 * 4096; }

}  // namespace

struct CUstream_st {
  bool captures = false;
  std::vector<Task> captured;
};
struct CUevent_st {
  std::atomic<std::int64_t> at_ns{0};
};
struct CUgraph_st {
  std::vector<Task> tasks;
};
struct CUgraphExec_st {
  std::vector<Task> tasks;
};

namespace {

cudaError_t submit(cudaStream_t stream, Task task) {
  if (stream->captures) {
    stream->captured.push_back(std::move(task));
  } else {
    device().submit(std::move(task));
  }
  return cudaSuccess;
}

template <class T>
cudaError_t made(T** slot, T* object) {
  *slot = object;
  ++live_objects;
  return cudaSuccess;
}

template <class T>
cudaError_t gone(T* object) {
  device().drain();
  delete object;
  --live_objects;
  return cudaSuccess;
}

}  // namespace

EXPORT int fake_live_objects() { return live_objects; }

EXPORT const char* cudaGetErrorName(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return "cudaErrorMemoryAllocation";
  if (error == cudaErrorInsufficientDriver) return "cudaErrorInsufficientDriver";
  if (error == cudaErrorNoDevice) return "cudaErrorNoDevice";
  if (error == cudaErrorInvalidValue) return "cudaErrorInvalidValue";
  return error == cudaSuccess ? "cudaSuccess" : "cudaErrorUnknown";
}
EXPORT const char* cudaGetErrorString(cudaError_t error) {
  if (error == cudaErrorMemoryAllocation) return "out of memory";
  return error == cudaSuccess ? "no error" : "the fake failed";
}
EXPORT cudaError_t cudaGetLastError() { return cudaSuccess; }

EXPORT cudaError_t cudaGetDeviceCount(int* count) {
  calls = 0;
  MAY_FAIL;
  *count = 1;
  return cudaSuccess;
}
EXPORT cudaError_t cudaDeviceGetAttribute(int* value, cudaDeviceAttr attribute, int) {
  MAY_FAIL;
  *value = attribute == cudaDevAttrComputeCapabilityMajor ? 8 : 7;
  return cudaSuccess;
}
EXPORT cudaError_t cudaGetDeviceProperties(void* properties, int) {
  MAY_FAIL;
  std::strcpy(static_cast<char*>(properties), "Fake Orin");
  return cudaSuccess;
}
EXPORT cudaError_t cudaDriverGetVersion(int* version) {
  MAY_FAIL;
  *version = 12060;
  return cudaSuccess;
}
EXPORT cudaError_t cudaRuntimeGetVersion(int* version) {
  MAY_FAIL;
  *version = 12020;
  return cudaSuccess;
}
EXPORT cudaError_t cudaMemGetInfo(std::size_t* available, std::size_t* total) {
  MAY_FAIL;
  const std::lock_guard<std::mutex> lock(memory_guard);
  std::size_t used = 0;
  for (const auto& item : device_memory) used += item.second.size();
  *total = kDeviceBytes;
  *available = kDeviceBytes - used;
  return cudaSuccess;
}

EXPORT cudaError_t cudaMalloc(void** memory, std::size_t bytes) {
  std::size_t available = 0;
  std::size_t total = 0;
  MAY_FAIL;
  cudaMemGetInfo(&available, &total);
  if (bytes > available) return cudaErrorMemoryAllocation;
  void* const address =
      mmap(nullptr, pages(bytes), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return cudaErrorMemoryAllocation;
  const std::lock_guard<std::mutex> lock(memory_guard);
  device_memory[static_cast<char*>(address)].resize(bytes);
  *memory = address;
  ++live_objects;
  return cudaSuccess;
}
EXPORT cudaError_t cudaFree(void* memory) {
  if (memory == nullptr) return cudaSuccess;
  device().drain();
  const std::lock_guard<std::mutex> lock(memory_guard);
  const auto found = device_memory.find(static_cast<char*>(memory));
  if (found == device_memory.end()) return cudaErrorInvalidValue;
  munmap(memory, pages(found->second.size()));
  device_memory.erase(found);
  --live_objects;
  return cudaSuccess;
}
EXPORT cudaError_t cudaMallocHost(void** memory, std::size_t bytes) {
  MAY_FAIL;
  const std::lock_guard<std::mutex> lock(memory_guard);
  *memory = std::aligned_alloc(64, (bytes + 63) / 64 * 64);
  if (*memory == nullptr) return cudaErrorMemoryAllocation;
  pinned_memory[static_cast<char*>(*memory)] = bytes;
  ++live_objects;
  return cudaSuccess;
}
EXPORT cudaError_t cudaFreeHost(void* memory) {
  device().drain();
  const std::lock_guard<std::mutex> lock(memory_guard);
  if (pinned_memory.erase(static_cast<char*>(memory)) == 0) return cudaErrorInvalidValue;
  std::free(memory);
  --live_objects;
  return cudaSuccess;
}

EXPORT cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes,
                                   cudaMemcpyKind kind, cudaStream_t stream) {
  MAY_FAIL;
  const std::lock_guard<std::mutex> lock(memory_guard);
  char* const target = kind == cudaMemcpyDeviceToHost ? pinned(to, bytes) : stored(to, bytes);
  const char* const source =
      kind == cudaMemcpyHostToDevice ? pinned(from, bytes) : stored(from, bytes);
  if (target == nullptr || source == nullptr) return cudaErrorInvalidValue;
  return submit(stream, [=] { std::memcpy(target, source, bytes); });
}
EXPORT cudaError_t cudaLaunchHostFunc(cudaStream_t stream, void (*function)(void*), void* data) {
  MAY_FAIL;
  return submit(stream, [=] { function(data); });
}

EXPORT cudaError_t cudaStreamCreate(cudaStream_t* stream) {
  MAY_FAIL;
  return made(stream, new CUstream_st);
}
EXPORT cudaError_t cudaStreamDestroy(cudaStream_t stream) { return gone(stream); }
EXPORT cudaError_t cudaStreamSynchronize(cudaStream_t) {
  device().drain();
  MAY_FAIL;
  return cudaSuccess;
}
EXPORT cudaError_t cudaEventCreate(cudaEvent_t* event) {
  MAY_FAIL;
  return made(event, new CUevent_st);
}
EXPORT cudaError_t cudaEventDestroy(cudaEvent_t event) { return gone(event); }
EXPORT cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  MAY_FAIL;
  return submit(stream, [event] {
    const auto now = Clock::now().time_since_epoch();
    event->at_ns = std::chrono::duration_cast<std::chrono::nanoseconds>(now).count();
  });
}
EXPORT cudaError_t cudaEventElapsedTime(float* ms, cudaEvent_t start, cudaEvent_t end) {
  MAY_FAIL;
  *ms = static_cast<float>(static_cast<double>(end->at_ns - start->at_ns) / 1e6);
  return cudaSuccess;
}

EXPORT cudaError_t cudaStreamBeginCapture(cudaStream_t stream, cudaStreamCaptureMode) {
  MAY_FAIL;
  stream->captures = true;
  return cudaSuccess;
}
EXPORT cudaError_t cudaStreamEndCapture(cudaStream_t stream, cudaGraph_t* graph) {
  stream->captures = false;
  std::vector<Task> tasks;
  tasks.swap(stream->captured);
  MAY_FAIL;
  return made(graph, new CUgraph_st{tasks});
}
EXPORT cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* executable, cudaGraph_t graph,
                                                 unsigned long long) {
  MAY_FAIL;
  return made(executable, new CUgraphExec_st{graph->tasks});
}
EXPORT cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t stream) {
  MAY_FAIL;
  for (const Task& task : graph->tasks) submit(stream, task);
  return cudaSuccess;
}
EXPORT cudaError_t cudaGraphDestroy(cudaGraph_t graph) { return gone(graph); }
EXPORT cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph) { return gone(graph); }

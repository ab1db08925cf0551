// Preloaded into a worker, it makes opening the model and reading the clock misbehave, whatever
// the runtime; see acts.hpp for the orders. The parent, which inherits it too, is left alone.
//
// Steps: open (of the file EDGELOOP_FAKE_MODEL), clock (a read of CLOCK_MONOTONIC_RAW after it).
// Acts of the clock alone: back and forward (by a second, from the N-th read on), and coarse (a
// tick is N ns, from the beginning).

#include <dlfcn.h>
#include <fcntl.h>
#include <time.h>

#include <cstdarg>
#include <cstdint>

#include "acts.hpp"

#define EXPORT extern "C" __attribute__((visibility("default")))

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

bool model_is_open = false;

bool in_worker() {
  static const bool worker = std::getenv("EDGELOOP_PADDING") != nullptr;
  return worker;
}

const fakes::Order& ordered() {
  static const fakes::Order order = in_worker() ? fakes::order() : fakes::Order();
  return order;
}

void opening(const char* path) {
  static const std::string model = fakes::variable("EDGELOOP_FAKE_MODEL");
  if (model_is_open || path == nullptr || model.empty() || path != model) return;
  model_is_open = true;
  if (ordered().step == "open" && fakes::obeys_here()) fakes::perform(ordered().act);
}

// The time that is told instead of the true one.
std::int64_t bent(std::int64_t now_ns) {
  static unsigned long reads = 0;
  const fakes::Order& order = ordered();
  if (order.step != "clock" || !fakes::obeys_here()) return now_ns;
  const auto tick_ns = static_cast<std::int64_t>(order.number);
  if (order.act == "coarse") return now_ns / tick_ns * tick_ns;
  if (!model_is_open || ++reads < order.number) return now_ns;
  if (order.act == "back") return now_ns - kSecond;
  if (order.act == "forward") return now_ns + kSecond;
  if (reads == order.number) fakes::perform(order.act);
  return now_ns;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

mode_t mode_of(int flags, va_list arguments) {
  return (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : 0;
}

}  // namespace

#define INTERPOSE_OPEN(name)                                              \
  EXPORT int name(const char* path, int flags, ...) {                     \
    static const auto real = next<int (*)(const char*, int, ...)>(#name); \
    va_list arguments;                                                    \
    va_start(arguments, flags);                                           \
    const mode_t mode = mode_of(flags, arguments);                        \
    va_end(arguments);                                                    \
    opening(path);                                                        \
    return real(path, flags, mode);                                       \
  }
INTERPOSE_OPEN(open)
INTERPOSE_OPEN(open64)

#define INTERPOSE_FOPEN(name)                                                       \
  EXPORT std::FILE* name(const char* path, const char* how) {                       \
    static const auto real = next<std::FILE* (*)(const char*, const char*)>(#name); \
    opening(path);                                                                  \
    return real(path, how);                                                         \
  }
INTERPOSE_FOPEN(fopen)
INTERPOSE_FOPEN(fopen64)

EXPORT int clock_gettime(clockid_t id, timespec* time) noexcept {
  static const auto real = next<int (*)(clockid_t, timespec*)>("clock_gettime");
  const int status = real(id, time);
  if (status == 0 && id == CLOCK_MONOTONIC_RAW && ordered().step == "clock") {
    const std::int64_t now_ns = bent(time->tv_sec * kSecond + time->tv_nsec);
    time->tv_sec = now_ns / kSecond;
    time->tv_nsec = now_ns % kSecond;
  }
  return status;
}

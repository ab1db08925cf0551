#pragma once

#include <time.h>

#include <cstdint>

namespace edgeloop {

// A monotonic system clock. The C++ and the Python loops read the same one, named by its id.
class SystemClock {
 public:
  explicit SystemClock(clockid_t id = CLOCK_MONOTONIC_RAW) noexcept : id_(id) {}

  std::uint64_t now_ns() const noexcept {
    timespec now{};
    clock_gettime(id_, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000u +
           static_cast<std::uint64_t>(now.tv_nsec);
  }

  // Sleeps until shortly before the moment, then spins: a sleep alone wakes up to 100 us late.
  void wait_until(std::uint64_t moment_ns) const noexcept;

  clockid_t id() const noexcept { return id_; }

 private:
  clockid_t id_;
};

struct ClockCost {
  std::uint64_t tick_ns;  // smallest non-zero step seen
  double read_ns;         // median cost of one read
};

// Takes about 2 ms. Throws Error{not_available} where the clock does not exist or does not move.
ClockCost measure_clock(const SystemClock& clock);

}  // namespace edgeloop

#include "edgeloop/probe.hpp"

#include <algorithm>

namespace edgeloop {
namespace {

constexpr std::uint64_t kProbeMultiplications = 100'000;  // 0.1 to 0.3 ms at 1 to 3 GHz
constexpr int kProbeRepeats = 3;  // the best of three drops one interruption
constexpr std::uint64_t kMultiplier =
    6364136223846793005u;  // odd, so that the chain never ends in 0

}  // namespace

std::uint64_t dependent_multiplications(std::uint64_t count, std::uint64_t seed) noexcept {
  std::uint64_t value = seed | 1;
  for (; count > 0; --count) {
    value *= kMultiplier;
    // Without it a compiler may combine two constant multiplications into one.
    asm volatile("" : "+r"(value));
  }
  return value;
}

std::uint64_t probe_ns(const SystemClock& clock) noexcept {
  std::uint64_t best = UINT64_MAX;
  for (int repeat = 0; repeat < kProbeRepeats; ++repeat) {
    const std::uint64_t start = clock.now_ns();
    dependent_multiplications(kProbeMultiplications, start);
    best = std::min(best, clock.now_ns() - start);
  }
  return best;
}

}  // namespace edgeloop

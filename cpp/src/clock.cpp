#include "edgeloop/clock.hpp"

#include <algorithm>
#include <array>
#include <string>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

constexpr int kBatches = 41;          // odd, so that the median is a measured value
constexpr int kReadsPerBatch = 1000;  // 20 to 100 us a batch: shorter than a scheduler slice
constexpr int kSteps = 2000;          // reads among which the smallest step is sought

constexpr std::uint64_t kSpinNs = 200'000;  // a timer may fire this late on a board at rest

}  // namespace

void SystemClock::wait_until(std::uint64_t moment_ns) const noexcept {
  for (std::uint64_t now = now_ns(); now < moment_ns; now = now_ns()) {
    const std::uint64_t left = moment_ns - now;
    if (left <= kSpinNs) continue;
    const std::uint64_t sleep = left - kSpinNs;
    const timespec span{static_cast<time_t>(sleep / 1'000'000'000u),
                        static_cast<long>(sleep % 1'000'000'000u)};
    nanosleep(&span, nullptr);  // cut short by a signal: the loop looks again
  }
}

ClockCost measure_clock(const SystemClock& clock) {
  timespec probe{};
  if (clock_gettime(clock.id(), &probe) != 0) {
    throw Error(ErrorKind::not_available,
                "clock " + std::to_string(clock.id()) + " does not exist on this kernel");
  }

  std::uint64_t tick = 0;
  std::uint64_t before = clock.now_ns();
  for (int i = 0; i < kSteps; ++i) {
    const std::uint64_t now = clock.now_ns();
    if (now > before && (tick == 0 || now - before < tick)) tick = now - before;
    before = now;
  }

  std::array<double, kBatches> costs{};
  for (double& cost : costs) {
    const std::uint64_t start = clock.now_ns();
    for (int i = 1; i < kReadsPerBatch; ++i) clock.now_ns();
    cost = static_cast<double>(clock.now_ns() - start) / kReadsPerBatch;
  }
  std::nth_element(costs.begin(), costs.begin() + kBatches / 2, costs.end());
  const double read = costs[kBatches / 2];

  if (read <= 0.0) {
    throw Error(ErrorKind::not_available,
                "clock " + std::to_string(clock.id()) +
                    " did not move during 40,000 reads: it is too coarse to time anything");
  }
  // Between two reads closer than one tick no step shows: then the read cost bounds the tick.
  if (tick == 0) tick = static_cast<std::uint64_t>(read * kReadsPerBatch);
  return {tick, read};
}

}  // namespace edgeloop

#include "edgeloop/timing.hpp"

#include <string>

#include "edgeloop/error.hpp"

namespace edgeloop {

void require_block_fits(const Samples& samples, std::uint64_t runs, std::uint64_t runs_per_sample) {
  if (runs_per_sample == 0 || runs == 0 || runs % runs_per_sample != 0) {
    throw Error(ErrorKind::usage, "a block of " + std::to_string(runs) +
                                      " runs cannot be cut into samples of " +
                                      std::to_string(runs_per_sample));
  }
  if (runs / runs_per_sample > samples.capacity()) {
    throw Error(ErrorKind::usage, "a block of " + std::to_string(runs / runs_per_sample) +
                                      " samples does not fit a buffer of " +
                                      std::to_string(samples.capacity()));
  }
}

// A clock that jumped back makes a difference wrap around: far above any real duration.
void require_clock_forward(const Samples& samples) {
  constexpr std::uint64_t kWrapped = std::uint64_t{1} << 63;
  for (std::size_t sample = 0; sample < samples.size(); ++sample) {
    const std::uint64_t duration_ns = samples.data()[sample];
    if (duration_ns < kWrapped) continue;
    throw Error(ErrorKind::not_available,
                "the clock ran backwards by " + std::to_string(-duration_ns) +
                    " ns in the middle of a block, so it cannot time anything; choose another "
                    "clock source of the kernel (/sys/devices/system/clocksource), or another "
                    "machine");
  }
}

}  // namespace edgeloop

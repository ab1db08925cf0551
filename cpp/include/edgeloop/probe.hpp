#pragma once

#include <cstdint>

#include "edgeloop/clock.hpp"

namespace edgeloop {

// A chain of multiplications of which each needs the one before: fixed work that no compiler folds
// and no core runs ahead of. Returns the end of the chain, so that it is not removed.
std::uint64_t dependent_multiplications(std::uint64_t count, std::uint64_t seed) noexcept;

// The fixed-work probe: the fastest of three chains, in ns. Its ratio to the fastest probe of a
// session says how far the core's clock has fallen, whatever the core's multiply latency is.
std::uint64_t probe_ns(const SystemClock& clock) noexcept;

}  // namespace edgeloop

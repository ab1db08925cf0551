#pragma once

#include <cstddef>
#include <cstdint>

#include "edgeloop/engine.hpp"
#include "edgeloop/samples.hpp"

namespace edgeloop {

struct Block {
  std::uint64_t start_ns = 0;
  bool completed = false;     // false: a run failed; the samples before it are kept
  std::uint64_t busy_ns = 0;  // time inside runs, where the block also waits
};

// Throws Error{usage} where a block cannot be cut into such samples, or has too many of them.
void require_block_fits(const Samples& samples, std::uint64_t runs, std::uint64_t runs_per_sample);

// Called after a block, never within; throws Error{not_available} where the clock jumped back.
void require_clock_forward(const Samples& samples);

// Runs the engine `runs` times. Stamps are contiguous: the sum of the samples is the time of the
// whole block, nothing hides between two samples, and one sample contains exactly one clock read.
template <class Clock>
Block run_block(Engine& engine, Samples& samples, std::uint64_t runs, std::uint64_t runs_per_sample,
                const Clock& clock) {
  require_block_fits(samples, runs, runs_per_sample);
  samples.clear();
  Block block;
  std::uint64_t before = clock.now_ns();
  block.start_ns = before;
  for (std::uint64_t sample = runs / runs_per_sample; sample > 0; --sample) {
    for (std::uint64_t run = runs_per_sample; run > 0; --run) {
      if (!engine.run()) return block;
    }
    const std::uint64_t now = clock.now_ns();
    samples.push(now - before);
    before = now;
  }
  require_clock_forward(samples);
  block.completed = true;
  return block;
}

// Open loop: run k is due at start + k * interval, whether or not the run before it has finished,
// and its sample lasts from that moment to its end. A run that is late starts at once.
template <class Clock>
Block run_schedule(Engine& engine, Samples& samples, std::uint64_t runs, std::uint64_t interval_ns,
                   const Clock& clock) {
  require_block_fits(samples, runs, 1);
  samples.clear();
  Block block;
  block.start_ns = clock.now_ns() + interval_ns;
  for (std::uint64_t run = 0; run < runs; ++run) {
    const std::uint64_t due = block.start_ns + run * interval_ns;
    clock.wait_until(due);
    const std::uint64_t begun = clock.now_ns();
    if (!engine.run()) return block;
    const std::uint64_t ended = clock.now_ns();
    samples.push(ended - due);
    block.busy_ns += ended - begun;
  }
  require_clock_forward(samples);
  block.completed = true;
  return block;
}

// The same loop with nothing in it: what a bare pair of clock reads costs.
template <class Clock>
Block run_clock_pairs(Samples& samples, std::uint64_t pairs, const Clock& clock) {
  require_block_fits(samples, pairs, 1);
  samples.clear();
  Block block;
  std::uint64_t before = clock.now_ns();
  block.start_ns = before;
  for (; pairs > 0; --pairs) {
    const std::uint64_t now = clock.now_ns();
    samples.push(now - before);
    before = now;
  }
  require_clock_forward(samples);
  block.completed = true;
  return block;
}

}  // namespace edgeloop

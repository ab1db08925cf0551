#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <vector>

#include "edgeloop/engine.hpp"
#include "edgeloop/samples.hpp"
#include "edgeloop/timing.hpp"

namespace edgeloop {

// What goes into one input, run after run, without gaps.
struct InputRows {
  const unsigned char* data = nullptr;
  std::size_t bytes = 0;
};

// Where what comes out of one output goes, run after run.
struct OutputRows {
  unsigned char* data = nullptr;
  std::size_t bytes = 0;
};

// Throws Error{usage} where the rows of some tensor do not hold exactly its contents for every run.
void require_rows_fit(Engine& engine, const std::vector<InputRows>& inputs,
                      const std::vector<OutputRows>& outputs, std::uint64_t runs);

// Copies what a run left in the outputs that are wanted, the first ones of the engine's.
void keep_outputs(Engine& engine, const std::vector<OutputRows>& outputs, std::uint64_t run,
                  std::uint64_t runs);

// Runs the engine once for every row: copy in, run, copy out. A sample is the run alone, between
// two clock reads; what is copied is not in it.
template <class Clock>
Block run_data(Engine& engine, Samples& samples, const std::vector<InputRows>& inputs,
               const std::vector<OutputRows>& outputs, std::uint64_t runs, const Clock& clock) {
  require_block_fits(samples, runs, 1);
  const std::vector<Tensor> targets = engine.inputs();
  require_rows_fit(engine, inputs, outputs, runs);
  samples.clear();
  Block block;
  block.start_ns = clock.now_ns();
  for (std::uint64_t run = 0; run < runs; ++run) {
    for (std::size_t index = 0; index < targets.size(); ++index) {
      const Tensor& target = targets[index];
      std::memcpy(target.data, inputs[index].data + run * target.bytes, target.bytes);
    }
    engine.inputs_written();
    const std::uint64_t begun = clock.now_ns();
    if (!engine.run()) return block;
    samples.push(clock.now_ns() - begun);
    keep_outputs(engine, outputs, run, runs);
  }
  require_clock_forward(samples);
  block.completed = true;
  return block;
}

}  // namespace edgeloop

#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include "edgeloop/engine.hpp"
#include "edgeloop/error.hpp"
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

// Throws Error{usage} where rows of a tensor do not hold exactly its contents for every run.
inline void require_rows_fit(const std::vector<Tensor>& tensors, std::size_t index,
                             std::size_t bytes, std::uint64_t runs) {
  if (index < tensors.size() && bytes == tensors[index].bytes * runs) return;
  const std::string wanted = index < tensors.size() ? std::to_string(tensors[index].bytes) : "no";
  throw_error(ErrorKind::usage,
              {"rows of ", std::to_string(bytes), " bytes do not hold ", std::to_string(runs),
               " runs of tensor ", std::to_string(index), " with ", wanted, " bytes each"});
}

// Copies what a run left in the outputs that are wanted, the first ones of the engine's.
inline void keep_outputs(Engine& engine, const std::vector<OutputRows>& outputs, std::uint64_t run,
                         std::uint64_t runs) {
  const std::vector<Tensor>& tensors = engine.outputs();
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    const std::size_t row_bytes = outputs[index].bytes / runs;
    if (tensors[index].bytes != row_bytes) {
      throw_error(
          ErrorKind::model,
          {"output '", tensors[index].name, "' has ", std::to_string(tensors[index].bytes),
           " bytes, and ", std::to_string(row_bytes), " before: its shape changes with the data"});
    }
    std::memcpy(outputs[index].data + run * row_bytes, tensors[index].data, row_bytes);
  }
}

// Runs the engine once for every row: copy in, run, copy out. A sample is the run alone, between
// two clock reads; what is copied is not in it.
template <class Clock>
Block run_data(Engine& engine, Samples& samples, const std::vector<InputRows>& inputs,
               const std::vector<OutputRows>& outputs, std::uint64_t runs, const Clock& clock) {
  require_block_fits(samples, runs, 1);
  const std::vector<Tensor> targets = engine.inputs();
  if (inputs.size() != targets.size()) {
    throw_error(ErrorKind::usage,
                {"rows for ", std::to_string(inputs.size()),
                 " inputs were given to an engine with ", std::to_string(targets.size())});
  }
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    require_rows_fit(targets, index, inputs[index].bytes, runs);
  }
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    require_rows_fit(engine.outputs(), index, outputs[index].bytes, runs);
  }
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

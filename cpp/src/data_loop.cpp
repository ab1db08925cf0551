#include "edgeloop/data_loop.hpp"

#include <string>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

void require_row_fits(const std::vector<Tensor>& tensors, std::size_t index, std::size_t bytes,
                      std::uint64_t runs) {
  if (index < tensors.size() && bytes == tensors[index].bytes * runs) return;
  const std::string wanted = index < tensors.size() ? std::to_string(tensors[index].bytes) : "no";
  throw Error(ErrorKind::usage, "rows of " + std::to_string(bytes) + " bytes do not hold " +
                                    std::to_string(runs) + " runs of tensor " +
                                    std::to_string(index) + " with " + wanted + " bytes each");
}

}  // namespace

void require_rows_fit(Engine& engine, const std::vector<InputRows>& inputs,
                      const std::vector<OutputRows>& outputs, std::uint64_t runs) {
  const std::vector<Tensor>& tensors = engine.inputs();
  if (inputs.size() != tensors.size()) {
    throw Error(ErrorKind::usage, "rows for " + std::to_string(inputs.size()) +
                                      " inputs were given to an engine with " +
                                      std::to_string(tensors.size()));
  }
  for (std::size_t index = 0; index < inputs.size(); ++index) {
    require_row_fits(tensors, index, inputs[index].bytes, runs);
  }
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    require_row_fits(engine.outputs(), index, outputs[index].bytes, runs);
  }
}

void keep_outputs(Engine& engine, const std::vector<OutputRows>& outputs, std::uint64_t run,
                  std::uint64_t runs) {
  const std::vector<Tensor>& tensors = engine.outputs();
  for (std::size_t index = 0; index < outputs.size(); ++index) {
    const std::size_t row_bytes = outputs[index].bytes / runs;
    if (tensors[index].bytes != row_bytes) {
      throw Error(ErrorKind::model, "output '" + tensors[index].name + "' has " +
                                        std::to_string(tensors[index].bytes) + " bytes, and " +
                                        std::to_string(row_bytes) +
                                        " before: its shape changes with the data");
    }
    std::memcpy(outputs[index].data + run * row_bytes, tensors[index].data, row_bytes);
  }
}

}  // namespace edgeloop

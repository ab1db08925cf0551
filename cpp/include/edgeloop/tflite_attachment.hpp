#pragma once

#include <string>
#include <utility>
#include <vector>

#include "edgeloop/dylib.hpp"
#include "edgeloop/tflite_probe.hpp"

namespace edgeloop {

// A TFLite interpreter that a Python package made, as the native loop attaches to it. Its probe is
// applied through Python, which also tells the numbers of the model's tensors; it must live as long
// as the interpreter.
struct TfliteAttachment {
  TfliteAttachment(const std::string& library_path, std::string runtime_version, void* handle,
                   std::vector<int> input_tensors, std::vector<int> output_tensors)
      : library(Dylib::loaded(library_path)),
        version(std::move(runtime_version)),
        interpreter(handle),
        inputs(std::move(input_tensors)),
        outputs(std::move(output_tensors)),
        probe(library.optional_symbol<void*>("TfLiteOpaqueDelegateCreate") != nullptr) {}

  Dylib library;
  std::string version;
  void* interpreter;  // a tflite::Interpreter
  std::vector<int> inputs;
  std::vector<int> outputs;
  TfliteProbe probe;
};

}  // namespace edgeloop

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "edgeloop/dylib.hpp"
#include "edgeloop/operator_recorder.hpp"
#include "tflite_c.h"

namespace edgeloop {

// The recorder as TFLite's C library takes it. The library keeps the address: it must live as long
// as the interpreter, and cannot be moved.
class TfliteTelemetry {
 public:
  TfliteTelemetry() noexcept;
  TfliteTelemetry(const TfliteTelemetry&) = delete;
  TfliteTelemetry& operator=(const TfliteTelemetry&) = delete;

  TfLiteTelemetryProfiler* profiler() noexcept { return &profiler_; }
  OperatorRecorder& recorder() noexcept { return recorder_; }

 private:
  OperatorRecorder recorder_;
  TfLiteTelemetryProfiler profiler_{};
};

// The recorder as the tflite-runtime package's interpreter takes it, which has no C interface for
// it: an object with the virtual functions of tflite::Profiler. To be set before the delegates
// come.
class TfliteInterpreterProfiler {
 public:
  // `library_path` is the package's loaded extension, `interpreter` a tflite::Interpreter. Throws
  // Error{not_available} where the library's profilers have other virtual functions.
  TfliteInterpreterProfiler(const std::string& library_path, void* interpreter);
  ~TfliteInterpreterProfiler();

  std::vector<OperatorEvent> take_events();
  void drop_events() noexcept;

 private:
  struct Virtual;
  Dylib library_;
  std::unique_ptr<Virtual> object_;
};

}  // namespace edgeloop

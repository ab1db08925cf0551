#pragma once

#include <NvInfer.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "library.hpp"

namespace edgeloop_tensorrt {

// What TensorRT says. It wants one logger for the process, but several models may load at once:
// errors are kept for the thread that caused them. Warnings go to stderr, which edgeloop keeps.
class Logger final : public nvinfer1::ILogger {
 public:
  void log(Severity severity, const char* words) noexcept override;

  // What was logged since the last time.
  static std::string taken();

  static void forget() noexcept;
};

// Never destroyed: TensorRT may speak until the process ends.
Logger& logger();

// libnvinfer, of the version whose headers this file was compiled against.
class TensorRt {
 public:
  explicit TensorRt(const std::string& path);

  std::string version() const;
  std::unique_ptr<nvinfer1::IRuntime> runtime() const;

 private:
  Library library_;
  std::int32_t number_;
};

// Registers plugins for layers that TensorRT itself does not have, for the whole process.
void load_plugins(const std::string& path);

struct DType {
  std::int32_t code;  // of engine_v1.h; 0: it has no such type
  std::size_t bytes;
  const char* name;
};

DType dtype_of(nvinfer1::DataType type);

std::string shape_text(const std::vector<std::int64_t>& shape);
std::vector<std::int64_t> shape_of(const nvinfer1::Dims& dims);
nvinfer1::Dims dims_of(const std::vector<std::int64_t>& shape);

}  // namespace edgeloop_tensorrt

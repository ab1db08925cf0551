#include "nvinfer.hpp"

#include <algorithm>
#include <cstdio>
#include <new>
#include <type_traits>

#include "plan.hpp"

namespace edgeloop_tensorrt {
namespace {

constexpr std::int32_t kPatch = 100;
constexpr std::int32_t kMajorOld = 1000;
constexpr std::int32_t kMajorNew = 10000;

std::string headers_version() {
  return version_text(NV_TENSORRT_MAJOR, NV_TENSORRT_MINOR, NV_TENSORRT_PATCH);
}

std::string& said() noexcept {
  thread_local std::string words;
  return words;
}

}  // namespace

void Logger::log(Severity severity, const char* words) noexcept {
  if (severity > Severity::kWARNING) return;
  std::fprintf(stderr, "TensorRT: %s\n", words);
  if (severity == Severity::kWARNING) return;
  try {
    if (!said().empty()) said() += "; ";
    said() += words;
  } catch (const std::bad_alloc&) {
  }
}

std::string Logger::taken() {
  std::string words;
  words.swap(said());
  return words.empty() ? "TensorRT gives no reason" : words;
}

void Logger::forget() noexcept { said().clear(); }

Logger& logger() {
  static Logger* const logger = new Logger;
  return *logger;
}

TensorRt::TensorRt(const std::string& path) : library_(path, "nvinfer") {
  number_ = library_.symbol<decltype(&::getInferLibVersion)>("getInferLibVersion")();
  if (number_ / kPatch == NV_TENSORRT_VERSION / kPatch) return;
  throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                "this engine was built for TensorRT " + headers_version() + ", but " +
                    library_.path() + " is TensorRT " + version() +
                    "; build it again with 'edgeloop setup tensorrt'"};
}

// Newer versions leave two digits for the minor number, 8.x left one: 100300 and 8601.
std::string TensorRt::version() const {
  const std::int32_t major = number_ >= 8 * kMajorNew ? kMajorNew : kMajorOld;
  return version_text(number_ / major, number_ % major / kPatch, number_ % kPatch);
}

std::unique_ptr<nvinfer1::IRuntime> TensorRt::runtime() const {
  const auto create =
      library_.symbol<decltype(&::createInferRuntime_INTERNAL)>("createInferRuntime_INTERNAL");
  Logger::forget();
  std::unique_ptr<nvinfer1::IRuntime> runtime(
      static_cast<nvinfer1::IRuntime*>(create(&logger(), NV_TENSORRT_VERSION)));
  if (runtime == nullptr) {
    throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                  "TensorRT " + version() + " cannot start: " + Logger::taken()};
  }
  return runtime;
}

void load_plugins(const std::string& path) {
  const Library library(path, "plugins");
  const auto initialise = library.find<bool (*)(void*, const char*)>("initLibNvInferPlugins");
  if (initialise == nullptr || initialise(&logger(), "")) return;
  throw Failure{EDGELOOP_ERROR_NOT_AVAILABLE,
                "the plugins in " + path + " cannot be registered: " + Logger::taken()};
}

DType dtype_of(nvinfer1::DataType type) {
  switch (static_cast<std::int32_t>(type)) {  // by number: older headers lack the later names
    case 0:
      return {EDGELOOP_FLOAT32, 4, "float32"};
    case 1:
      return {0, 2, "float16"};
    case 2:
      return {EDGELOOP_INT8, 1, "int8"};
    case 3:
      return {EDGELOOP_INT32, 4, "int32"};
    case 4:
      return {EDGELOOP_BOOL, 1, "bool"};
    case 5:
      return {EDGELOOP_UINT8, 1, "uint8"};
    case 7:
      return {0, 2, "bfloat16"};
    case 8:
      return {EDGELOOP_INT64, 8, "int64"};
    default:
      return {0, 0, "a type of less than 16 bits"};
  }
}

std::string shape_text(const std::vector<std::int64_t>& shape) {
  std::string text;
  for (const std::int64_t dim : shape) {
    text += (text.empty() ? "" : "x") + (dim < 0 ? "?" : std::to_string(dim));
  }
  return text.empty() ? "scalar" : text;
}

std::vector<std::int64_t> shape_of(const nvinfer1::Dims& dims) {
  return std::vector<std::int64_t>(dims.d, dims.d + std::max(0, dims.nbDims));
}

nvinfer1::Dims dims_of(const std::vector<std::int64_t>& shape) {
  nvinfer1::Dims dims{};
  dims.nbDims = static_cast<std::int32_t>(shape.size());
  for (std::size_t i = 0; i < shape.size(); ++i) {
    dims.d[i] = static_cast<std::remove_reference_t<decltype(dims.d[0])>>(shape[i]);
  }
  return dims;
}

}  // namespace edgeloop_tensorrt

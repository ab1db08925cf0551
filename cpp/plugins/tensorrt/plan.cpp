#include "plan.hpp"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "library.hpp"

namespace edgeloop_tensorrt {

std::string version_text(std::int32_t major, std::int32_t minor, std::int32_t patch) {
  return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
}

std::string plan_version(const std::string& plan) {
  // As trtexec reads it: a layout number, and where that is 0, the version at byte 24.
  if (plan.size() < 28 ||
      std::any_of(plan.begin() + 4, plan.begin() + 8, [](char byte) { return byte != 0; })) {
    return "";
  }
  const auto byte = [&plan](std::size_t at) { return static_cast<unsigned char>(plan[at]); };
  return version_text(byte(24), byte(25), byte(26));
}

std::string read_plan(const char* path) {
  if (path == nullptr) throw Failure{EDGELOOP_ERROR_MODEL, "there is no plan; name its file"};
  std::ifstream file(path, std::ios::binary);
  std::string plan{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) {
    throw Failure{EDGELOOP_ERROR_MODEL, std::string(path) + " cannot be read; check the path"};
  }
  if (plan.compare(0, 4, "ftrt") != 0) {
    throw Failure{EDGELOOP_ERROR_MODEL,
                  std::string(path) +
                      " is not a TensorRT plan; make one with 'edgeloop convert "
                      "MODEL.onnx --to tensorrt'"};
  }
  return plan;
}

}  // namespace edgeloop_tensorrt

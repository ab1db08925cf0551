#pragma once

#include <cstdint>
#include <string>

namespace edgeloop_tensorrt {

// Returns the bytes of the plan in a file. Throws Failure where it is not a plan.
std::string read_plan(const char* path);

// The version of TensorRT that made a plan; empty where the plan does not say it.
std::string plan_version(const std::string& plan);

std::string version_text(std::int32_t major, std::int32_t minor, std::int32_t patch);

}  // namespace edgeloop_tensorrt

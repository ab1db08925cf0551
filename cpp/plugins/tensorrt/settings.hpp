#pragma once

#include <NvInferVersion.h>
#include <edgeloop/engine_v1.h>

#include <cstdint>
#include <string>

namespace edgeloop_tensorrt {

// What --set said, checked.
struct Settings {
  // Throws Failure.
  explicit Settings(const edgeloop_options_v1& options);

  std::string nvinfer = "libnvinfer.so." + std::to_string(NV_TENSORRT_MAJOR);
  std::string cudart = "libcudart.so";
  std::string plugins;
  bool copies = false;
  bool graph = false;
  std::int32_t dla_core = -1;

 private:
  void take(const std::string& key, const std::string& value);
};

}  // namespace edgeloop_tensorrt

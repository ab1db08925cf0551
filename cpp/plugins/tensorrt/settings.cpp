#include "settings.hpp"

#include "library.hpp"

namespace edgeloop_tensorrt {
namespace {

// False for the first of two values, true for the second.
bool one_of(const std::string& key, const std::string& value, const char* first,
            const char* second) {
  if (value == first || value == second) return value == second;
  throw Failure{EDGELOOP_ERROR_USAGE,
                key + "=" + value + " is neither " + first + " nor " + second};
}

}  // namespace

Settings::Settings(const edgeloop_options_v1& options) {
  for (std::size_t i = 0; i < options.setting_count; ++i) {
    take(options.settings[i].key, options.settings[i].value);
  }
}

void Settings::take(const std::string& key, const std::string& value) {
  if (key == "nvinfer") {
    nvinfer = value;
  } else if (key == "cudart") {
    cudart = value;
  } else if (key == "plugins") {
    plugins = value;
  } else if (key == "region") {
    copies = one_of(key, value, "enqueue", "copies");
  } else if (key == "cuda-graph") {
    graph = one_of(key, value, "off", "on");
  } else if (key == "dla-core") {
    if (value.size() != 1 || value[0] < '0' || value[0] > '9') {
      throw Failure{EDGELOOP_ERROR_USAGE, "dla-core=" + value + " is not the number of a DLA core"};
    }
    dla_core = value[0] - '0';
  } else {
    throw Failure{EDGELOOP_ERROR_USAGE, "there is no setting '" + key +
                                            "'; known: region, cuda-graph, dla-core, "
                                            "plugins, nvinfer, cudart"};
  }
}

}  // namespace edgeloop_tensorrt

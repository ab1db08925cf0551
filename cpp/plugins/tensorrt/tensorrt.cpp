// TensorRT 8.2 to 11 behind edgeloop's C interface: the table of functions. This folder is all
// there is to build on a board: C++14, the headers of the TensorRT that is installed there,
// engine_v1.h and our own declarations of the CUDA runtime. `edgeloop setup tensorrt` compiles it.
//
// libnvinfer and libcudart are loaded when a model is: their paths come as settings, or the
// loader's. Settings: region, cuda-graph, dla-core, plugins, nvinfer, cudart.

#include <edgeloop/engine_v1.h>

#include <cstdio>
#include <exception>
#include <string>

#include "engine.hpp"

struct edgeloop_engine : edgeloop_tensorrt::Engine {
  using Engine::Engine;
};

namespace {

// Nothing is thrown across the interface: what went wrong becomes a code and a sentence.
template <class Body, class Keep>
std::int32_t guarded(const Body& body, const Keep& keep) noexcept {
  try {
    try {
      body();
      return EDGELOOP_OK;
    } catch (const edgeloop_tensorrt::Failure& failure) {
      keep(failure.words);
      return failure.code;
    } catch (const std::exception& error) {
      keep(error.what());
    }
  } catch (...) {
  }
  return EDGELOOP_ERROR_RUNTIME;
}

std::int32_t create(const edgeloop_options_v1* options, edgeloop_engine** engine, char* error,
                    std::size_t error_bytes) {
  return guarded(
      [&] { *engine = new edgeloop_engine(*options); },
      [&](const std::string& words) { std::snprintf(error, error_bytes, "%s", words.c_str()); });
}

void destroy(edgeloop_engine* engine) { delete engine; }

std::int32_t run(edgeloop_engine* engine) {
  return engine->run() ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
}

const char* last_error(edgeloop_engine* engine) { return engine->last_error(); }

std::size_t tensor_count(edgeloop_engine* engine, std::int32_t side) {
  return engine->bindings(side).size();
}

std::int32_t describe_tensor(edgeloop_engine* engine, std::int32_t side, std::size_t index,
                             edgeloop_tensor_v1* tensor) {
  const edgeloop_tensorrt::Binding& binding = engine->bindings(side)[index];
  tensor->name = binding.name.c_str();
  tensor->dtype = binding.dtype.code;
  tensor->shape = binding.shape.data();
  tensor->rank = binding.shape.size();
  tensor->data = binding.host.get();
  tensor->bytes = binding.bytes;
  return EDGELOOP_OK;
}

const char* property(edgeloop_engine* engine, const char* key) { return engine->property(key); }

std::int32_t inputs_written(edgeloop_engine* engine) {
  return engine->upload() ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
}

std::int32_t outputs_wanted(edgeloop_engine* engine) {
  return engine->download() ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
}

std::int32_t time_parts(edgeloop_engine* engine, std::int32_t grain, std::size_t* count) {
  return guarded(
      [&] {
        if (grain == EDGELOOP_LAYERS) {
          engine->time_layers();
        } else {
          engine->time_stages();
        }
        *count = engine->parts().size();
      },
      [engine](const std::string& words) { engine->keep(words); });
}

std::int32_t describe_part(edgeloop_engine* engine, std::size_t index, edgeloop_part_v1* part) {
  part->name = engine->parts()[index].name.c_str();
  part->time_ns = engine->parts()[index].time_ns;
  return EDGELOOP_OK;
}

edgeloop_engine_table_v1 filled_table() {
  edgeloop_engine_table_v1 table{};
  table.size = sizeof(table);
  table.version = EDGELOOP_ENGINE_VERSION_1;
  table.name = "tensorrt";
  table.create = create;
  table.destroy = destroy;
  table.run = run;
  table.last_error = last_error;
  table.tensor_count = tensor_count;
  table.describe_tensor = describe_tensor;
  table.property = property;
  table.inputs_written = inputs_written;
  table.outputs_wanted = outputs_wanted;
  table.time_parts = time_parts;
  table.describe_part = describe_part;
  return table;
}

}  // namespace

const edgeloop_engine_table_v1* edgeloop_engine_v1(void) {
  static const edgeloop_engine_table_v1 table = filled_table();
  return &table;
}

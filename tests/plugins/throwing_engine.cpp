// A plugin in C++ that lets an exception escape, which the interface forbids: from create where the
// user names no setting, else from run.
#include <edgeloop/engine_v1.h>

#include <stdexcept>

struct edgeloop_engine {};

namespace {

edgeloop_engine the_engine;

std::int32_t create(const edgeloop_options_v1* options, edgeloop_engine** engine, char*,
                    std::size_t) {
  if (options->setting_count == 0) throw std::runtime_error("out of create");
  *engine = &the_engine;
  return EDGELOOP_OK;
}

void destroy(edgeloop_engine*) {}

std::int32_t run(edgeloop_engine*) { throw std::runtime_error("out of run"); }

const char* last_error(edgeloop_engine*) { return ""; }

std::size_t tensor_count(edgeloop_engine*, std::int32_t) { return 0; }

std::int32_t describe_tensor(edgeloop_engine*, std::int32_t, std::size_t, edgeloop_tensor_v1*) {
  return EDGELOOP_ERROR_USAGE;
}

// By name: the table may grow, and what is not named is null.
edgeloop_engine_table_v1 filled_table() {
  edgeloop_engine_table_v1 table{};
  table.size = sizeof(table);
  table.version = EDGELOOP_ENGINE_VERSION_1;
  table.name = "throwing";
  table.create = create;
  table.destroy = destroy;
  table.run = run;
  table.last_error = last_error;
  table.tensor_count = tensor_count;
  table.describe_tensor = describe_tensor;
  return table;
}

const edgeloop_engine_table_v1 table = filled_table();

}  // namespace

const edgeloop_engine_table_v1* edgeloop_engine_v1() { return &table; }

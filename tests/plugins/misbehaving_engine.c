/* The scale engine, which does what a broken plugin does where EDGELOOP_PLUGIN_ACT says so. */
#define edgeloop_engine_v1 well_behaved
#include "scale_engine.c"
#undef edgeloop_engine_v1
#include <signal.h>
#include <unistd.h>

EDGELOOP_EXPORT const edgeloop_engine_table_v1* edgeloop_engine_v1(void);

static int acts(const char* act) {
  const char* wanted = getenv("EDGELOOP_PLUGIN_ACT");
  return wanted && strcmp(wanted, act) == 0;
}

static void crash(void) { raise(SIGSEGV); }

static int32_t bad_create(const edgeloop_options_v1* options, edgeloop_engine** engine, char* error,
                          size_t bytes) {
  if (acts("create without a device")) {
    return fail(error, bytes, EDGELOOP_ERROR_NOT_AVAILABLE, "no accelerator of this kind:", "X1");
  }
  if (acts("create with an unknown code")) return -77;
  if (acts("create without an engine")) return EDGELOOP_OK;
  if (acts("create with bytes that are no text")) {
    memset(error, 0xFF, bytes);
    return EDGELOOP_ERROR_MODEL;
  }
  if (acts("create with two lines")) {
    return fail(error, bytes, EDGELOOP_ERROR_MODEL, "the first line\n\n\tthe", "second\n");
  }
  if (acts("create crashes")) crash();
  if (acts("create ends the process")) exit(0);
  while (acts("create hangs")) sleep(1);
  return create(options, engine, error, bytes);
}

static int32_t bad_run(edgeloop_engine* engine) {
  if (acts("run fails") || acts("run fails without words")) return EDGELOOP_ERROR_RUNTIME;
  if (acts("run crashes")) crash();
  while (acts("run hangs")) sleep(1);
  return run(engine);
}

static const char* bad_last_error(edgeloop_engine* engine) {
  if (acts("run fails without words")) return NULL;
  return engine ? "the accelerator does not answer" : NULL;
}

static size_t bad_count(edgeloop_engine* engine, int32_t side) {
  return acts("absurd count") ? SIZE_MAX : tensor_count(engine, side);
}

static int32_t bad_describe(edgeloop_engine* engine, int32_t side, size_t index,
                            edgeloop_tensor_v1* tensor) {
  static const int64_t negative[] = {-1}, huge[] = {INT64_MAX, 4}, many[] = {1, 1 << 30, 1 << 30};
  static const float scales[] = {0.5F, -1};
  int32_t code = describe_tensor(engine, side, index, tensor);
  if (acts("describe fails")) return EDGELOOP_ERROR_RUNTIME;
  if (acts("no name")) tensor->name = NULL;
  if (acts("unknown dtype")) tensor->dtype = 99;
  if (acts("absurd rank")) tensor->rank = SIZE_MAX;
  if (acts("no shape")) tensor->shape = NULL;
  if (acts("negative dimension")) tensor->shape = negative;
  if (acts("overflowing shape")) tensor->shape = huge, tensor->rank = 2;
  if (acts("absurd shape")) tensor->shape = many, tensor->rank = 3;
  if (acts("other bytes")) tensor->bytes += 1;
  if (acts("no memory")) tensor->data = NULL;
  if (acts("unaligned memory")) tensor->data = (char*)tensor->data + 1;
  if (acts("bad scales")) tensor->scales = scales, tensor->scale_count = 2;
  if (acts("no scales")) tensor->scale_count = 1;
  return code;
}

const edgeloop_engine_table_v1* edgeloop_engine_v1(void) {
  static edgeloop_engine_table_v1 bad;
  bad = table;
  bad.create = bad_create;
  bad.run = bad_run;
  bad.last_error = bad_last_error;
  bad.tensor_count = bad_count;
  bad.describe_tensor = bad_describe;
  if (acts("no table")) return NULL;
  if (acts("entry crashes")) crash();
  if (acts("wrong version")) bad.version = 7;
  if (acts("short table")) bad.size = offsetof(edgeloop_engine_table_v1, run);
  if (acts("longer table")) bad.size += 64; /* of a newer minor version: fine */
  if (acts("least table")) bad.size = offsetof(edgeloop_engine_table_v1, property); /* fine */
  if (acts("no run")) bad.run = NULL;
  return &bad;
}

/* The built-in null engine as a plugin: it copies one number, so what it costs more is the call. */
#include <edgeloop/engine_v1.h>
#include <stdlib.h>

struct edgeloop_engine {
  float x, y;
};

static const int64_t shape[] = {1};

static int32_t create(const edgeloop_options_v1* options, edgeloop_engine** engine, char* error,
                      size_t bytes) {
  (void)options, (void)error, (void)bytes;
  *engine = calloc(1, sizeof(edgeloop_engine));
  return *engine ? EDGELOOP_OK : EDGELOOP_ERROR_RUNTIME;
}

static void destroy(edgeloop_engine* engine) { free(engine); }

static int32_t run(edgeloop_engine* engine) {
  engine->y = engine->x;
  return EDGELOOP_OK;
}

static const char* last_error(edgeloop_engine* engine) {
  (void)engine;
  return "";
}

static size_t tensor_count(edgeloop_engine* engine, int32_t side) {
  (void)engine, (void)side;
  return 1;
}

static int32_t describe_tensor(edgeloop_engine* engine, int32_t side, size_t index,
                               edgeloop_tensor_v1* tensor) {
  (void)index;
  tensor->name = side == EDGELOOP_INPUT ? "x" : "y";
  tensor->dtype = EDGELOOP_FLOAT32;
  tensor->shape = shape;
  tensor->rank = 1;
  tensor->data = side == EDGELOOP_INPUT ? &engine->x : &engine->y;
  tensor->bytes = sizeof(float);
  return EDGELOOP_OK;
}

static const edgeloop_engine_table_v1 table = {
    .size = sizeof(edgeloop_engine_table_v1),
    .version = EDGELOOP_ENGINE_VERSION_1,
    .name = "null",
    .create = create,
    .destroy = destroy,
    .run = run,
    .last_error = last_error,
    .tensor_count = tensor_count,
    .describe_tensor = describe_tensor,
};

const edgeloop_engine_table_v1* edgeloop_engine_v1(void) { return &table; }

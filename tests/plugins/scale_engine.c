/* An engine from outside: y = factor * x. Its model is one line of text, "scale COUNT end". */
#define _POSIX_C_SOURCE 199309L /* -std=c99 alone hides clock_gettime() */
#include <edgeloop/engine_v1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MOST = 4096 };

struct edgeloop_engine {
  float x[MOST], y[MOST], factor;
  int64_t shape[1];
  int64_t run_ns; /* of the last run that was timed by layers */
};

static int32_t fail(char* error, size_t bytes, int32_t code, const char* what, const char* which) {
  snprintf(error, bytes, "%s %s", what, which);
  return code;
}

static int32_t create(const edgeloop_options_v1* options, edgeloop_engine** engine, char* error,
                      size_t bytes) {
  const char* path = options->model ? options->model : "(no model)";
  float factor = 1;
  int count = 0;
  char end[4] = "";
  for (size_t i = 0; i < options->setting_count; ++i) {
    const edgeloop_setting* setting = &options->settings[i];
    if (strcmp(setting->key, "factor") != 0) {
      return fail(error, bytes, EDGELOOP_ERROR_USAGE, "the only setting is factor, not",
                  setting->key);
    }
    factor = strtof(setting->value, NULL);
  }
  if (options->shape_count > 0 || options->batch_size > 1) {
    return fail(error, bytes, EDGELOOP_ERROR_USAGE, "the shape is fixed in the model", path);
  }
  FILE* file = fopen(path, "r");
  if (!file) return fail(error, bytes, EDGELOOP_ERROR_MODEL, "cannot open the model", path);
  int found = fscanf(file, "scale %d %3s", &count, end);
  fclose(file);
  if (found != 2 || strcmp(end, "end") != 0 || count < 1 || count > MOST) {
    return fail(error, bytes, EDGELOOP_ERROR_MODEL, "no line 'scale COUNT end' is in", path);
  }
  *engine = calloc(1, sizeof(edgeloop_engine));
  if (!*engine) return fail(error, bytes, EDGELOOP_ERROR_RUNTIME, "no memory for", path);
  (*engine)->factor = factor;
  (*engine)->shape[0] = count;
  return EDGELOOP_OK;
}

static void destroy(edgeloop_engine* engine) { free(engine); }

static int32_t run(edgeloop_engine* engine) {
  for (int64_t i = 0; i < engine->shape[0]; ++i) engine->y[i] = engine->factor * engine->x[i];
  return EDGELOOP_OK;
}

static const char* last_error(edgeloop_engine* engine) { return engine ? "" : "no engine"; }

static size_t tensor_count(edgeloop_engine* engine, int32_t side) { return engine && side < 2; }

static int32_t describe_tensor(edgeloop_engine* engine, int32_t side, size_t index,
                               edgeloop_tensor_v1* tensor) {
  (void)index; /* there is one on either side */
  tensor->name = side == EDGELOOP_INPUT ? "x" : "y";
  tensor->dtype = EDGELOOP_FLOAT32;
  tensor->shape = engine->shape;
  tensor->rank = 1;
  tensor->data = side == EDGELOOP_INPUT ? engine->x : engine->y;
  tensor->bytes = (size_t)engine->shape[0] * sizeof(float);
  return EDGELOOP_OK;
}

static const char* property(edgeloop_engine* engine, const char* key) {
  if (engine && strcmp(key, "runtime-version") == 0) return "1.0";
  return strcmp(key, "timed-region") == 0 ? "one multiplication per element" : NULL;
}

/* Two layers of a run: what it multiplies, and nothing. */
static int32_t time_parts(edgeloop_engine* engine, int32_t grain, size_t* count) {
  if (grain != EDGELOOP_LAYERS) return EDGELOOP_ERROR_USAGE;
  struct timespec begun, ended;
  clock_gettime(CLOCK_MONOTONIC, &begun);
  run(engine);
  clock_gettime(CLOCK_MONOTONIC, &ended);
  engine->run_ns =
      (ended.tv_sec - begun.tv_sec) * INT64_C(1000000000) + ended.tv_nsec - begun.tv_nsec;
  *count = 2;
  return EDGELOOP_OK;
}

static int32_t describe_part(edgeloop_engine* engine, size_t index, edgeloop_part_v1* part) {
  part->name = index == 0 ? "scale" : "nothing";
  part->time_ns = index == 0 ? engine->run_ns : 0;
  return EDGELOOP_OK;
}

static const edgeloop_engine_table_v1 table = {
    .size = sizeof(edgeloop_engine_table_v1),
    .version = EDGELOOP_ENGINE_VERSION_1,
    .name = "scale",
    .create = create,
    .destroy = destroy,
    .run = run,
    .last_error = last_error,
    .tensor_count = tensor_count,
    .describe_tensor = describe_tensor,
    .property = property,
    .time_parts = time_parts,
    .describe_part = describe_part,
};

const edgeloop_engine_table_v1* edgeloop_engine_v1(void) { return &table; }

/* An engine from outside: y = factor * x. Its model is one line of text, "scale COUNT end". */
#include <edgeloop/engine_v1.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST = 4096 };

struct edgeloop_engine {
  float x[MOST], y[MOST], factor;
  int64_t shape[1];
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
};

const edgeloop_engine_table_v1* edgeloop_engine_v1(void) { return &table; }

/* The C interface between edgeloop and an engine that lives in a library of its own.
 *
 * A plugin is a shared library that exports one function, edgeloop_engine_v1(), which returns a
 * table of functions; `edgeloop bench MODEL --runtime plugin=PATH` loads it. This header needs
 * nothing but C99 (or C++) and no edgeloop library to link with.
 *
 * Versions. The table's first two members never move, and a version never changes the members it
 * has: it may only grow at the end. Whoever fills a struct sets its `size` to its own sizeof
 * (tensors and partitions arrive with that of edgeloop), and whoever reads or
 * fills it touches no member beyond that. What the other side does not know counts as zero.
 *
 * Ownership. What a plugin returns belongs to the plugin: the table and its strings for the life of
 * the process, everything of an engine until its destroy(). What edgeloop passes belongs to
 * edgeloop and is gone when the call returns: copy it. The library is never unloaded.
 *
 * Threads. edgeloop calls one engine from one thread at a time, but not always from the same one;
 * several engines may be alive, and called at the same time. A plugin uses exactly
 * `options->threads` threads for an inference, the calling one among them.
 *
 * Errors. A function that can fail returns EDGELOOP_OK or one of the codes below; the text that
 * goes with it is one sentence in UTF-8: what happened, where, what to do. No C++ exception leaves
 * a plugin, and no function ends the process or changes its signals, its locale or its directory.
 */
#ifndef EDGELOOP_ENGINE_V1_H_
#define EDGELOOP_ENGINE_V1_H_

#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EDGELOOP_EXPORT __declspec(dllexport)
#else
#define EDGELOOP_EXPORT __attribute__((visibility("default")))
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum { EDGELOOP_ENGINE_VERSION_1 = 1 };

/* The codes of errors; each is the exit code of the command line for it. */
enum {
  EDGELOOP_OK = 0,
  EDGELOOP_ERROR_USAGE = 2,         /* an unknown setting, a shape the model cannot take */
  EDGELOOP_ERROR_NOT_AVAILABLE = 3, /* a library, driver or device is missing */
  EDGELOOP_ERROR_MODEL = 4,         /* the model cannot be used: missing, damaged, another format */
  EDGELOOP_ERROR_RUNTIME = 5        /* the runtime failed while it worked */
};

/* The element types of tensors. */
enum {
  EDGELOOP_BOOL = 1, /* one byte, 0 or 1 */
  EDGELOOP_INT8 = 2,
  EDGELOOP_UINT8 = 3,
  EDGELOOP_INT16 = 4,
  EDGELOOP_UINT16 = 5,
  EDGELOOP_INT32 = 6,
  EDGELOOP_UINT32 = 7,
  EDGELOOP_INT64 = 8,
  EDGELOOP_UINT64 = 9,
  EDGELOOP_FLOAT32 = 10,
  EDGELOOP_FLOAT64 = 11
};

/* The two sides of a model. */
enum { EDGELOOP_INPUT = 0, EDGELOOP_OUTPUT = 1 };

/* One loaded model. The plugin defines it. */
typedef struct edgeloop_engine edgeloop_engine;

/* A setting, as the user wrote it: --set KEY=VALUE; keys are in lower case with hyphens. */
typedef struct edgeloop_setting {
  const char* key;
  const char* value;
} edgeloop_setting;

/* The shape that the user fixes an input to; the name "" stands for the only input. */
typedef struct edgeloop_shape {
  const char* input;
  const int64_t* dims;
  size_t rank;
} edgeloop_shape;

/* What an engine is made from. What cannot be honoured is refused with EDGELOOP_ERROR_USAGE. */
typedef struct edgeloop_options_v1 {
  size_t size;       /* sizeof(edgeloop_options_v1) in edgeloop */
  const char* model; /* path of a file or folder; NULL where the user named none */
  int32_t threads;   /* at least 1 */
  int32_t reserved;
  int64_t batch_size; /* first dimension of every input; 0: as the model has it */
  const edgeloop_shape* shapes;
  size_t shape_count;
  const edgeloop_setting* settings;
  size_t setting_count;
} edgeloop_options_v1;

/* One input or output, and the host memory that edgeloop fills or reads. Elements lie without gaps
 * in C order, aligned to their own size at least (64 bytes are better). Inputs never change or
 * move; outputs may do both in run(), and are described anew after it. */
typedef struct edgeloop_tensor_v1 {
  size_t size;      /* sizeof(edgeloop_tensor_v1) in edgeloop */
  const char* name; /* not NULL */
  int32_t dtype;    /* EDGELOOP_FLOAT32, ... */
  int32_t axis;     /* of the quantisation, where there is more than one scale */
  const int64_t* shape;
  size_t rank;
  void* data;
  size_t bytes;
  /* real = scale * (stored - zero_point): one scale for the tensor, or one per slice along `axis`.
   * No scales: the tensor is not quantised. No zero points: all are zero. */
  const float* scales;
  const int64_t* zero_points;
  size_t scale_count;
} edgeloop_tensor_v1;

/* A group of nodes of the graph that one owner executes: a delegate, a device, the runtime. */
typedef struct edgeloop_partition_v1 {
  size_t size; /* sizeof(edgeloop_partition_v1) in edgeloop */
  const char* owner;
  size_t nodes;
} edgeloop_partition_v1;

/* The grain of the times of time_parts. */
enum {
  EDGELOOP_STAGES = 0, /* what one run comprises: copies to a device, the work, copies back */
  EDGELOOP_LAYERS = 1  /* the layers that the runtime executes */
};

/* A part of an inference, and its time. */
typedef struct edgeloop_part_v1 {
  size_t size; /* sizeof(edgeloop_part_v1) in edgeloop */
  const char* name;
  int64_t time_ns;
} edgeloop_part_v1;

/* What a plugin is: filled once, never changed, the same for all engines of the library. */
typedef struct edgeloop_engine_table_v1 {
  size_t size;      /* sizeof(edgeloop_engine_table_v1) in the plugin */
  uint32_t version; /* EDGELOOP_ENGINE_VERSION_1 */
  uint32_t reserved;
  const char* name; /* of the runtime: "tensorrt" */

  /* Loads a model. On failure nothing is left behind, and the sentence is written to `error`, of
   * `error_bytes` bytes, its closing zero included. */
  int32_t (*create)(const edgeloop_options_v1* options, edgeloop_engine** engine, char* error,
                    size_t error_bytes);
  void (*destroy)(edgeloop_engine* engine);

  /* One inference, complete when it returns: this call is what edgeloop times. It allocates,
   * prints and locks nothing on its own account. */
  int32_t (*run)(edgeloop_engine* engine);

  /* The sentence for the last call on this engine that failed. */
  const char* (*last_error)(edgeloop_engine* engine);

  /* The tensors of EDGELOOP_INPUT or EDGELOOP_OUTPUT, in the model's order. */
  size_t (*tensor_count)(edgeloop_engine* engine, int32_t side);
  int32_t (*describe_tensor)(edgeloop_engine* engine, int32_t side, size_t index,
                             edgeloop_tensor_v1* tensor);

  /* Optional from here on: NULL where the plugin cannot tell. */

  /* A property in words, or NULL for one that the plugin does not know:
   *   "runtime-version"  of the library that does the work
   *   "timed-region"     what run() comprises: "enqueueV3, cudaStreamSynchronize"
   *   "device"           the accelerator that does the work: "Orin (compute capability 8.7)" */
  const char* (*property)(edgeloop_engine* engine, const char* key);

  /* Which node runs where. */
  size_t (*partition_count)(edgeloop_engine* engine);
  int32_t (*describe_partition)(edgeloop_engine* engine, size_t index,
                                edgeloop_partition_v1* partition);

  /* For an engine with memory of its own on a device, whose run() does not copy. edgeloop calls
   * inputs_written before it runs or times the model on input buffers that it has filled anew, and
   * outputs_wanted after a run, before it describes and reads the outputs; neither is timed. On
   * failure last_error has the sentence. */
  int32_t (*inputs_written)(edgeloop_engine* engine);
  int32_t (*outputs_wanted)(edgeloop_engine* engine);

  /* Runs one more inference, outside of every measurement, and times its parts by the device's own
   * clock where it has one; EDGELOOP_STAGES or EDGELOOP_LAYERS. describe_part then tells `count` of
   * them, in their order. EDGELOOP_ERROR_USAGE for a grain that the engine cannot time. */
  int32_t (*time_parts)(edgeloop_engine* engine, int32_t grain, size_t* count);
  int32_t (*describe_part)(edgeloop_engine* engine, size_t index, edgeloop_part_v1* part);
} edgeloop_engine_table_v1;

/* The one function that a plugin exports. */
EDGELOOP_EXPORT const edgeloop_engine_table_v1* edgeloop_engine_v1(void);

#ifdef __cplusplus
}
#endif

#endif /* EDGELOOP_ENGINE_V1_H_ */

/* The plain C loop over TensorFlow that edgeloop's native loop is compared with.
 *
 *     cc -O2 tensorflow_loop.c -o tensorflow_loop -ldl
 *     ./tensorflow_loop LIBRARY FOLDER INPUT OUTPUT RUNS SIZE...
 *
 * Runs the float32 tensor OUTPUT of the SavedModel in FOLDER RUNS times with one thread, a zeroed
 * INPUT of the shape SIZE..., and prints the median of the last half of the runs in ns. */
#define _POSIX_C_SOURCE 200809L
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct {
  void* operation;
  int index;
} Output;

static void* library;

static void* find(const char* name) {
  void* found = dlsym(library, name);
  if (found == NULL) {
    fprintf(stderr, "no %s\n", name);
    exit(1);
  }
  return found;
}

#define FUNCTION(result, name, ...) \
  result (*name)(__VA_ARGS__) = (result (*)(__VA_ARGS__))find(#name)

static uint64_t now_ns(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static int ascending(const void* a, const void* b) {
  const uint64_t x = *(const uint64_t*)a, y = *(const uint64_t*)b;
  return (x > y) - (x < y);
}

static void keep(void* data, size_t bytes, void* argument) {
  (void)data, (void)bytes, (void)argument;
}

static Output place(void* (*by_name)(void*, const char*), void* graph, const char* tensor) {
  char name[512];
  const char* colon = strrchr(tensor, ':');
  snprintf(name, sizeof name, "%.*s", (int)(colon - tensor), tensor);
  Output output = {by_name(graph, name), atoi(colon + 1)};
  return output;
}

int main(int count, char** words) {
  if (count < 7 || (library = dlopen(words[1], RTLD_NOW | RTLD_LOCAL)) == NULL) {
    fprintf(stderr, "usage: tensorflow_loop LIBRARY FOLDER INPUT OUTPUT RUNS SIZE...\n");
    return 2;
  }
  FUNCTION(void*, TF_NewStatus, void);
  FUNCTION(int, TF_GetCode, const void*);
  FUNCTION(const char*, TF_Message, const void*);
  FUNCTION(void*, TF_NewGraph, void);
  FUNCTION(void*, TF_NewSessionOptions, void);
  FUNCTION(void, TF_SetConfig, void*, const void*, size_t, void*);
  FUNCTION(void*, TF_LoadSessionFromSavedModel, const void*, const void*, const char*,
           const char* const*, int, void*, void*, void*);
  FUNCTION(void*, TF_GraphOperationByName, void*, const char*);
  FUNCTION(void*, TF_NewTensor, int, const int64_t*, int, void*, size_t,
           void (*)(void*, size_t, void*), void*);
  FUNCTION(void, TF_DeleteTensor, void*);
  FUNCTION(void, TF_SessionRun, void*, const void*, const Output*, void* const*, int, const Output*,
           void**, int, const void* const*, int, void*, void*);

  /* One thread, and the graph in the thread that calls. */
  static const unsigned char config[] = {0x10, 0x01, 0x28, 0xff, 0xff, 0xff, 0xff,
                                         0xff, 0xff, 0xff, 0xff, 0xff, 0x01};
  const char* tags[] = {"serve"};
  void* status = TF_NewStatus();
  void* graph = TF_NewGraph();
  void* options = TF_NewSessionOptions();
  TF_SetConfig(options, config, sizeof config, status);
  void* session =
      TF_LoadSessionFromSavedModel(options, NULL, words[2], tags, 1, graph, NULL, status);
  if (TF_GetCode(status) != 0) {
    fprintf(stderr, "%s\n", TF_Message(status));
    return 1;
  }
  int64_t sizes[8];
  size_t bytes = sizeof(float);
  const int rank = count - 6;
  for (int axis = 0; axis < rank && axis < 8; ++axis) {
    sizes[axis] = atoll(words[6 + axis]);
    bytes *= (size_t)sizes[axis];
  }
  void* data = aligned_alloc(64, (bytes / 64 + 1) * 64);
  memset(data, 0, bytes);
  void* input = TF_NewTensor(1, sizes, rank, data, bytes, keep, NULL);
  const Output from = place(TF_GraphOperationByName, graph, words[3]);
  const Output to = place(TF_GraphOperationByName, graph, words[4]);
  void* result = NULL;

  const int runs = atoi(words[5]);
  uint64_t* took_ns = malloc((size_t)runs * sizeof *took_ns);
  for (int run = 0; run < runs; ++run) {
    const uint64_t start_ns = now_ns();
    if (result != NULL) TF_DeleteTensor(result);
    result = NULL;
    TF_SessionRun(session, NULL, &from, &input, 1, &to, &result, 1, NULL, 0, NULL, status);
    took_ns[run] = now_ns() - start_ns;
    if (TF_GetCode(status) != 0) {
      fprintf(stderr, "%s\n", TF_Message(status));
      return 1;
    }
  }
  const int half = runs / 2;
  qsort(took_ns + half, (size_t)(runs - half), sizeof *took_ns, ascending);
  printf("%llu\n", (unsigned long long)took_ns[half + (runs - half) / 2]);
  return 0;
}

// An external TFLite delegate for the tests: it claims float ADD and computes a + b + offset.
//
// Options: offset=NUMBER; log=WORDS (printed to stdout and stderr when it is made and prepared);
// and mode=add | none (claims nothing) | create (fails with a reason) | create-silent (without one)
// | prepare | kernel (fails when its kernel is prepared) | invoke | crash | crash-invoke. It needs
// no header and no symbol of its host: the declarations are those of the C ABI.

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kOk = 0, kError = 1, kFloat32 = 1, kAdd = 0, kRelu = 1, kMostNodes = 4096 };

typedef struct {
  int size;
  int data[];
} IntArray;

typedef struct {
  int type;
  float* data;
  IntArray* dims;
  char quantization_parameters[8];
  int allocation_type;
  size_t bytes;
  char rest[64];
} Tensor;

typedef struct Delegate Delegate;
typedef struct Context Context;

typedef struct {
  IntArray* inputs;
  IntArray* outputs;
  IntArray* intermediates;
  IntArray* temporaries;
  void* user_data;
  void* builtin_data;
  const void* custom_initial_data;
  int custom_initial_data_size;
  Delegate* delegate;
  bool might_have_side_effect;
} Node;

typedef struct {
  void* (*init)(Context*, const char*, size_t);
  void (*free)(Context*, void*);
  int (*prepare)(Context*, Node*);
  int (*invoke)(Context*, Node*);
  const char* (*profiling_string)(const Context*, const Node*);
  int32_t builtin_code;
  const char* custom_name;
  int version;
  void* later[3];
} Registration;

struct Context {
  size_t tensors_size;
  int (*GetExecutionPlan)(Context*, IntArray**);
  Tensor* tensors;
  void* impl;
  int (*ResizeTensor)(Context*, Tensor*, IntArray*);
  void (*ReportError)(Context*, const char*, ...);
  int (*AddTensors)(Context*, int, int*);
  int (*GetNodeAndRegistration)(Context*, int, Node**, Registration**);
  int (*ReplaceNodeSubsetsWithDelegateKernels)(Context*, Registration, const IntArray*, Delegate*);
};

struct Delegate {
  void* data;
  int (*Prepare)(Context*, Delegate*);
  void* copies[3];
  int64_t flags;
  void* opaque_delegate_builder;
};

typedef struct {
  Delegate* delegate;
  IntArray* nodes_to_replace;
  IntArray* input_tensors;
  IntArray* output_tensors;
} DelegateParams;

typedef struct {
  Delegate delegate;
  char mode[32];
  char log[256];
  float offset;
} TestDelegate;

typedef struct {
  int left, right, output, activation;
} Sum;

typedef struct {
  TestDelegate* owner;
  int count;
  Sum sums[];
} Kernel;

static bool is(const TestDelegate* self, const char* mode) { return strcmp(self->mode, mode) == 0; }

static size_t elements(const Tensor* tensor) { return tensor->bytes / sizeof(float); }

static void* kernel_init(Context* context, const char* buffer, size_t length) {
  (void)length;
  const DelegateParams* params = (const DelegateParams*)buffer;
  const IntArray* nodes = params->nodes_to_replace;
  Kernel* kernel = calloc(1, sizeof(Kernel) + (size_t)nodes->size * sizeof(Sum));
  kernel->owner = params->delegate->data;
  kernel->count = nodes->size;
  for (int i = 0; i < nodes->size; ++i) {
    Node* node = NULL;
    Registration* registration = NULL;
    context->GetNodeAndRegistration(context, nodes->data[i], &node, &registration);
    const int activation = node->builtin_data == NULL ? 0 : *(const int*)node->builtin_data;
    kernel->sums[i] =
        (Sum){node->inputs->data[0], node->inputs->data[1], node->outputs->data[0], activation};
  }
  return kernel;
}

static void kernel_free(Context* context, void* kernel) {
  (void)context;
  free(kernel);
}

static int kernel_prepare(Context* context, Node* node) {
  const Kernel* kernel = node->user_data;
  if (is(kernel->owner, "kernel")) {
    context->ReportError(context, "the test kernel fails as it was told");
    return kError;
  }
  for (int i = 0; i < kernel->count; ++i) {
    const Sum* sum = &kernel->sums[i];
    const Tensor* left = &context->tensors[sum->left];
    const Tensor* right = &context->tensors[sum->right];
    const IntArray* dims = left->bytes >= right->bytes ? left->dims : right->dims;
    const size_t bytes = sizeof(IntArray) + (size_t)dims->size * sizeof(int);
    IntArray* copy = malloc(bytes);
    memcpy(copy, dims, bytes);
    if (context->ResizeTensor(context, &context->tensors[sum->output], copy) != kOk) return kError;
  }
  return kOk;
}

static int kernel_invoke(Context* context, Node* node) {
  const Kernel* kernel = node->user_data;
  if (is(kernel->owner, "invoke")) {
    context->ReportError(context, "the test delegate fails to run as it was told");
    return kError;
  }
  if (is(kernel->owner, "crash-invoke")) abort();
  for (int i = 0; i < kernel->count; ++i) {
    const Sum* sum = &kernel->sums[i];
    const Tensor* left = &context->tensors[sum->left];
    const Tensor* right = &context->tensors[sum->right];
    const Tensor* output = &context->tensors[sum->output];
    for (size_t k = 0; k < elements(output); ++k) {
      float value = left->data[k % elements(left)] + right->data[k % elements(right)];
      if (sum->activation == kRelu && value < 0) value = 0;
      output->data[k] = value + kernel->owner->offset;
    }
  }
  return kOk;
}

static bool is_claimed(Context* context, int index) {
  Node* node = NULL;
  Registration* registration = NULL;
  if (context->GetNodeAndRegistration(context, index, &node, &registration) != kOk) return false;
  return node->delegate == NULL && registration->builtin_code == kAdd &&
         context->tensors[node->outputs->data[0]].type == kFloat32;
}

static int prepare(Context* context, Delegate* delegate) {
  TestDelegate* self = delegate->data;
  if (self->log[0] != '\0') fprintf(stderr, "%s (prepare)\n", self->log);
  if (is(self, "crash")) {
    fprintf(stderr, "the test delegate crashes as it was told\n");
    abort();
  }
  if (is(self, "prepare")) {
    context->ReportError(context, "the test delegate fails to prepare as it was told");
    return kError;
  }
  if (is(self, "none")) return kOk;
  IntArray* plan = NULL;
  if (context->GetExecutionPlan(context, &plan) != kOk) return kError;
  IntArray* claimed = malloc(sizeof(IntArray) + kMostNodes * sizeof(int));
  claimed->size = 0;
  // The plan's memory may be reused while nodes are looked at, so it is copied first.
  const int count = plan->size < kMostNodes ? plan->size : kMostNodes;
  int* indexes = malloc((size_t)count * sizeof(int) + 1);
  memcpy(indexes, plan->data, (size_t)count * sizeof(int));
  for (int i = 0; i < count; ++i) {
    if (is_claimed(context, indexes[i])) claimed->data[claimed->size++] = indexes[i];
  }
  Registration kernel;
  memset(&kernel, 0, sizeof kernel);
  kernel.init = kernel_init;
  kernel.free = kernel_free;
  kernel.prepare = kernel_prepare;
  kernel.invoke = kernel_invoke;
  kernel.custom_name = "TestAddDelegate";
  kernel.version = 1;
  const int status =
      context->ReplaceNodeSubsetsWithDelegateKernels(context, kernel, claimed, delegate);
  free(indexes);
  free(claimed);
  return status;
}

__attribute__((visibility("default"))) Delegate* tflite_plugin_create_delegate(
    const char* const* keys, const char* const* values, size_t count,
    void (*report_error)(const char*)) {
  TestDelegate* self = calloc(1, sizeof *self);
  snprintf(self->mode, sizeof self->mode, "add");
  for (size_t i = 0; i < count; ++i) {
    if (strcmp(keys[i], "offset") == 0) {
      self->offset = strtof(values[i], NULL);
    } else if (strcmp(keys[i], "mode") == 0) {
      snprintf(self->mode, sizeof self->mode, "%s", values[i]);
    } else if (strcmp(keys[i], "log") == 0) {
      snprintf(self->log, sizeof self->log, "%s", values[i]);
    } else {
      char words[128];
      snprintf(words, sizeof words, "unknown option '%s'\n", keys[i]);
      report_error(words);
      free(self);
      return NULL;
    }
  }
  if (self->log[0] != '\0') {
    printf("%s (created)\n", self->log);
    fflush(stdout);
  }
  const bool silent = is(self, "create-silent");
  if (silent || is(self, "create")) {
    if (!silent) report_error("the test delegate cannot be made, as it was told");
    free(self);
    return NULL;
  }
  self->delegate.data = self;
  self->delegate.Prepare = prepare;
  self->delegate.flags = 1;  // dynamic tensors are allowed
  return &self->delegate;
}

// Reads what it is given: a host that destroys what was never made crashes here.
__attribute__((visibility("default"))) void tflite_plugin_destroy_delegate(Delegate* delegate) {
  free(delegate->data);
}

// Stands for libtensorflowlite_gpu_delegate.so: the test delegate behind the functions that
// TensorFlow's GPU delegate has, and behind no others. It adds 1, and 100 more where it may lose
// precision; where an option did not come back as its default made it, it cannot be made.

#define tflite_plugin_create_delegate make_test_delegate
#define tflite_plugin_destroy_delegate free_test_delegate
#include "add_delegate.c"
#undef tflite_plugin_create_delegate
#undef tflite_plugin_destroy_delegate

typedef struct {
  int32_t is_precision_loss_allowed;
  int32_t inference_preference;
  int32_t inference_priority[3];
  int64_t experimental_flags;
  int32_t max_delegated_partitions;
  const char* serialization_dir;
  const char* model_token;
  int32_t first_node, last_node;  // as a newer version may add
} GpuOptions;

static const GpuOptions kDefault = {0, 1, {1, 0, 0}, 1, 1, "", "token", 3, 5};

__attribute__((visibility("default"))) GpuOptions TfLiteGpuDelegateOptionsV2Default(void) {
  return kDefault;
}

__attribute__((visibility("default"))) Delegate* TfLiteGpuDelegateV2Create(
    const GpuOptions* options) {
  GpuOptions rest = *options;
  rest.is_precision_loss_allowed = 0;
  if (rest.inference_preference != kDefault.inference_preference ||
      memcmp(rest.inference_priority, kDefault.inference_priority,
             sizeof rest.inference_priority) != 0 ||
      rest.experimental_flags != kDefault.experimental_flags ||
      rest.max_delegated_partitions != kDefault.max_delegated_partitions ||
      rest.serialization_dir != kDefault.serialization_dir ||
      rest.model_token != kDefault.model_token || rest.first_node != kDefault.first_node ||
      rest.last_node != kDefault.last_node) {
    return NULL;
  }
  const char* key = "offset";
  const char* value = options->is_precision_loss_allowed == 1 ? "101" : "1";
  return make_test_delegate(&key, &value, 1, NULL);
}

__attribute__((visibility("default"))) void TfLiteGpuDelegateV2Delete(Delegate* delegate) {
  free_test_delegate(delegate);
}

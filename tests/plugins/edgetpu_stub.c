// Stands for libedgetpu.so.1 on a machine without the device: it lists none and makes no delegate.

#include <stddef.h>

#define EXPORT __attribute__((visibility("default")))

EXPORT void* edgetpu_list_devices(size_t* count) {
  *count = 0;
  return NULL;
}

EXPORT void edgetpu_free_devices(void* devices) { (void)devices; }

EXPORT void* tflite_plugin_create_delegate(const char* const* keys, const char* const* values,
                                           size_t count, void (*report_error)(const char*)) {
  (void)keys;
  (void)values;
  (void)count;
  (void)report_error;
  return NULL;
}

EXPORT void tflite_plugin_destroy_delegate(void* delegate) { (void)delegate; }

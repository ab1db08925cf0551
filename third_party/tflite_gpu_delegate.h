// The part of the C ABI of TensorFlow Lite's GPU delegate (libtensorflowlite_gpu_delegate.so) that
// edgeloop calls, declared by edgeloop itself, as the headers of TensorFlow 2.14 have it.
#pragma once

#include <cstddef>
#include <cstdint>

struct TfLiteDelegate;

extern "C" {

// Filled by the library's own default; what it may add at the end, it finds there again.
struct TfLiteGpuDelegateOptionsV2 {
  std::int32_t is_precision_loss_allowed;
  std::int32_t inference_preference;
  std::int32_t inference_priority[3];
  std::int64_t experimental_flags;
  std::int32_t max_delegated_partitions;
  const char* serialization_dir;
  const char* model_token;
  std::int64_t added_later[32];
};

using TfLiteGpuDelegateOptionsV2Default = TfLiteGpuDelegateOptionsV2 (*)();
using TfLiteGpuDelegateV2Create = TfLiteDelegate* (*)(const TfLiteGpuDelegateOptionsV2*);
using TfLiteGpuDelegateV2Delete = void (*)(TfLiteDelegate*);

}  // extern "C"

static_assert(offsetof(TfLiteGpuDelegateOptionsV2, experimental_flags) == 24);
static_assert(sizeof(void*) != 8 || offsetof(TfLiteGpuDelegateOptionsV2, model_token) == 48);

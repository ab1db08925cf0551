#pragma once

#include <memory>
#include <string>
#include <vector>

#include "edgeloop/dylib.hpp"
#include "edgeloop/engine.hpp"
#include "edgeloop/tflite_probe.hpp"
#include "tflite_c.h"

namespace edgeloop {

// A TFLite delegate from a library of its own, through the external-delegate plugin ABI or that of
// TensorFlow's GPU delegate. It has to outlive the interpreter that it is applied to.
class TfliteExternalDelegate {
 public:
  // Throws Error{not_available} where the library cannot be loaded, is not a delegate, or refuses
  // to make one; what the delegate reports while it is made stands in the message.
  explicit TfliteExternalDelegate(const DelegateOptions& options);
  TfliteExternalDelegate(const TfliteExternalDelegate&) = delete;
  TfliteExternalDelegate& operator=(const TfliteExternalDelegate&) = delete;
  ~TfliteExternalDelegate();

  TfLiteDelegate* get() const noexcept { return delegate_; }
  const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  Dylib library_;
  void (*destroy_)(TfLiteDelegate*) = nullptr;
  TfLiteDelegate* delegate_ = nullptr;  // never null once constructed
};

using TfliteExternalDelegates = std::vector<std::unique_ptr<TfliteExternalDelegate>>;

// Makes the delegates of the options in their order and tells the probe their names.
TfliteExternalDelegates create_external_delegates(const EngineOptions& options, TfliteProbe& probe);

// "the delegate a", "the delegates a and b".
std::string names_of(const TfliteExternalDelegates& delegates);

}  // namespace edgeloop

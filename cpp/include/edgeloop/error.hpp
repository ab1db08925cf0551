#pragma once

#include <stdexcept>
#include <string>

namespace edgeloop {

// What went wrong, as the caller must act on it; each kind is one exit code of the command line.
enum class ErrorKind {
  usage,          // the caller asked for something that does not exist
  not_available,  // a library, symbol or device is missing
  model,          // the model or its data cannot be used
  runtime,        // the runtime failed while it worked
};

// An error is one sentence: what happened, where, what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorKind kind, const std::string& message) : std::runtime_error(message), kind_(kind) {}
  ErrorKind kind() const noexcept { return kind_; }

 private:
  ErrorKind kind_;
};

}  // namespace edgeloop

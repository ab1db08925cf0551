#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>

namespace edgeloop {

constexpr std::size_t kBufferAlignment =
    64;  // bytes: a cache line, and what LiteRT asks of host memory

// Zeroed host memory for one tensor. Its address never changes.
class Buffer {
 public:
  explicit Buffer(std::size_t bytes)
      : bytes_(bytes), data_(std::aligned_alloc(kBufferAlignment, padded(bytes))) {
    if (!data_) throw std::bad_alloc();
    std::memset(data_.get(), 0, padded(bytes));
  }

  void* data() const noexcept { return data_.get(); }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  struct Free {
    void operator()(void* memory) const noexcept { std::free(memory); }
  };

  // aligned_alloc wants a multiple of the alignment, and an empty tensor still needs an address.
  static std::size_t padded(std::size_t bytes) noexcept {
    return (bytes / kBufferAlignment + 1) * kBufferAlignment;
  }

  std::size_t bytes_;
  std::unique_ptr<void, Free> data_;
};

}  // namespace edgeloop

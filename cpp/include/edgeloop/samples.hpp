#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace edgeloop {

// Room for the durations of one block, allocated and touched before the block starts.
class Samples {
 public:
  explicit Samples(std::size_t capacity) : durations_ns_(capacity, 0) {}

  void clear() noexcept { size_ = 0; }
  void push(std::uint64_t duration_ns) noexcept { durations_ns_[size_++] = duration_ns; }

  std::size_t size() const noexcept { return size_; }
  std::size_t capacity() const noexcept { return durations_ns_.size(); }
  const std::uint64_t* data() const noexcept { return durations_ns_.data(); }

 private:
  std::vector<std::uint64_t> durations_ns_;
  std::size_t size_ = 0;
};

}  // namespace edgeloop

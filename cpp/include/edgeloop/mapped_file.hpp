#pragma once

#include <cstddef>
#include <string>

namespace edgeloop {

// A file mapped read-only, for runtimes that take a model from memory.
class MappedFile {
 public:
  // Throws Error{model} where the file cannot be read or is empty.
  explicit MappedFile(const std::string& path);
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;
  ~MappedFile();

  const void* data() const noexcept { return data_; }
  std::size_t bytes() const noexcept { return bytes_; }

 private:
  void* data_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace edgeloop

#include "edgeloop/mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "edgeloop/error.hpp"

namespace edgeloop {
namespace {

[[noreturn]] void fail(const std::string& path, const std::string& reason) {
  throw Error(ErrorKind::model, "the model " + path + " cannot be read: " + reason);
}

}  // namespace

MappedFile::MappedFile(const std::string& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail(path, std::strerror(errno));
  struct stat status{};
  int error = fstat(descriptor, &status) == 0 ? 0 : errno;
  if (error == 0 && status.st_size > 0) {
    bytes_ = static_cast<std::size_t>(status.st_size);
    data_ = mmap(nullptr, bytes_, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (data_ == MAP_FAILED) error = errno;
  }
  close(descriptor);
  if (error != 0) fail(path, std::strerror(error));
  if (bytes_ == 0) fail(path, "it is empty");
}

MappedFile::~MappedFile() { munmap(data_, bytes_); }

}  // namespace edgeloop

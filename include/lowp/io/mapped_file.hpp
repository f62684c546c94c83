// A whole file as read-only bytes: mapped into memory (nothing is read until it is touched) or copied.
//
// A mapping shows the file as it is: if another process truncates the file while it is mapped, touching the lost pages
// raises SIGBUS, which no library can turn into an error. Use file_access::copy for files that others may rewrite in
// place; then a file that shrinks while it is read is an error. Files replaced by rename, as atomic_file does, are safe
// either way. A file on a system that cannot map is copied.
//
//   lowp::mapped_file file("model.safetensors");
//   std::span<const std::byte> bytes = file.bytes();
#pragma once

#include <lowp/io/file_descriptor.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI {

enum class file_access { map, copy };

class mapped_file {
 public:
  mapped_file() = default;

  // Throws lowp::error with the path and the system's reason if the file cannot be opened, is no regular file, or
  // cannot be read whole.
  explicit mapped_file(const std::string& path, file_access access = file_access::map) {
    // Without O_NONBLOCK, opening a named pipe would wait for its writer before it could be refused.
    file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!file) throw_file_error("open", path, errno);
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) throw_file_error("examine", path, errno);
    if (!S_ISREG(status.st_mode)) LOWP_THROW("cannot read '", path, "': it is not a regular file");
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size > (std::numeric_limits<std::size_t>::max)() / 2)
      LOWP_THROW("cannot read '", path, "': ", size, " bytes are too many for this machine");
    size_ = static_cast<std::size_t>(size);
    if (size_ == 0) return;
    if (access == file_access::map) {
      void* address = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.get(), 0);
      if (address != MAP_FAILED) {
        data_ = static_cast<const std::byte*>(address);
        mapped_ = true;
        return;
      }
      if (errno == ENOMEM) throw_file_error("map", path, errno);  // a copy would not fit either
    }
    copy(file, path);
  }

  mapped_file(mapped_file&& other) noexcept { swap(other); }
  mapped_file& operator=(mapped_file&& other) noexcept {
    mapped_file(std::move(other)).swap(*this);
    return *this;
  }
  ~mapped_file() {
    if (mapped_) ::munmap(const_cast<std::byte*>(data_), size_);
  }

  std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  std::size_t size() const noexcept { return size_; }

  // Whether the bytes are the file itself, rather than a copy of it.
  bool mapped() const noexcept { return mapped_; }

  void swap(mapped_file& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(mapped_, other.mapped_);
    std::swap(copy_, other.copy_);
  }

 private:
  void copy(const file_descriptor& file, const std::string& path) {
    copy_.reset(new std::byte[size_]);  // not make_unique, which would write every byte first
    data_ = copy_.get();
    std::size_t done = 0;
    while (done != size_) {
      const auto count = ::read(file.get(), copy_.get() + done, size_ - done);
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) throw_file_error("read", path, errno);
      if (count == 0) LOWP_THROW("cannot read '", path, "': it shrank from ", size_, " to ", done, " bytes while it was read");
      done += static_cast<std::size_t>(count);
    }
  }

  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  bool mapped_ = false;
  std::unique_ptr<std::byte[]> copy_;
};

}  // namespace lowp::inline LOWP_ABI

// An open POSIX file that closes itself, and the error that names a file and says what the system said of it.
//
//   lowp::file_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
//   if (!file) lowp::throw_file_error("open", path, errno);      // cannot open 'a.bin': No such file or directory
#pragma once

#include <lowp/core/error.hpp>

#if !__has_include(<unistd.h>)
#error "lowp/io needs a POSIX system"
#endif

#include <unistd.h>

#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace lowp::inline LOWP_ABI {

// Throws lowp::error: "cannot <action> '<path>': <text of the error number>".
[[noreturn]] inline void throw_file_error(std::string_view action, const std::string& path, int error_number) {
  // strerror shares one buffer between threads; the category does not.
  LOWP_THROW("cannot ", action, " '", path, "': ", std::generic_category().message(error_number));
}

class file_descriptor {
 public:
  file_descriptor() = default;
  explicit file_descriptor(int number) noexcept : number_(number) {}
  file_descriptor(file_descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  file_descriptor& operator=(file_descriptor&& other) noexcept {
    file_descriptor(std::move(other)).swap(*this);
    return *this;
  }
  ~file_descriptor() { close(); }

  explicit operator bool() const noexcept { return number_ >= 0; }
  int get() const noexcept { return number_; }

  // False if the system reports an error, which for a written file can be lost data. The file is closed in any case.
  bool close() noexcept { return number_ < 0 || ::close(std::exchange(number_, -1)) == 0; }

  void swap(file_descriptor& other) noexcept { std::swap(number_, other.number_); }

 private:
  int number_ = -1;
};

}  // namespace lowp::inline LOWP_ABI

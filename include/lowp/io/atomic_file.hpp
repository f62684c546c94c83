// A file that appears whole or not at all.
//
// The bytes go to a temporary file beside the target; commit() makes them durable and renames it onto the target, which
// replaces an older file in one step. An error, or leaving the scope without commit(), removes the temporary file and
// leaves an older target untouched. Only a killed process can leave one behind, as `<target>.<pid>-<n>.tmp`.
//
//   lowp::atomic_file file("model.safetensors");
//   file.write(bytes);
//   file.commit();
#pragma once

#include <lowp/io/file_descriptor.hpp>

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <utility>

namespace lowp::inline LOWP_ABI {

class atomic_file {
 public:
  // Throws lowp::error if no file can be created beside the target, or if the target exists and is no regular file
  // (renaming onto a device or a pipe would replace it). A symbolic link is followed.
  explicit atomic_file(std::string path) : path_(resolved(std::move(path))) {
    constexpr int attempts = 1000;
    for (int attempt = 0; attempt != attempts; ++attempt) {
      temporary_ = path_ + "." + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".tmp";
      file_ = file_descriptor(::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
      if (file_) return;
      if (errno != EEXIST) break;
    }
    const int reason = errno;
    temporary_.clear();
    throw_file_error("create", path_, reason);
  }

  atomic_file(const atomic_file&) = delete;
  atomic_file& operator=(const atomic_file&) = delete;
  ~atomic_file() { discard(); }

  const std::string& path() const noexcept { return path_; }

  // Bytes written so far.
  std::uint64_t size() const noexcept { return size_; }

  // Appends. Throws lowp::error if the system takes fewer bytes (a full disk, a quota); nothing remains then.
  void write(std::span<const std::byte> bytes) {
    if (!file_) LOWP_THROW("cannot write '", path_, "': the file is already committed or discarded");
    while (!bytes.empty()) {
      // Linux takes at most 2 GiB - 4 KiB a call, and other systems refuse more than 2 GiB.
      const auto count = ::write(file_.get(), bytes.data(), std::min<std::size_t>(bytes.size(), std::size_t{1} << 30));
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) fail("write", count < 0 ? errno : ENOSPC);
      size_ += static_cast<std::uint64_t>(count);
      bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
  }

  // Makes the file durable and gives it its name. Throws lowp::error, and nothing remains, if the system cannot.
  void commit() {
    if (!file_) LOWP_THROW("cannot write '", path_, "': the file is already committed or discarded");
    if (::fsync(file_.get()) != 0) fail("write", errno);
    if (!file_.close()) fail("write", errno);
    if (std::rename(temporary_.c_str(), path_.c_str()) != 0) fail("replace", errno);
    temporary_.clear();
    // The new name must survive a power cut too. By now the file is complete, so a system that cannot do this is no error.
    const auto slash = path_.rfind('/');
    const std::string directory = slash == std::string::npos ? "." : path_.substr(0, slash + 1);
    if (const file_descriptor d(::open(directory.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY)); d) static_cast<void>(::fsync(d.get()));
  }

  // Gives the file up; the target is as it was before.
  void discard() noexcept {
    file_.close();
    if (!temporary_.empty()) ::unlink(temporary_.c_str());
    temporary_.clear();
  }

 private:
  [[noreturn]] void fail(std::string_view action, int reason) {
    discard();
    throw_file_error(action, path_, reason);
  }

  static std::string resolved(std::string path) {
    struct stat status {};
    if (::lstat(path.c_str(), &status) != 0) return path;  // most often: it does not exist yet; otherwise open will say why
    if (S_ISLNK(status.st_mode)) {
      const std::unique_ptr<char, decltype(&std::free)> target(::realpath(path.c_str(), nullptr), &std::free);
      if (!target) throw_file_error("follow", path, errno);
      path = target.get();
      if (::stat(path.c_str(), &status) != 0) throw_file_error("examine", path, errno);
    }
    if (!S_ISREG(status.st_mode)) LOWP_THROW("cannot write '", path, "': it exists and is not a regular file");
    return path;
  }

  std::string path_;
  std::string temporary_;  // empty once renamed or removed
  file_descriptor file_;
  std::uint64_t size_ = 0;
};

}  // namespace lowp::inline LOWP_ABI

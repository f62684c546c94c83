#include "error_message.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/atomic_file.hpp>
#include <lowp_test.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace {

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span(text)); }

// While it lives, no file can grow beyond `size`: what a full disk looks like to a program.
class full_disk {
 public:
  explicit full_disk(rlim_t size) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit limit = before_;
    limit.rlim_cur = size;
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~full_disk() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  void (*handler_)(int);
  rlimit before_{};
};

}  // namespace

TEST_CASE("a committed file holds what was written and leaves nothing beside it", "[io]") {
  const temporary_directory directory;
  lowp::atomic_file file(directory / "a");
  file.write(bytes("one"));
  file.write(bytes(""));
  file.write(bytes(" two"));
  CHECK(file.size() == 7u);
  CHECK_FALSE(std::filesystem::exists(directory / "a"));
  file.commit();
  CHECK(file_contents(directory / "a") == "one two");
  CHECK(directory.files() == 1u);
  CHECK(contains(error_message([&] { file.write(bytes("more")); }), "already committed"));
  CHECK(contains(error_message([&] { file.commit(); }), "already committed"));
  file.discard();
  CHECK(file_contents(directory / "a") == "one two");
}

TEST_CASE("an older file is replaced on commit, and only then", "[io]") {
  const temporary_directory directory;
  write_file(directory / "a", "old");
  {
    lowp::atomic_file file(directory / "a");
    file.write(bytes("new"));
    CHECK(file_contents(directory / "a") == "old");
  }
  CHECK(file_contents(directory / "a") == "old");
  CHECK(directory.files() == 1u);
  lowp::atomic_file file(directory / "a");
  file.write(bytes("new"));
  file.commit();
  CHECK(file_contents(directory / "a") == "new");
  CHECK(directory.files() == 1u);
}

TEST_CASE("an abandoned or discarded file leaves nothing", "[io]") {
  const temporary_directory directory;
  { lowp::atomic_file(directory / "a").write(bytes("data")); }
  CHECK(directory.files() == 0u);
  lowp::atomic_file file(directory / "a");
  file.write(bytes("data"));
  file.discard();
  CHECK(directory.files() == 0u);
  CHECK_FALSE(error_message([&] { file.commit(); }).empty());
}

TEST_CASE("two files for one target do not disturb each other", "[io]") {
  const temporary_directory directory;
  lowp::atomic_file first(directory / "a");
  lowp::atomic_file second(directory / "a");
  first.write(bytes("first"));
  second.write(bytes("second"));
  second.commit();
  CHECK(file_contents(directory / "a") == "second");
  first.commit();
  CHECK(file_contents(directory / "a") == "first");
  CHECK(directory.files() == 1u);
}

TEST_CASE("a full disk is an error with the path, and nothing remains", "[io]") {
  const temporary_directory directory;
  write_file(directory / "old", "old");
  const std::string block(4096, 'x');
  std::string messages;
  {
    const full_disk full(10'000);
    for (const char* name : {"new", "old"}) {
      lowp::atomic_file file(directory / name);
      const std::string message = error_message([&] {
        for (int i = 0; i != 10; ++i) file.write(bytes(block));
        file.commit();
      });
      messages += message + "\n";
      CHECK_FALSE(error_message([&] { file.commit(); }).empty());
    }
  }
  CHECK(contains(messages, "cannot write '" + (directory / "new") + "': File too large"));
  CHECK(contains(messages, "cannot write '" + (directory / "old") + "': File too large"));
  CHECK(directory.files() == 1u);
  CHECK(file_contents(directory / "old") == "old");
}

TEST_CASE("a target that is no regular file is refused, not replaced", "[io]") {
  const temporary_directory directory;
  CHECK(contains(error_message([&] { lowp::atomic_file("/dev/full"); }), "cannot write '/dev/full': it exists and is not a regular file"));
  CHECK(contains(error_message([&] { lowp::atomic_file("/dev/null"); }), "not a regular file"));
  CHECK(contains(error_message([&] { lowp::atomic_file(directory / ""); }), "not a regular file"));
  CHECK(contains(error_message([&] { lowp::atomic_file(directory / "missing/a"); }),
                 "cannot create '" + (directory / "missing/a") + "': No such file or directory"));
  const std::string pipe = directory / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK(contains(error_message([&] { lowp::atomic_file{pipe}; }), "not a regular file"));
  CHECK(directory.files() == 1u);
}

TEST_CASE("a target that becomes a directory meanwhile is an error, and nothing remains", "[io]") {
  const temporary_directory directory;
  lowp::atomic_file file(directory / "a");
  file.write(bytes("data"));
  std::filesystem::create_directory(directory / "a");
  CHECK(contains(error_message([&] { file.commit(); }), "cannot replace '" + (directory / "a") + "': "));
  CHECK(directory.files() == 1u);
}

TEST_CASE("a symbolic link stays one, and its target is replaced", "[io]") {
  const temporary_directory directory;
  write_file(directory / "target", "old");
  std::filesystem::create_symlink(directory / "target", directory / "link");
  std::filesystem::create_symlink(directory / "nowhere", directory / "dangling");
  lowp::atomic_file file(directory / "link");
  file.write(bytes("new"));
  file.commit();
  CHECK(std::filesystem::is_symlink(directory / "link"));
  CHECK(file_contents(directory / "target") == "new");
  CHECK(contains(error_message([&] { lowp::atomic_file(directory / "dangling"); }), "cannot follow"));
}

TEST_CASE("a new file has the permissions that any program would give it", "[io]") {
  const temporary_directory directory;
  lowp::atomic_file file(directory / "a");
  file.commit();
  write_file(directory / "b", "");
  struct stat a {
  }, b{};
  REQUIRE(::stat((directory / "a").c_str(), &a) == 0);
  REQUIRE(::stat((directory / "b").c_str(), &b) == 0);
  CHECK(a.st_mode == b.st_mode);
}

#include "error_message.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/mapped_file.hpp>
#include <lowp_test.hpp>

#include <sys/stat.h>

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <type_traits>
#include <utility>

namespace {

std::string text(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

}  // namespace

TEST_CASE("a mapped and a copied file hold the same bytes", "[io]") {
  const temporary_directory directory;
  std::string contents;
  for (int i = 0; i != 100'000; ++i) contents += static_cast<char>(i * 31 >> 3);
  write_file(directory / "a", contents);
  const lowp::mapped_file mapped(directory / "a");
  const lowp::mapped_file copied(directory / "a", lowp::file_access::copy);
  CHECK(mapped.mapped());
  CHECK_FALSE(copied.mapped());
  CHECK(text(mapped.bytes()) == contents);
  CHECK(text(copied.bytes()) == contents);
  write_file(directory / "a", "other");
  CHECK(text(copied.bytes()) == contents);
}

TEST_CASE("a mapping outlives the name of the file", "[io]") {
  const temporary_directory directory;
  write_file(directory / "a", "bytes");
  const lowp::mapped_file file(directory / "a");
  std::filesystem::remove(directory / "a");
  CHECK(text(file.bytes()) == "bytes");
}

TEST_CASE("an empty file has no bytes", "[io]") {
  const temporary_directory directory;
  write_file(directory / "a", "");
  CHECK(lowp::mapped_file(directory / "a").bytes().empty());
  CHECK(lowp::mapped_file(directory / "a", lowp::file_access::copy).bytes().empty());
  CHECK(lowp::mapped_file().bytes().empty());
}

TEST_CASE("a mapped file moves", "[io]") {
  static_assert(!std::is_copy_constructible_v<lowp::mapped_file> && !std::is_copy_assignable_v<lowp::mapped_file>);
  const temporary_directory directory;
  write_file(directory / "a", "first");
  write_file(directory / "b", "second");
  for (const auto access : {lowp::file_access::map, lowp::file_access::copy}) {
    lowp::mapped_file a(directory / "a", access);
    const std::byte* const where = a.bytes().data();
    lowp::mapped_file moved(std::move(a));
    CHECK(moved.bytes().data() == where);
    lowp::mapped_file b(directory / "b", access);
    b = std::move(moved);
    CHECK(text(b.bytes()) == "first");
    auto& same = b;
    b = std::move(same);
    CHECK(text(b.bytes()) == "first");
  }
}

TEST_CASE("what is no readable regular file is an error that names it", "[io]") {
  const temporary_directory directory;
  const std::string pipe = directory / "pipe";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  for (const auto access : {lowp::file_access::map, lowp::file_access::copy}) {
    const std::string missing = error_message([&] { lowp::mapped_file(directory / "missing", access); });
    CHECK(contains(missing, "cannot open '" + (directory / "missing") + "': No such file or directory"));
    CHECK(contains(error_message([&] { lowp::mapped_file(directory / "", access); }), "not a regular file"));
    CHECK(contains(error_message([&] { lowp::mapped_file("/dev/zero", access); }), "cannot read '/dev/zero': it is not a regular file"));
    CHECK(contains(error_message([&] { lowp::mapped_file(pipe, access); }), "not a regular file"));
    CHECK(contains(error_message([&] { lowp::mapped_file("", access); }), "No such file or directory"));
  }
}

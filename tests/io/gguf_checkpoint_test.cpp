#include "error_message.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/checkpoint.hpp>
#include <lowp/io/gguf.hpp>
#include <lowp_test.hpp>

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace {

std::string part(int number) { return "m-0000" + std::to_string(number) + "-of-00003.gguf"; }

// File `number` of three with one tensor, of which the metadata may say something else.
void write_part(const temporary_directory& folder, int number, std::uint16_t no, std::uint16_t count, const std::string& tensor,
                std::int32_t tensors = 3) {
  lowp::gguf_writer writer(folder / part(number));
  writer.metadata("split.no", no);
  writer.metadata("split.count", count);
  writer.metadata("split.tensors.count", tensors);
  writer.declare(tensor, lowp::ggml_type::f32, {2});
  const std::vector<float> values{static_cast<float>(number), 0.5f};
  writer.write(tensor, std::as_bytes(std::span(values)));
  writer.commit();
}

void write_three(const temporary_directory& folder) {
  for (int i = 0; i < 3; ++i) write_part(folder, i + 1, static_cast<std::uint16_t>(i), 3, std::string(1, static_cast<char>('a' + i)));
}

std::string message_of(const temporary_directory& folder, int number = 1) {
  return error_message([&] { lowp::gguf_checkpoint(folder / part(number)); });
}

}  // namespace

TEST_CASE("GGUF in several files is one model", "[io]") {
  const temporary_directory folder;
  write_three(folder);
  const lowp::gguf_checkpoint model(folder / part(1));
  CHECK(model.file_count() == 3);
  REQUIRE(model.tensors().size() == 3);
  CHECK(model.at("c").read_f32()[0] == 3.0f);
  CHECK(model.find("d") == nullptr);
  CHECK(contains(error_message([&] { model.at("d"); }), "there is no tensor 'd'"));
  // Of a folder the first file is taken.
  CHECK(lowp::open_checkpoint(folder / "").read_f32("b")[0] == 2.0f);
}

TEST_CASE("GGUF files that do not belong together are refused", "[io]") {
  const temporary_directory folder;
  write_three(folder);
  CHECK(contains(message_of(folder, 2), "not the first of 3 files"));
  write_part(folder, 2, 2, 3, "b");
  CHECK(contains(message_of(folder), "not file 2 of 3"));
  write_part(folder, 2, 1, 4, "b");
  CHECK(contains(message_of(folder), "not file 2 of 3"));
  write_part(folder, 2, 1, 3, "a");
  CHECK(contains(message_of(folder), "tensor 'a' is in two files"));
  write_part(folder, 2, 1, 3, "b");
  write_part(folder, 1, 0, 3, "a", 4);
  CHECK(contains(message_of(folder), "3 tensors, where 4 are announced"));
  write_part(folder, 1, 0, 65535, "a");
  CHECK(contains(message_of(folder), "65535 files, where 4096 are the limit"));
  write_part(folder, 1, 0, 3, "a");
  std::filesystem::remove(folder / part(3));
  CHECK(contains(message_of(folder), "No such file"));
  std::filesystem::copy_file(folder / part(1), folder / "renamed.gguf");
  CHECK(contains(error_message([&] { lowp::gguf_checkpoint(folder / "renamed.gguf"); }), "whose name ends in -00001-of-00003.gguf"));
}

#include "error_message.hpp"
#include "gguf_corpus.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/gguf.hpp>
#include <lowp_test.hpp>

#include <array>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using shape = std::vector<std::uint64_t>;

std::span<const std::byte> bytes(const std::string& text) { return gguf_corpus::bytes(text); }

std::string read(const lowp::gguf_file& file, const char* name) {
  const auto b = file.bytes(name);
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

// All of a file but the layout of its bytes.
std::string description(const lowp::gguf_value& value) {
  std::string text = std::string(lowp::gguf_type_name(value.type())) + " ";
  if (value.type() == lowp::gguf_type::string) return text.append(value.string());
  if (value.type() == lowp::gguf_type::array) {
    text.append(lowp::gguf_type_name(value.element_type())).append("[");
    value.for_each([&](const lowp::gguf_value& element) { text.append(description(element)).append(","); });
    return text + "]";
  }
  for (const std::byte b : value.scalar_bytes()) text += std::to_string(std::to_integer<int>(b)) + ".";
  return text;
}

std::string description(const lowp::gguf_header& header, std::span<const std::byte> file) {
  std::string text;
  for (const auto& value : header.metadata) text.append(value.key()).append("=").append(description(value)).append("\n");
  for (const auto& tensor : header.tensors) {
    text.append(tensor.name).append(" ").append(lowp::ggml_type_name(tensor.type));
    for (const auto d : tensor.shape()) text.append(" ").append(std::to_string(d));
    if (tensor.size_bytes() != 0) {
      const auto data = file.subspan(header.data_begin + tensor.begin, tensor.size_bytes());
      text.append(" ").append(reinterpret_cast<const char*>(data.data()), data.size());
    }
    text += "\n";
  }
  return text;
}

}  // namespace

TEST_CASE("GGUF: what is written is read back", "[io]") {
  const temporary_directory directory;
  const std::string path = directory / "a.gguf";
  const float numbers[] = {0.5f, -1.25f, 3.0f};
  lowp::gguf_writer writer(path);
  writer.alignment(64);
  writer.metadata("text", "\xc3\xa9\n");
  writer.metadata("empty", std::string());
  writer.metadata("yes", true);
  writer.metadata("u8", std::uint8_t{200});
  writer.metadata("i8", std::int8_t{-100});
  writer.metadata("u16", std::uint16_t{60000});
  writer.metadata("i16", std::int16_t{-30000});
  writer.metadata("u32", std::uint32_t{4000000000});
  writer.metadata("i32", std::int32_t{-2000000000});
  writer.metadata("u64", std::numeric_limits<std::uint64_t>::max());
  writer.metadata("i64", std::numeric_limits<std::int64_t>::min());
  writer.metadata("f32", 0.1f);
  writer.metadata("f64", 0.1);
  writer.metadata("words", std::vector<std::string>{"a", "", "b"});
  writer.metadata("flags", std::vector<bool>{true, false});
  writer.metadata("numbers", std::span(numbers));
  writer.metadata("nested", std::vector<std::array<std::vector<std::int16_t>, 2>>{{{{1, 2}, {}}}, {{{}, {-3}}}});
  writer.declare("w", lowp::ggml_type::f32, {1, 3});
  writer.declare("none", lowp::ggml_type::f32, {0, 3});
  writer.declare("blocks", lowp::ggml_type::q4_0, {2, 32});
  writer.declare("last", lowp::ggml_type::i8, {});
  writer.write("w", std::as_bytes(std::span(numbers)).first(5));
  writer.write("w", {});
  writer.write("w", std::as_bytes(std::span(numbers)).subspan(5));
  writer.write("blocks", bytes(std::string(36, 'b')));
  writer.write("last", bytes("x"));
  CHECK(directory.files() == 1u);
  writer.commit();
  CHECK(directory.files() == 1u);
  CHECK(writer.size_bytes() == std::filesystem::file_size(path));
  CHECK(writer.size_bytes() % 64 == 0u);

  for (const auto access : {lowp::file_access::map, lowp::file_access::copy}) {
    const lowp::gguf_file opened(path, access);
    lowp::gguf_file moved_from(path, access);
    const lowp::gguf_file moved = std::move(moved_from);
    for (const lowp::gguf_file* file : {&opened, &moved}) {
      CHECK(file->version() == 3u);
      CHECK(file->alignment() == 64u);
      REQUIRE(file->metadata().size() == 18u);
      CHECK(file->metadata()[1].key() == "text");
      CHECK(file->metadata_at("text").string() == "\xc3\xa9\n");
      CHECK(file->metadata_at("empty").string().empty());
      CHECK(file->metadata_at("yes").boolean());
      CHECK(file->metadata_at("u8").unsigned_integer() == 200u);
      CHECK(file->metadata_at("i8").signed_integer() == -100);
      CHECK(file->metadata_at("u16").signed_integer() == 60000);
      CHECK(file->metadata_at("i16").number() == -30000.0);
      CHECK(file->metadata_at("u32").unsigned_integer() == 4000000000u);
      CHECK(file->metadata_at("i32").signed_integer() == -2000000000);
      CHECK(file->metadata_at("u64").unsigned_integer() == std::numeric_limits<std::uint64_t>::max());
      CHECK(file->metadata_at("u64").number() == 0x1p64);
      CHECK(file->metadata_at("i64").signed_integer() == std::numeric_limits<std::int64_t>::min());
      CHECK(file->metadata_at("f32").number() == static_cast<double>(0.1f));
      CHECK(file->metadata_at("f64").number() == 0.1);
      CHECK(file->metadata_at("words").size() == 3u);
      CHECK(file->metadata_at("words").element_type() == lowp::gguf_type::string);
      CHECK(description(file->metadata_at("flags")) == "array boolean[boolean 1.,boolean 0.,]");
      CHECK(description(file->metadata_at("nested")) ==
            "array array[array array[array int16[int16 1.0.,int16 2.0.,],array int16[],],array array[array int16[],array int16[int16 "
            "253.255.,],],]");
      REQUIRE(file->tensors().size() == 4u);
      CHECK(file->at("w").shape() == shape{1, 3});
      CHECK(file->at("w").dims[0] == 3u);
      CHECK(file->read_f32("w") == std::vector<float>{0.5f, -1.25f, 3.0f});
      CHECK(file->read_f32("none").empty());
      CHECK(read(*file, "blocks") == std::string(36, 'b'));
      CHECK(file->at("blocks").begin == 64u);
      CHECK(file->at("last").shape().empty());
      CHECK(file->read_f32("last") == std::vector<float>{120.0f});
      CHECK(file->find("no such tensor") == nullptr);
    }
  }
  const lowp::gguf_file file(path);
  CHECK(contains(error_message([&] { file.at("no"); }), "a.gguf: there is no tensor 'no'"));
  CHECK(contains(error_message([&] { file.metadata_at("no"); }), "a.gguf: there is no metadata 'no'"));
  CHECK(contains(error_message([&] { file.read_f32("blocks"); }), "'blocks' holds Q4_0 blocks"));
  CHECK(contains(error_message([&] { file.metadata_at("f32").signed_integer(); }), "'f32' is of type float32, not an integer"));
  CHECK(contains(error_message([&] { file.metadata_at("f32").string(); }), "'f32' is of type float32, not string"));
  CHECK(contains(error_message([&] { file.metadata_at("text").number(); }), "'text' is of type string"));
  CHECK(contains(error_message([&] { file.metadata_at("text").size(); }), "'text' is of type string, not array"));
  CHECK(contains(error_message([&] { file.metadata_at("i8").unsigned_integer(); }), "-100 is negative"));
  CHECK(contains(error_message([&] { file.metadata_at("u64").signed_integer(); }), "more than 63 bits"));
  CHECK(contains(error_message([&] { file.metadata_at("u8").boolean(); }), "not boolean"));
  lowp::gguf_tensor other = file.at("last");
  other.end += 1;
  CHECK(contains(error_message([&] { file.bytes(other); }), "is not of this file"));
}

TEST_CASE("GGUF: a copy says the same as the file, whatever its version", "[io]") {
  const temporary_directory directory;
  for (const auto& sample : gguf_corpus::valid()) {
    INFO(sample.name);
    const auto header = lowp::read_gguf_header(bytes(sample.bytes), "f");
    if (header.find("") != nullptr || sample.name == "longest name") continue;  // names that are not written
    const std::string path = directory / "copy.gguf";
    lowp::gguf_writer writer(path);
    for (const auto& value : header.metadata) writer.metadata(value);
    for (const auto& tensor : header.tensors) writer.declare(std::string(tensor.name), tensor.type, tensor.shape());
    for (const auto& tensor : header.tensors) {
      if (tensor.size_bytes() != 0)
        writer.write(tensor.name, bytes(sample.bytes).subspan(header.data_begin + tensor.begin, tensor.size_bytes()));
    }
    writer.commit();
    const std::string copy = file_contents(path);
    CHECK(description(lowp::read_gguf_header(bytes(copy)), bytes(copy)) == description(header, bytes(sample.bytes)));
  }
}

TEST_CASE("GGUF: mistakes in writing are errors, and nothing is left", "[io]") {
  const temporary_directory directory;
  const auto message = [&](auto f) {
    const std::string text = error_message([&] {
      lowp::gguf_writer writer(directory / "a");
      writer.declare("a", lowp::ggml_type::i8, {2});
      writer.declare("b", lowp::ggml_type::i8, {2});
      f(writer);
    });
    CHECK(directory.files() == 0u);
    return text;
  };
  using writer = lowp::gguf_writer&;
  CHECK(contains(message([](writer w) { w.commit(); }), "'a' is incomplete: 0 of 2 bytes"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("xy"));
                   w.write("b", bytes("x"));
                   w.commit();
                 }),
                 "'b' is incomplete: 1 of 2 bytes"));
  CHECK(contains(message([](writer w) { w.write("b", bytes("xy")); }), "'b' is written before 'a' is complete: 0 of 2 bytes"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("xy"));
                   w.write("b", bytes("xyz"));
                 }),
                 "'b' takes 2 bytes; 3 more after 0 are too many"));
  CHECK(contains(message([](writer w) { w.write("c", bytes("x")); }), "'c' is written before 'a' is complete"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("x"));
                   w.metadata("k", 1);
                 }),
                 "the header is already written"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("x"));
                   w.declare("c", lowp::ggml_type::i8, {});
                 }),
                 "the header is already written"));
  CHECK(contains(message([](writer w) { w.alignment(64); }), "the alignment is set before tensors are declared"));
  CHECK(contains(message([](writer w) { w.metadata("general.alignment", 64); }), "set by alignment()"));
  CHECK(contains(message([](writer w) {
                   w.declare("a", lowp::ggml_type::i8, {1});
                   w.commit();
                 }),
                 "tensor 'a' is defined twice"));
  CHECK(contains(message([](writer w) {
                   w.metadata("k", 1);
                   w.metadata("k", "2");
                   w.commit();
                 }),
                 "metadata key 'k' is defined twice"));
  CHECK(contains(message([](writer w) {
                   w.metadata("", 1);
                   w.commit();
                 }),
                 "a metadata key of 0 bytes"));
  CHECK(contains(message([](writer w) { w.declare(std::string(64, 'n'), lowp::ggml_type::i8, {1}); }), "a name of 64 bytes, where 63"));
  CHECK(contains(message([](writer w) {
                   w.declare("c", lowp::ggml_type::i8, shape(5, 1));
                   w.commit();
                 }),
                 "5 dimensions, where 4 are the limit"));
  CHECK(contains(message([](writer w) {
                   w.declare("c", lowp::ggml_type::q4_0, {2, 16});
                 }),
                 "'c': a shape that has no size in bytes as Q4_0"));
  CHECK(contains(message([](writer w) { w.declare("c", lowp::ggml_type{99}, {2}); }), "no size in bytes as ?"));
  CHECK(contains(message([](writer w) { w.declare("c", lowp::ggml_type::f64, {std::uint64_t{1} << 61}); }), "no size in bytes as F64"));
  CHECK(contains(message([](writer w) { w.declare("c", lowp::ggml_type::i8, {~std::uint64_t{0}}); }), "no size in bytes"));
  using depth2 = std::vector<std::vector<int>>;
  using depth5 = std::vector<std::vector<std::vector<depth2>>>;
  CHECK(contains(message([](writer w) {
                   w.metadata("k", depth5{{{depth2{{1}}}}});
                   w.commit();
                 }),
                 "nested deeper than 4"));
  for (const std::uint32_t wrong : {0u, 3u, 131072u}) {
    CHECK(contains(error_message([&] { lowp::gguf_writer(directory / "a").alignment(wrong); }), "powers of two up to 65536"));
  }
  CHECK(directory.files() == 0u);
}

TEST_CASE("GGUF: the table of types", "[io]") {
  for (const auto& entry : lowp::ggml_type_table) {
    CHECK(lowp::find_ggml_type(static_cast<std::uint32_t>(entry.type)) == &entry);
    CHECK(lowp::ggml_type_name(entry.type) == entry.name);
    CHECK(lowp::ggml_bytes(entry.type, 3u * entry.block_elements) == 3u * entry.block_bytes);
    CHECK((entry.block_elements == 1) == lowp::ggml_bytes(entry.type, entry.block_elements + 1u).has_value());
    if (const auto plain = lowp::plain_dtype(entry.type)) CHECK(lowp::dtype_bits(*plain) == 8 * entry.block_bytes);
  }
  CHECK(std::size(lowp::ggml_type_table) == 35u);
  CHECK(lowp::find_ggml_type(43) == nullptr);
}

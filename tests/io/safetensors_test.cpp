#include "error_message.hpp"
#include "safetensors_corpus.hpp"
#include "temporary_directory.hpp"

#include <lowp/io.hpp>
#include <lowp_test.hpp>

#include <sys/resource.h>

#include <bit>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace {

using shape = std::vector<std::uint64_t>;

std::span<const std::byte> bytes(const std::string& text) { return safetensors_corpus::bytes(text); }

std::string read(const lowp::safetensors_file& file, const char* name) {
  const auto b = file.bytes(name);
  return {reinterpret_cast<const char*>(b.data()), b.size()};
}

}  // namespace

TEST_CASE("the example model is read", "[io]") {
  const lowp::safetensors_file file(LOWP_EXAMPLE_DATA "/tinylm.safetensors");
  CHECK(file.tensors().size() == 57u);
  std::uint64_t elements = 0;
  for (const auto& tensor : file.tensors()) {
    CHECK(tensor.dtype == lowp::dtype::bf16);
    elements += tensor.elements();
    CHECK(file.read_f32(tensor).size() == tensor.elements());
  }
  CHECK(elements == 4'852'992u);
  CHECK(file.at("model.layers.5.self_attn.v_proj.weight").shape == shape{128, 256});
  REQUIRE(file.find_metadata("format") != nullptr);
  CHECK(*file.find_metadata("format") == "pt");
  CHECK(file.find_metadata("other") == nullptr);
  CHECK(file.find("no such tensor") == nullptr);
  CHECK(contains(error_message([&] { file.at("no such tensor"); }), "tinylm.safetensors: there is no tensor 'no such tensor'"));

  const lowp::safetensors_file copy(LOWP_EXAMPLE_DATA "/tinylm.safetensors", lowp::file_access::copy);
  CHECK(copy.read_f32("lm_head.weight") == file.read_f32("lm_head.weight"));
}

TEST_CASE("what is written is read back", "[io]") {
  const temporary_directory directory;
  const std::string path = directory / "a.safetensors";
  const std::string odd = "\x01\x02\x03";
  lowp::safetensors_writer writer(path);
  writer.metadata("format", "pt");
  writer.metadata("quote \" slash \\ line \n tab \t null", std::string("\0\x1f \xc3\xa9", 5));
  writer.declare("z", lowp::dtype::u8, {3});
  writer.declare("empty", lowp::dtype::f64, {4, 0, 2});
  writer.declare("a \" \\ \n \xf0\x9f\x98\x80", lowp::dtype::i8, {});
  writer.declare("nibbles", lowp::dtype::f4, {2, 3});
  writer.declare("last", lowp::dtype::bf16, {1, 2});
  writer.write("z", bytes(odd).first(1));
  writer.write("z", {});
  writer.write("z", bytes(odd).subspan(1));
  writer.write("a \" \\ \n \xf0\x9f\x98\x80", bytes("s"));
  writer.write("nibbles", bytes("abc"));
  writer.write("last", bytes("wxyz"));
  CHECK(directory.files() == 1u);
  writer.commit();
  CHECK(directory.files() == 1u);
  CHECK(writer.size_bytes() == std::filesystem::file_size(path));

  const lowp::safetensors_file file(path);
  REQUIRE(file.tensors().size() == 5u);
  CHECK(file.tensors()[0].name == "z");
  CHECK(file.tensors()[4].name == "last");
  CHECK(read(file, "z") == odd);
  CHECK(read(file, "empty").empty());
  CHECK(file.at("empty").shape == shape{4, 0, 2});
  CHECK(read(file, "a \" \\ \n \xf0\x9f\x98\x80") == "s");
  CHECK(file.at("a \" \\ \n \xf0\x9f\x98\x80").shape.empty());
  CHECK(read(file, "nibbles") == "abc");
  CHECK(file.at("nibbles").dtype == lowp::dtype::f4);
  CHECK(read(file, "last") == "wxyz");
  CHECK(file.metadata().size() == 2u);
  CHECK(*file.find_metadata("quote \" slash \\ line \n tab \t null") == std::string("\0\x1f \xc3\xa9", 5));
  const std::string raw = file_contents(path);
  CHECK((static_cast<unsigned char>(raw[0]) % 8) == 0);
}

TEST_CASE("every shape and dtype goes through", "[io]") {
  const temporary_directory directory;
  for (const auto& entry : lowp::dtype_table) {
    const std::string path = directory / "a.safetensors";
    lowp::safetensors_writer writer(path);
    writer.declare("w", entry.type, {8, 3});
    writer.write("w", bytes(std::string(3 * entry.bits, 'x')));
    writer.commit();
    const lowp::safetensors_file file(path);
    CHECK(file.at("w").dtype == entry.type);
    CHECK(file.at("w").size_bytes() == 3 * entry.bits);
  }
}

TEST_CASE("files without tensors are written and read", "[io]") {
  const temporary_directory directory;
  lowp::safetensors_writer(directory / "a").commit();
  CHECK(lowp::safetensors_file(directory / "a").tensors().empty());
  lowp::safetensors_writer writer(directory / "b");
  writer.metadata("k", "v");
  writer.commit();
  CHECK(*lowp::safetensors_file(directory / "b").find_metadata("k") == "v");
}

TEST_CASE("floats are read exactly, also at odd addresses", "[io]") {
  const temporary_directory directory;
  const std::string path = directory / "a.safetensors";
  std::string halves;
  for (int code = 0; code != 65536; ++code) halves.append(1, static_cast<char>(code & 0xff)).append(1, static_cast<char>(code >> 8));
  const float singles[] = {0.0f, -0.0f, 1.5f, 1e-45f, std::numeric_limits<float>::max(), std::numeric_limits<float>::infinity()};
  lowp::safetensors_writer writer(path);
  writer.declare("pad", lowp::dtype::u8, {1});
  writer.declare("f16", lowp::dtype::f16, {256, 256});
  writer.declare("bf16", lowp::dtype::bf16, {65536});
  writer.declare("f32", lowp::dtype::f32, {6});
  writer.declare("u8", lowp::dtype::u8, {1});
  writer.declare("none", lowp::dtype::f32, {0});
  writer.write("pad", bytes("p"));
  writer.write("f16", bytes(halves));
  writer.write("bf16", bytes(halves));
  std::string little;
  for (const float x : singles) {
    for (int i = 0; i != 4; ++i) little += static_cast<char>(std::bit_cast<std::uint32_t>(x) >> (8 * i) & 0xff);
  }
  writer.write("f32", bytes(little));
  writer.write("u8", bytes("u"));
  writer.commit();

  const lowp::safetensors_file file(path);
  const auto f16 = file.read_f32("f16");
  const auto bf16 = file.read_f32("bf16");
  std::size_t wrong = 0;
  for (std::uint32_t code = 0; code != 65536; ++code) {
    const auto sign = static_cast<std::uint32_t>(code >> 15 << 31);
    const std::uint32_t exponent = code >> 10 & 31, mantissa = code & 1023;
    // The definition of binary16: subnormals are multiples of 2^-24.
    const float magnitude =
        exponent == 0 ? static_cast<float>(mantissa) * 0x1p-24f : std::bit_cast<float>((exponent + 112) << 23 | mantissa << 13);
    const auto expected = exponent == 31 ? (sign | 0x7f800000u | mantissa << 13) : (std::bit_cast<std::uint32_t>(magnitude) | sign);
    const bool nan = exponent == 31 && mantissa != 0;
    wrong += nan ? f16[code] == f16[code] : std::bit_cast<std::uint32_t>(f16[code]) != expected;
    wrong += std::bit_cast<std::uint32_t>(bf16[code]) != code << 16;
  }
  CHECK(wrong == 0u);
  const auto f32 = file.read_f32("f32");
  REQUIRE(f32.size() == 6u);
  CHECK(std::memcmp(f32.data(), singles, sizeof singles) == 0);
  CHECK(file.read_f32("none").empty());

  CHECK(file.read_f32("u8") == std::vector<float>{117.0f});
  std::vector<float> few(5, 7.0f);
  CHECK(contains(error_message([&] { file.read_f32(file.at("f32"), few); }), "has 6 elements, but there is room for 5"));
  CHECK(few == std::vector<float>(5, 7.0f));
}

TEST_CASE("a tensor of another file is refused", "[io]") {
  const temporary_directory directory;
  write_file(directory / "a", safetensors_corpus::one("U8", "4", "0,4", 4));
  const lowp::safetensors_file file(directory / "a");
  lowp::tensor_info other = file.at("a");
  other.end = 5;
  CHECK(contains(error_message([&] { file.bytes(other); }), "is not of this file"));
  other.begin = 5;
  other.end = 4;
  CHECK(contains(error_message([&] { file.bytes(other); }), "is not of this file"));
  // A shape that is larger than its bytes never reads beyond them.
  lowp::tensor_info longer{"a", lowp::dtype::f32, {1000}, 0, 4};
  std::vector<float> room(1000);
  CHECK_FALSE(error_message([&] { file.read_f32(longer, room); }).empty());
  CHECK_FALSE(error_message([&] { file.read_f32(longer); }).empty());
  write_file(directory / "c", safetensors_corpus::one("C64", "1", "0,8", 8));
  CHECK(contains(error_message([&] { lowp::safetensors_file(directory / "c").read_f32("a"); }), "'a' holds C64, which are no real numbers"));
}

TEST_CASE("an opened file moves", "[io]") {
  lowp::safetensors_file file(LOWP_EXAMPLE_DATA "/reference.safetensors");
  lowp::safetensors_file moved = std::move(file);
  CHECK(moved.at("tokens").dtype == lowp::dtype::u8);
  CHECK(moved.at("logits").shape == shape{2, 64, 256});
}

TEST_CASE("mistakes in writing are errors, and nothing is left", "[io]") {
  const temporary_directory directory;
  const std::string path = directory / "a";
  const auto message = [&](auto f) {
    const std::string text = error_message([&] {
      lowp::safetensors_writer writer(path);
      writer.declare("a", lowp::dtype::u8, {2});
      writer.declare("b", lowp::dtype::u8, {2});
      f(writer);
    });
    CHECK(directory.files() == 0u);
    return text;
  };
  using writer = lowp::safetensors_writer&;
  CHECK(contains(message([](writer w) { w.commit(); }), "'a' is incomplete: 0 of 2 bytes"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("x"));
                   w.commit();
                 }),
                 "'a' is incomplete: 1 of 2 bytes"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("xy"));
                   w.commit();
                 }),
                 "'b' is incomplete: 0 of 2 bytes"));
  CHECK(contains(message([](writer w) { w.write("a", bytes("xyz")); }), "takes 2 bytes; 3 more after 0 are too many"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("x"));
                   w.write("a", bytes("yz"));
                 }),
                 "2 more after 1 are too many"));
  CHECK(contains(message([](writer w) { w.write("b", bytes("xy")); }), "'b' is written before 'a' is complete: 0 of 2 bytes"));
  CHECK(contains(message([](writer w) { w.write("c", bytes("x")); }), "'c' is written before 'a' is complete"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("xy"));
                   w.write("b", bytes("xy"));
                   w.write("a", bytes("x"));
                 }),
                 "'a' was not declared, or is written out of order"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("x"));
                   w.declare("c", lowp::dtype::u8, {});
                 }),
                 "the header is already written"));
  CHECK(contains(message([](writer w) {
                   w.write("a", bytes("x"));
                   w.metadata("k", "v");
                 }),
                 "the header is already written"));
  // The same rules as for reading.
  CHECK(contains(message([](writer w) {
                   w.declare("a", lowp::dtype::u8, {1});
                   w.commit();
                 }),
                 "'a' is defined twice"));
  CHECK(contains(message([](writer w) {
                   w.declare("\xff", lowp::dtype::u8, {1});
                   w.commit();
                 }),
                 "invalid JSON"));
  CHECK(contains(message([](writer w) {
                   w.declare("__metadata__", lowp::dtype::u8, {1});
                   w.commit();
                 }),
                 "__metadata__"));
  CHECK(contains(message([](writer w) {
                   w.declare(std::string(65537, 'n'), lowp::dtype::u8, {1});
                   w.commit();
                 }),
                 "65537 bytes"));
  CHECK(contains(message([](writer w) {
                   w.declare("c", lowp::dtype::u8, shape(9, 1));
                   w.commit();
                 }),
                 "more than 8 dimensions"));
  CHECK(contains(message([](writer w) {
                   w.metadata("k", "v");
                   w.metadata("k", "v");
                   w.commit();
                 }),
                 "metadata key 'k' is defined twice"));
  CHECK(contains(message([](writer w) {
                   w.metadata("k", "\xc0\x80");
                   w.commit();
                 }),
                 "invalid JSON"));
  CHECK(contains(message([](writer w) {
                   w.metadata("k", std::string(100'000'000, 'v'));
                   w.commit();
                 }),
                 "where 100000000 are the limit"));
  // Shapes that have no size.
  CHECK(contains(message([](writer w) { w.declare("c", lowp::dtype::f4, {3}); }), "'c': a shape that has no size in bytes as F4"));
  CHECK(contains(message([](writer w) { w.declare("c", lowp::dtype::u8, {std::uint64_t{1} << 63, 2}); }), "no size in bytes as U8"));
  CHECK(contains(message([](writer w) { w.declare("c", lowp::dtype::u64, {std::uint64_t{1} << 61}); }), "no size in bytes as U64"));
  CHECK(contains(message([](writer w) { w.declare("c", lowp::dtype::u8, {~std::uint64_t{0}}); }), "no size in bytes"));
}

TEST_CASE("a full disk leaves no half-written model", "[io]") {
  const temporary_directory directory;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  const rlimit small{100'000, before.rlim_max};
  ::setrlimit(RLIMIT_FSIZE, &small);
  const std::string message = error_message([&] {
    lowp::safetensors_writer writer(directory / "a");
    writer.declare("w", lowp::dtype::u8, {1'000'000});
    writer.write("w", bytes(std::string(1'000'000, 'x')));
    writer.commit();
  });
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  CHECK(contains(message, "File too large"));
  CHECK(directory.files() == 0u);
}

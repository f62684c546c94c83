#include "allocation_counter.hpp"
#include "corpus_checks.hpp"
#include "error_message.hpp"
#include "gguf_corpus.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/gguf.hpp>
#include <lowp_test.hpp>

#include <cstddef>
#include <string>

namespace {

using gguf_corpus::bytes;

// Touches everything that the header points at.
bool consistent(const lowp::gguf_header& header, const std::string& file) {
  std::size_t sum = 0;
  for (const auto& tensor : header.tensors) {
    if (tensor.end < tensor.begin || header.data_begin + tensor.end > file.size() + (tensor.size_bytes() == 0 ? header.alignment : 0))
      return false;
    if (tensor.size_bytes() != lowp::ggml_bytes(tensor.type, tensor.elements())) return false;
    if (header.find(tensor.name) != &tensor || tensor.shape().size() != tensor.dimensions) return false;
  }
  const auto touch = [&](auto self, const lowp::gguf_value& value) -> void {
    for (const char c : value.key()) sum += static_cast<unsigned char>(c);
    if (value.type() == lowp::gguf_type::array) value.for_each([&](const lowp::gguf_value& element) { self(self, element); });
    else if (value.type() == lowp::gguf_type::string) sum += value.string().size();
    else sum += value.scalar_bytes().size();
  };
  for (const auto& value : header.metadata) {
    if (header.find_metadata(value.key()) != &value) return false;
    touch(touch, value);
  }
  return sum != ~std::size_t{0};
}

// True if the file is valid; a bad file must give a message of its own, and nothing but lowp::error.
bool reads(const std::string& file) {
  bool ok = false;
  const std::string message = error_message([&] {
    const auto header = lowp::read_gguf_header(bytes(file), "f");
    ok = consistent(header, file);
    if (!ok) FAIL("a header that does not fit its file was accepted");
  });
  if (!ok && message.substr(0, 3) != "f: ") FAIL("no message that starts with the source: " + message);
  return ok;
}

}  // namespace

TEST_CASE("GGUF: valid files of every kind are read", "[io]") {
  for (const auto& sample : gguf_corpus::valid()) {
    INFO(sample.name);
    CHECK(reads(sample.bytes));
  }
}

TEST_CASE("GGUF: each malformed file gives its own error", "[io]") {
  const auto samples = gguf_corpus::malformed();
  CHECK(samples.size() >= 80u);
  check_messages(samples, [](const std::string& file) { lowp::read_gguf_header(bytes(file), "f"); });
}

TEST_CASE("GGUF: every truncation of a valid file is an error, or loses nothing but padding", "[io]") {
  for (const auto& sample : gguf_corpus::valid()) {
    if (sample.bytes.size() > 10'000) continue;
    INFO(sample.name);
    const auto header = lowp::read_gguf_header(bytes(sample.bytes), "f");
    // Where nothing but padding follows: after the last tensor, or after the header where there are no data.
    std::size_t accepted = 0;
    std::size_t padding = 0;
    for (std::size_t length = 0; length != sample.bytes.size(); ++length) {
      const std::string shorter(sample.bytes.data(), length);  // a block of its own, for the address sanitizer
      accepted += reads(shorter);
      padding += header.data_size == 0 ? length + 32 > sample.bytes.size() : length >= header.data_begin + header.data_size;
    }
    CHECK(accepted <= padding);
  }
}

TEST_CASE("GGUF: every flipped bit of a valid file is an error or another valid file", "[io]") {
  for (const auto& sample : gguf_corpus::valid()) {
    if (sample.bytes.size() > 10'000) continue;
    INFO(sample.name);
    std::string file = sample.bytes;
    std::size_t refused = 0;
    for (std::size_t bit = 0; bit != 8 * file.size(); ++bit) {
      const char before = file[bit / 8];
      file[bit / 8] = static_cast<char>(before ^ (1 << bit % 8));
      const std::size_t peak = allocation_counter::peak_of([&] { refused += !reads(file); });
      if (peak > 2 * file.size() + (std::size_t{1} << 20)) FAIL("too much memory");
      file[bit / 8] = before;
    }
    CHECK(refused >= 32u);  // each bit of the magic at least
  }
}

TEST_CASE("GGUF: every byte of a small valid file takes every value", "[io]") {
  std::string file =
      gguf_corpus::file({gguf_corpus::value("k", 9, gguf_corpus::array(8, 2, gguf_corpus::text("a") + gguf_corpus::text(""))),
                         gguf_corpus::value("general.alignment", 4, gguf_corpus::u32(16))},
                        {gguf_corpus::tensor("a", {2, 1}, 0, 0), gguf_corpus::tensor("b", {32}, 8, 16)}, 50, 16);
  for (std::size_t i = 0; i != file.size(); ++i) {
    const char before = file[i];
    for (int value = 0; value != 256; ++value) {
      file[i] = static_cast<char>(value);
      reads(file);
    }
    file[i] = before;
  }
  CHECK(reads(file));
}

TEST_CASE("GGUF: peak memory stays within twice the file and 1 MiB", "[io]") {
  auto samples = gguf_corpus::malformed();
  for (auto& sample : gguf_corpus::valid()) samples.push_back(std::move(sample));
  std::vector<std::string> many;
  for (std::size_t i = 0; i != 20'000; ++i) many.push_back(gguf_corpus::tensor(std::to_string(i), {0}, 0, 0));
  samples.push_back({"many empty tensors", gguf_corpus::file({}, many), ""});
  many.clear();
  for (std::size_t i = 0; i != 15'000; ++i) many.push_back(gguf_corpus::value(std::to_string(i), 0, "x"));
  samples.push_back({"many small values", gguf_corpus::file(many, {}), ""});
  std::string words;
  for (std::size_t i = 0; i != 200'000; ++i) words += gguf_corpus::text("word");
  samples.push_back({"many words", gguf_corpus::with_value(9, gguf_corpus::array(8, 200'000, words)), ""});
  for (const auto& sample : samples) {
    bool read = true;
    const std::size_t peak = allocation_counter::peak_of([&] {
      try {
        lowp::read_gguf_header(bytes(sample.bytes), "f");
      } catch (const lowp::error&) {
        read = false;
      }
    });
    CAPTURE(sample.name, sample.bytes.size(), peak);
    CHECK(peak <= 2 * sample.bytes.size() + (std::size_t{1} << 20));
    CHECK(read == sample.message.empty());
  }
}

TEST_CASE("GGUF: a file on disk is refused with its path", "[io]") {
  const temporary_directory directory;
  write_file(directory / "text", "this is no model file");
  for (const auto access : {lowp::file_access::map, lowp::file_access::copy}) {
    CHECK(contains(error_message([&] { lowp::gguf_file(directory / "text", access); }), (directory / "text") + ": not a GGUF file"));
  }
}

#include "corpus_checks.hpp"
#include "error_message.hpp"
#include "safetensors_corpus.hpp"
#include "temporary_directory.hpp"

#include <lowp/io/safetensors.hpp>
#include <lowp_test.hpp>

#include <cstddef>
#include <string>

namespace {

using safetensors_corpus::bytes;

// A header that came through must describe the file: then every tensor can be read.
bool consistent(const lowp::safetensors_header& header, std::size_t file_bytes) {
  std::uint64_t covered = 0;
  for (const lowp::tensor_info& tensor : header.tensors) {
    if (tensor.begin != covered || tensor.end < tensor.begin) return false;
    if (tensor.elements() * lowp::dtype_bits(tensor.dtype) != 8 * tensor.size_bytes()) return false;
    if (header.find(tensor.name) != &tensor) return false;
    covered = tensor.end;
  }
  return header.data_begin + covered == file_bytes;
}

// True if the file is valid; a bad file must give a message of its own, and nothing but lowp::error.
bool reads(const std::string& file) {
  bool ok = false;
  const std::string message = error_message([&] {
    const auto header = lowp::read_safetensors_header(bytes(file), "f");
    ok = consistent(header, file.size());
    if (!ok) FAIL("a header that does not fit its file was accepted");
  });
  if (!ok && message.substr(0, 3) != "f: ") FAIL("no message that starts with the source: " + message);
  return ok;
}

}  // namespace

TEST_CASE("valid files of every kind are read", "[io]") {
  for (const auto& sample : safetensors_corpus::valid()) {
    INFO(sample.name);
    CHECK(reads(sample.bytes));
  }
}

TEST_CASE("each malformed file gives its own error", "[io]") {
  const auto samples = safetensors_corpus::malformed();
  CHECK(samples.size() >= 100u);
  check_messages(samples, [](const std::string& file) { lowp::read_safetensors_header(bytes(file), "f"); });
}

TEST_CASE("every truncation of a valid file is an error", "[io]") {
  for (const auto& sample : safetensors_corpus::valid()) {
    if (sample.bytes.size() > 10'000) continue;
    INFO(sample.name);
    std::size_t accepted = 0;
    for (std::size_t length = 0; length != sample.bytes.size(); ++length) {
      // From a block of its own, so that reading one byte too far is seen by the address sanitizer.
      const std::string shorter(sample.bytes.data(), length);
      accepted += reads(shorter);
    }
    CHECK(accepted == 0u);
  }
}

TEST_CASE("every flipped bit of a valid file is an error or another valid file", "[io]") {
  for (const auto& sample : safetensors_corpus::valid()) {
    if (sample.bytes.size() > 10'000) continue;
    INFO(sample.name);
    std::string file = sample.bytes;
    std::size_t refused = 0;
    for (std::size_t bit = 0; bit != 8 * file.size(); ++bit) {
      const char before = file[bit / 8];
      file[bit / 8] = static_cast<char>(before ^ (1 << bit % 8));
      refused += !reads(file);
      file[bit / 8] = before;
    }
    CHECK(refused >= 64u);  // each bit of the length at least
  }
}

TEST_CASE("every byte of a small valid file takes every value", "[io]") {
  std::string file =
      safetensors_corpus::file("{\"__metadata__\":{\"k\":\"v\"}," + safetensors_corpus::tensor("a", "F16", "2,1", "0,4") + "}", 4);
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

TEST_CASE("every span of a small valid file can be cut out or doubled", "[io]") {
  const std::string json = "{\"__metadata__\":{\"k\":\"v\"}," + safetensors_corpus::tensor("a", "F16", "2,1", "0,4") + "}";
  for (std::size_t begin = 0; begin != json.size(); ++begin) {
    for (std::size_t end = begin + 1; end <= json.size(); ++end) {
      const std::string part = json.substr(begin, end - begin);
      reads(safetensors_corpus::file(json.substr(0, begin) + json.substr(end), 4));
      reads(safetensors_corpus::file(json.substr(0, end) + part + json.substr(end), 4));
    }
  }
  CHECK(reads(safetensors_corpus::file(json, 4)));
}

TEST_CASE("a file on disk is refused with its path", "[io]") {
  const temporary_directory directory;
  write_file(directory / "a.safetensors", safetensors_corpus::file("{]"));
  write_file(directory / "text", "this is no model file");
  for (const auto access : {lowp::file_access::map, lowp::file_access::copy}) {
    CHECK(contains(error_message([&] { lowp::safetensors_file(directory / "a.safetensors", access); }),
                   (directory / "a.safetensors") + ": byte 9: invalid JSON"));
    CHECK(contains(error_message([&] { lowp::safetensors_file(directory / "text", access); }),
                   (directory / "text") + ": not a safetensors file"));
  }
}

TEST_CASE("a name in a message is short and cannot drive a terminal", "[io]") {
  const std::string name = "\\u001b[2J\xc2\x9b" + std::string(500, 'n');
  const std::string file = safetensors_corpus::file(safetensors_corpus::object({safetensors_corpus::tensor(name, "U8", "1", "0,2")}), 2);
  const std::string message = error_message([&] { lowp::read_safetensors_header(bytes(file), "f"); });
  CHECK(contains(message, "'\\x1b[2J\\xc2\\x9bnnn"));
  CHECK(contains(message, "nnn...'"));
  for (const char c : message) CHECK((c >= 0x20 && c < 0x7f));
}

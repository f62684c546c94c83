// Peak memory of reading a file, also a hostile one: at most twice the file and 1 MiB.

#include "allocation_counter.hpp"
#include "safetensors_corpus.hpp"

#include <lowp/io/safetensors.hpp>
#include <lowp_test.hpp>

#include <cstdlib>
#include <new>
#include <string>
#include <utility>
#include <vector>

namespace {

// The size in front of each block, in the room that keeps the block aligned.
constexpr std::size_t header_bytes = alignof(std::max_align_t);

[[maybe_unused]] void* counted_allocation(std::size_t size) {
  void* block = std::malloc(size + header_bytes);
  if (block == nullptr) throw std::bad_alloc();
  *static_cast<std::size_t*>(block) = size;
  const std::size_t now = allocation_counter::current.fetch_add(size) + size;
  std::size_t peak = allocation_counter::peak;
  while (now > peak && !allocation_counter::peak.compare_exchange_weak(peak, now)) {
  }
  return static_cast<char*>(block) + header_bytes;
}

[[maybe_unused]] void counted_free(void* pointer) noexcept {
  if (pointer == nullptr) return;
  void* block = static_cast<char*>(pointer) - header_bytes;
  allocation_counter::current -= *static_cast<std::size_t*>(block);
  std::free(block);
}

}  // namespace

// The address sanitizer brings operators of its own, which cannot be mixed with these; under it nothing is counted.
#if !defined(__SANITIZE_ADDRESS__)
void* operator new(std::size_t size) { return counted_allocation(size); }
void* operator new[](std::size_t size) { return counted_allocation(size); }
void operator delete(void* pointer) noexcept { counted_free(pointer); }
void operator delete[](void* pointer) noexcept { counted_free(pointer); }
void operator delete(void* pointer, std::size_t) noexcept { counted_free(pointer); }
void operator delete[](void* pointer, std::size_t) noexcept { counted_free(pointer); }
#endif

namespace {

using safetensors_corpus::file;

struct outcome {
  std::size_t peak;
  std::string message;  // empty: the file was read
};

outcome read(const std::string& bytes) {
  outcome result{};
  result.peak = allocation_counter::peak_of([&] {
    try {
      lowp::read_safetensors_header(safetensors_corpus::bytes(bytes), "f");
    } catch (const lowp::error& e) {
      result.message = e.what();
    }
  });
  return result;
}

constexpr std::size_t mebibyte = std::size_t{1} << 20;

void check_peak(const std::string& name, const std::string& bytes, bool valid) {
  const outcome result = read(bytes);
  CAPTURE(name, bytes.size(), result.peak, result.message.substr(0, 200));
  CHECK(result.peak <= 2 * bytes.size() + mebibyte);
  CHECK(result.message.empty() == valid);
  CHECK(result.message.size() < 1000);
}

std::string many_tensors(std::size_t count, const std::string& shape, std::size_t bytes_each) {
  std::string json = "{";
  for (std::size_t i = 0; i != count; ++i) {
    json.append(i ? "," : "")
        .append(safetensors_corpus::tensor(std::to_string(i), "U8", shape,
                                           std::to_string(i * bytes_each) + "," + std::to_string((i + 1) * bytes_each)));
  }
  return file(json + "}", count * bytes_each);
}

}  // namespace

TEST_CASE("peak memory stays within twice the file and 1 MiB, for every malformed file", "[io]") {
  for (const auto& sample : safetensors_corpus::malformed()) check_peak(sample.name, sample.bytes, false);
  for (const auto& sample : safetensors_corpus::valid()) check_peak(sample.name, sample.bytes, true);
}

TEST_CASE("peak memory stays within twice the file and 1 MiB, for headers that ask for the most", "[io]") {
  check_peak("many empty tensors", many_tensors(200'000, "0", 0), true);
  check_peak("many tensors of eight dimensions", many_tensors(50'000, "1,1,1,1,1,1,1,1", 1), true);
  check_peak("many tensors", many_tensors(100'000, "16", 16), true);

  std::string metadata = "{\"__metadata__\":{";
  for (int i = 0; i != 20'000; ++i) metadata.append(i ? ",\"" : "\"").append(std::to_string(i)).append("\":\"\"");
  check_peak("many metadata entries beside data",
             file(metadata + "}," + safetensors_corpus::tensor("a", "U8", "2000000", "0,2000000") + "}", 2'000'000), true);

  // Tokens as long as the bound on memory lets pass, followed by what is an error: then the parser copies the token.
  for (std::size_t length = 1000; length < 4'000'000; length = length * 5 / 4) {
    for (const char* rest : {"\"}}", "\xff\"}}", "\\x\"}}", "\" \"b\"}}", "\n\"}}"}) {
      const std::string long_value = std::string("{\"__metadata__\":{\"a\":\"") + std::string(length, 'x') + rest;
      const outcome result = read(file(long_value));
      CAPTURE(length, std::string(rest), result.peak, result.message.substr(0, 200));
      CHECK(result.peak <= 2 * (long_value.size() + 8) + mebibyte);
    }
  }
  std::string controls = "{\"__metadata__\":{\"a\":1";
  controls.append(60, '\x01');
  check_peak("control characters in a number", file(controls + "}}"), false);
}

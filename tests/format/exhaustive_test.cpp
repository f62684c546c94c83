// Every float there is, through every encoder: the SHA-256 of the codes equals that of what ml_dtypes, numpy and
// bitsandbytes make of the same floats. digests.txt holds theirs; exhaustive_digests.py made it and says how.
//
// Takes minutes, and so runs in release builds of the tests alone (tag [.release]); each row is one task for a thread.
#include "sha256.hpp"

#include <lowp/format/formats.hpp>

#include <lowp_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

using namespace lowp;

using ieee_e4m3 = minifloat<4, 3, special_values::ieee>;
using ieee_e3m4 = minifloat<3, 4, special_values::ieee>;
using e4m3b11fnuz = minifloat<4, 3, special_values::fnuz, 11>;

struct row {
  std::string format, mode, inputs, digest, producer;
};

template <class F>
std::string digest_of(overflow mode, bool all) {
  constexpr std::uint64_t chunk = 1u << 16;
  constexpr std::size_t bytes = sizeof(code_t<F>);
  // The codes of 16 bits are hashed as little-endian bytes, whatever the machine.
  std::vector<std::uint8_t> codes(chunk * bytes);
  sha256 digest;
  const auto stream = [&](std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t start = first; start < last; start += chunk) {
      const std::uint64_t n = std::min(chunk, last - start);
      for (std::uint64_t i = 0; i < n; ++i) {
        const std::uint32_t code = encode<F>(bit_cast<float>(static_cast<std::uint32_t>(start + i)), nearest_even{}, mode);
        codes[i * bytes] = static_cast<std::uint8_t>(code);
        if constexpr (bytes == 2) codes[i * bytes + 1] = static_cast<std::uint8_t>(code >> 8);
      }
      digest.update({codes.data(), static_cast<std::size_t>(n) * bytes});
    }
  };
  if (all) {
    stream(0, std::uint64_t{1} << 32);
  } else {
    stream(0, 0x3f800001u);
    stream(0x80000000u, 0xbf800001u);
  }
  return digest.hex();
}

std::vector<row> read_rows() {
  std::ifstream file(LOWP_TEST_DATA "/../format/digests.txt");
  REQUIRE(file.good());
  std::vector<row> rows;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    std::istringstream words(line);
    row r;
    words >> r.format >> r.mode >> r.inputs >> r.digest >> r.producer;
    rows.push_back(r);
  }
  return rows;
}

using maker = std::string (*)(overflow, bool);

std::map<std::string, maker> makers() {
  std::map<std::string, maker> all;
  for_each_format([&]<class F>(std::string_view name) { all[std::string(name)] = digest_of<F>; });
  all["f16"] = digest_of<f16>;
  all["bf16"] = digest_of<bf16>;
  all["ieee_e4m3"] = digest_of<ieee_e4m3>;
  all["ieee_e3m4"] = digest_of<ieee_e3m4>;
  all["e4m3b11fnuz"] = digest_of<e4m3b11fnuz>;
  return all;
}

}  // namespace

TEST_CASE("SHA-256 gives the standard's own examples", "[format][sha256]") {
  const auto of = [](std::string_view text) {
    sha256 digest;
    for (const char c : text) {
      const auto byte = static_cast<std::uint8_t>(c);
      digest.update({&byte, 1});
    }
    return digest.hex();
  };
  CHECK(of("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  CHECK(of("") == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  CHECK(of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
        "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST_CASE("There is a digest of every format's codes, each for an encoder that is known here", "[format][exhaustive]") {
  const auto known = makers();
  std::map<std::string, int> rows_of;
  for (const row& r : read_rows()) {
    CAPTURE(r.format);
    CHECK(known.count(r.format) == 1);
    CHECK(r.digest.size() == 64);
    CHECK((r.mode == "saturate" || r.mode == "propagate"));
    CHECK((r.inputs == "all" || r.inputs == "unit"));
    ++rows_of[r.format];
  }
  // nf3 and nf2 have no encoder elsewhere that decides ties in a documented way.
  for (const auto& [name, make] : known) {
    CAPTURE(name);
    CHECK(rows_of.count(name) == (name == "nf3" || name == "nf2" ? 0u : 1u));
  }
}

TEST_CASE("The codes of all 2^32 floats are those of ml_dtypes, numpy and bitsandbytes", "[.release][format][exhaustive]") {
  const std::vector<row> rows = read_rows();
  const auto known = makers();
  std::vector<std::string> found(rows.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < rows.size(); i = next++) {
      const row& r = rows[i];
      found[i] = known.at(r.format)(r.mode == "saturate" ? overflow::saturate : overflow::propagate, r.inputs == "all");
    }
  };
  std::vector<std::thread> threads;
  for (unsigned t = 1; t < std::max(1u, std::thread::hardware_concurrency()); ++t) threads.emplace_back(work);
  work();
  for (std::thread& t : threads) t.join();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const std::string stream = rows[i].format + " " + rows[i].mode;
    CAPTURE(stream);
    CHECK(found[i] == rows[i].digest);
  }
}

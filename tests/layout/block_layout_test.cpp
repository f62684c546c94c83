// Block layouts: each bit of a block, each code of each element, whole matrices, and the pictures in docs/ggml_blocks.md.
#include <lowp/layout/block_laws.hpp>
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/ggml_blocks.hpp>

#include "block_picture.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

namespace {

// A layout that states one bit twice, one that leaves one out, and one that has a bit too many.
struct right {
  using scheme = lowp::ggml::q4_0;
  static constexpr std::size_t columns = 32;
  static constexpr std::size_t bytes = 18;
  static constexpr lowp::block_strip strips[] = {
      {.part = lowp::block_part::scales, .count = 1, .width = 16},
      {.part = lowp::block_part::codes, .first = 0, .count = 16, .width = 4, .byte = 2},
      {.part = lowp::block_part::codes, .first = 16, .count = 16, .width = 4, .byte = 2, .shift = 4}};
  static constexpr std::uint32_t flipped(lowp::block_part part) { return part == lowp::block_part::codes ? 8 : 0; }
};
struct twice : right {
  static constexpr lowp::block_strip strips[] = {right::strips[0], right::strips[1], right::strips[1]};
};
struct missing : right {
  static constexpr lowp::block_strip strips[] = {right::strips[0], right::strips[1]};
};
struct longer : right {
  static constexpr std::size_t bytes = 19;
};
static_assert(lowp::block_layout<right>);
static_assert(lowp::laws::block_layout<right>());
static_assert(!lowp::laws::block_layout<twice>());
static_assert(!lowp::laws::block_layout<missing>());
static_assert(!lowp::laws::block_layout<longer>());

template <class L>
std::vector<std::uint8_t> random_blocks(std::size_t count, std::uint64_t seed) {
  std::vector<std::uint8_t> bytes(count * L::bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(random_bits(seed, i));
    // Bytes as they are written: no sign where there is none, and only the 243 bytes that five digits make.
    if (L::name == "NVFP4" && i % L::bytes < 4) bytes[i] &= 0x7f;
    if (L::name == "TQ1_0" && i % L::bytes < 52) {
      const unsigned digits = i % L::bytes < 48 ? bytes[i] % 243u : bytes[i] % 81u * 3u;
      bytes[i] = static_cast<std::uint8_t>((digits * 256u + 242u) / 243u);
    }
  }
  return bytes;
}

}  // namespace

TEST_CASE("ggml's block layouts are bijections, of the sizes of their schemes", "[layout]") {
  lowp::layout::ggml::for_each([]<class L>() {
    INFO(std::string(L::name));
    constexpr bool law = lowp::laws::block_layout<L>();
    CHECK(law);
    const std::size_t bits = lowp::storage_bits<typename L::scheme>(1, L::columns);
    const bool packs_digits = lowp::trit_layout<L>;
    const std::size_t spare = L::name == "NVFP4" ? 4 : 0;
    CHECK((packs_digits ? bits > 8 * L::bytes : bits + spare == 8 * L::bytes));
  });
}

TEST_CASE("every code of every element of a block lies where the layout says", "[layout]") {
  lowp::layout::ggml::for_each([]<class L>() {
    INFO(std::string(L::name));
    using S = typename L::scheme;
    lowp::quantized<S> q(1, L::columns);
    const std::vector<std::uint8_t> plain = lowp::to_blocks<L>(q);
    lowp::detail::for_each_part<L>([&]<lowp::block_part Part>() {
      if constexpr (!lowp::trit_layout<L> || Part != lowp::block_part::codes) {
        constexpr int width = lowp::part_format<L, Part>::bits;
        std::size_t wrong = 0;
        for (std::size_t e = 0; e < lowp::part_count<L>(Part); ++e) {
          auto& code = lowp::part_codes<Part>(q)(0, e);
          for (std::uint32_t c = 0; c < (1u << width); ++c) {
            code = static_cast<std::remove_reference_t<decltype(code)>>(c);
            std::vector<std::uint8_t> expected = plain;
            lowp::for_each_bit<L>(Part, e, [&](int of_code, int of_block) {
              if ((c >> of_code & 1u) != 0) expected[static_cast<std::size_t>(of_block / 8)] ^= static_cast<std::uint8_t>(1 << of_block % 8);
            });
            wrong += lowp::to_blocks<L>(q) != expected;
            wrong += lowp::from_blocks<L>(expected, 1, L::columns) != q;
          }
          code = 0;
        }
        CHECK(wrong == 0);
      }
    });
  });
}

TEST_CASE("five digits to a byte and back, all 243, in every byte", "[layout]") {
  using L = lowp::layout::ggml::tq1_0;
  lowp::quantized<lowp::ggml::tq1_0> q(1, 256);
  std::size_t wrong = 0;
  for (unsigned value = 0; value < 243; ++value) {
    for (std::size_t byte = 0; byte < 52; ++byte) {
      unsigned rest = value;
      unsigned stored = value;
      for (int digit = 4; digit >= 0; --digit, rest /= 3) {
        bool found = false;
        for (const lowp::block_trits& t : L::trits) {
          const int at = static_cast<int>(byte) - t.byte;
          if (t.digit != digit || at < 0 || at >= t.count) continue;
          q.codes()(0, static_cast<std::size_t>(t.first + at)) = static_cast<std::uint8_t>(rest % 3);
          found = true;
        }
        if (!found) stored -= rest % 3;  // the last bytes have no fifth digit
      }
      const std::vector<std::uint8_t> block = lowp::to_blocks<L>(q);
      wrong += block[byte] != (stored * 256 + 242) / 243;
      wrong += lowp::from_blocks<L>(block, 1, 256) != q;
    }
  }
  CHECK(wrong == 0);
  q.codes()(0, 200) = 3;
  CHECK_THROWS_AS(lowp::to_blocks<L>(q), lowp::error);
}

TEST_CASE("matrices of blocks survive the way there and back", "[layout]") {
  lowp::layout::ggml::for_each([]<class L>() {
    INFO(std::string(L::name));
    const std::vector<std::uint8_t> bytes = random_blocks<L>(5 * 3, 7);
    const auto q = lowp::from_blocks<L>(bytes, 5, 3 * L::columns);
    CHECK(lowp::to_blocks<L>(q) == bytes);
    // A block by itself is the block in its place.
    const auto one = lowp::from_blocks<L>(std::span(bytes).subspan(7 * L::bytes, L::bytes), 1, L::columns);
    std::size_t wrong = 0;
    for (std::size_t c = 0; c < L::columns; ++c) {
      wrong += lowp::bit_cast<std::uint32_t>(one.value(0, c)) != lowp::bit_cast<std::uint32_t>(q.value(2, L::columns + c));
    }
    CHECK(wrong == 0);
    CHECK(lowp::to_blocks<L>(lowp::from_blocks<L>({}, 0, L::columns)).empty());
    CHECK(lowp::to_blocks<L>(lowp::from_blocks<L>({}, 7, 0)).empty());
  });
}

TEST_CASE("blocks that do not fit are errors before anything is made", "[layout]") {
  lowp::layout::ggml::for_each([]<class L>() {
    INFO(std::string(L::name));
    std::vector<std::uint8_t> bytes(2 * L::bytes);
    CHECK_THROWS_AS(lowp::from_blocks<L>(bytes, 1, L::columns), lowp::error);
    CHECK_THROWS_AS(lowp::from_blocks<L>(bytes, 3, L::columns), lowp::error);
    CHECK_THROWS_AS(lowp::from_blocks<L>(bytes, 2, L::columns - 1), lowp::error);
    CHECK_THROWS_AS(lowp::from_blocks<L>(bytes, static_cast<std::size_t>(-1) / L::bytes, L::columns), lowp::error);
    CHECK_THROWS_AS(lowp::from_blocks<L>(bytes, std::size_t{1} << 33, L::columns << 33), lowp::error);
    const lowp::quantized<typename L::scheme> q(1, L::columns);
    CHECK_THROWS_AS(lowp::to_blocks<L>(q, std::span<std::uint8_t>(bytes)), lowp::error);
    CHECK_THROWS_AS(lowp::to_blocks<L>(lowp::quantized<typename L::scheme>(1, L::columns / 2)), lowp::error);
  });
}

TEST_CASE("the pictures of ggml's blocks are true", "[layout]") {
  std::ifstream file(LOWP_TEST_DATA "/../../docs/ggml_blocks.md");
  REQUIRE(file.is_open());
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  lowp::layout::ggml::for_each([&]<class L>() {
    const std::string drawing = picture::draw<L>();
    INFO(std::string(L::name) << ":\n" << drawing);
    CHECK(page.find("\n" + drawing) != std::string::npos);
  });
}

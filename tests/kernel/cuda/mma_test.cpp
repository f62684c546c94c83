// Fragment maps against the formulas of the PTX ISA, and mma on the host against sums written out.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/block.hpp>

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <set>
#include <utility>
#include <vector>

namespace {

using lowp::bf16;
using lowp::e4m3;
using lowp::e5m2;
using lowp::f16;
using lowp::i8;
using lowp::mma_position;

// The maps as the ISA writes them: over the index i of an element in the thread's fragment, groupID and threadID_in_group.
struct isa {
  int row;
  int col;
};

isa a_k8(int group, int thread, int i) { return {i < 2 ? group : group + 8, thread * 2 + (i & 1)}; }
isa a_k16(int group, int thread, int i) {
  return {(i >= 0 && i < 2) || (i >= 4 && i < 6) ? group : group + 8, i < 4 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8};
}
isa a_k32(int group, int thread, int i) {
  return {(i >= 0 && i < 4) || (i >= 8 && i < 12) ? group : group + 8, i < 8 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16};
}
isa b_k8(int group, int thread, int i) { return {thread * 2 + i, group}; }
isa b_k16(int group, int thread, int i) { return {i < 2 ? thread * 2 + (i & 1) : thread * 2 + (i & 1) + 8, group}; }
isa b_k32(int group, int thread, int i) { return {i < 4 ? thread * 4 + (i & 3) : thread * 4 + (i & 3) + 16, group}; }
isa c_all(int group, int thread, int i) { return {i < 2 ? group : group + 8, thread * 2 + (i & 1)}; }

template <class Shape, class A, class B>
int differences(A a, B b) {
  int wrong = 0;
  const auto differs = [](mma_position p, isa q) { return p.row != q.row || p.col != q.col; };
  constexpr int e = Shape::per_register;
  for (int lane = 0; lane < 32; ++lane) {
    const int group = lane >> 2;
    const int thread = lane % 4;
    for (int i = 0; i < Shape::a_registers * e; ++i) wrong += differs(Shape::a_at(lane, i / e, i % e), a(group, thread, i));
    for (int i = 0; i < Shape::b_registers * e; ++i) wrong += differs(Shape::b_at(lane, i / e, i % e), b(group, thread, i));
    for (int i = 0; i < 4; ++i) wrong += differs(Shape::c_at(lane, i), c_all(group, thread, i));
  }
  return wrong;
}

// Whether `at` takes each place of rows x cols exactly once.
template <class At>
bool covers(int threads, int registers, int elements, int rows, int cols, At at) {
  std::set<std::pair<int, int>> taken;
  for (int t = 0; t < threads; ++t) {
    for (int r = 0; r < registers; ++r) {
      for (int e = 0; e < elements; ++e) {
        const mma_position p = at(t, r, e);
        if (p.row < 0 || p.row >= rows || p.col < 0 || p.col >= cols || !taken.insert({p.row, p.col}).second) return false;
      }
    }
  }
  return taken.size() == static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
}

template <class Shape>
bool bijective() {
  constexpr int e = Shape::per_register;
  return covers(32, Shape::a_registers, e, 16, Shape::depth, [](int l, int r, int i) { return Shape::a_at(l, r, i); }) &&
         covers(32, Shape::b_registers, e, Shape::depth, 8, [](int l, int r, int i) { return Shape::b_at(l, r, i); }) &&
         covers(32, 4, 1, 16, 8, [](int l, int r, int) { return Shape::c_at(l, r); });
}

template <class Shape>
void set_number(std::uint32_t& word, int element, std::uint32_t code) {
  word |= code << (element * Shape::operand::bits);
}

// Random finite numbers multiplied by two warps on the host, against matrices that are filled without the registers.
template <class Shape>
void check_product() {
  using operand = typename Shape::operand;
  using accumulator = typename Shape::accumulator;
  using block_type = lowp::host_block<64>;
  std::mt19937 random(5);
  const auto finite = [&] {
    std::uint32_t code = random() & lowp::low_mask(operand::bits);
    while (!(lowp::magnitude(lowp::decode<operand>(code)) < 1000.0f)) code = random() & lowp::low_mask(operand::bits);
    return code;
  };
  typename block_type::template per_thread<typename Shape::a_type> a;
  typename block_type::template per_thread<typename Shape::b_type> b;
  typename block_type::template per_thread<typename Shape::c_type> c;
  std::vector<double> left(2 * 16 * Shape::depth);
  std::vector<double> right(2 * 8 * Shape::depth);
  std::vector<double> sums(2 * 16 * 8);
  for (int t = 0; t < 64; ++t) {
    const int warp = t / 32;
    for (int e = 0; e < Shape::per_register; ++e) {
      for (int r = 0; r < Shape::a_registers; ++r) {
        const std::uint32_t code = finite();
        const mma_position p = Shape::a_at(t % 32, r, e);
        set_number<Shape>(a[t].reg[r], e, code);
        left[static_cast<std::size_t>((warp * 16 + p.row) * Shape::depth + p.col)] = lowp::decode<operand>(code);
      }
      for (int r = 0; r < Shape::b_registers; ++r) {
        const std::uint32_t code = finite();
        const mma_position p = Shape::b_at(t % 32, r, e);
        set_number<Shape>(b[t].reg[r], e, code);
        right[static_cast<std::size_t>((warp * 8 + p.col) * Shape::depth + p.row)] = lowp::decode<operand>(code);
      }
    }
    for (int r = 0; r < 4; ++r) {
      const mma_position p = Shape::c_at(t % 32, r);
      c[t].reg[r] = static_cast<accumulator>(r + 1);
      sums[static_cast<std::size_t>((warp * 16 + p.row) * 8 + p.col)] = r + 1;
    }
  }
  for (std::size_t warp = 0; warp < 2; ++warp) {
    for (std::size_t row = 0; row < 16; ++row) {
      for (std::size_t col = 0; col < 8; ++col) {
        for (std::size_t k = 0; k < Shape::depth; ++k) {
          sums[(warp * 16 + row) * 8 + col] += left[(warp * 16 + row) * Shape::depth + k] * right[(warp * 8 + col) * Shape::depth + k];
        }
      }
    }
  }
  block_type{}.template mma<Shape>(c, a, b);
  int wrong = 0;
  for (int t = 0; t < 64; ++t) {
    for (int r = 0; r < 4; ++r) {
      const mma_position p = Shape::c_at(t % 32, r);
      wrong += c[t].reg[r] != static_cast<accumulator>(sums[static_cast<std::size_t>((t / 32 * 16 + p.row) * 8 + p.col)]);
    }
  }
  CHECK(wrong == 0);
}

}  // namespace

TEST_CASE("fragment maps are those of the PTX ISA", "[cuda]") {
  CHECK(differences<lowp::mma_m16n8k8<f16>>(a_k8, b_k8) == 0);
  CHECK(differences<lowp::mma_m16n8k16<f16>>(a_k16, b_k16) == 0);
  CHECK(differences<lowp::mma_m16n8k16<bf16>>(a_k16, b_k16) == 0);
  CHECK(differences<lowp::mma_m16n8k32_s8>(a_k32, b_k32) == 0);
  CHECK(differences<lowp::mma_m16n8k32<e4m3>>(a_k32, b_k32) == 0);
  CHECK(differences<lowp::mma_m16n8k32<e5m2>>(a_k32, b_k32) == 0);
  // wgmma's register operand and sums, from its figures: warp i of the group has rows 16 i .. 16 i + 15.
  int wrong = 0;
  for (int t = 0; t < 128; ++t) {
    for (int i = 0; i < 8; ++i) {
      const mma_position p = lowp::wgmma_m64<f16>::a_at(t, i / 2, i % 2);
      wrong += p.row != 16 * (t / 32) + t % 32 / 4 + (i / 2 % 2 == 1 ? 8 : 0) || p.col != t % 4 * 2 + i % 2 + (i >= 4 ? 8 : 0);
    }
    for (int i = 0; i < 128; ++i) {
      const mma_position p = lowp::wgmma_m64<f16>::c_at(t, i);
      wrong += p.row != 16 * (t / 32) + t % 32 / 4 + 8 * (i / 2 % 2) || p.col != i / 4 * 8 + t % 4 * 2 + i % 2;
    }
  }
  CHECK(wrong == 0);
}

TEST_CASE("fragment maps take each place once", "[cuda]") {
  CHECK(bijective<lowp::mma_m16n8k8<f16>>());
  CHECK(bijective<lowp::mma_m16n8k16<f16>>());
  CHECK(bijective<lowp::mma_m16n8k16<bf16>>());
  CHECK(bijective<lowp::mma_m16n8k32_s8>());
  CHECK(bijective<lowp::mma_m16n8k32<e4m3>>());
  CHECK(covers(128, 4, 2, 64, 16, [](int t, int r, int e) { return lowp::wgmma_m64<bf16>::a_at(t, r, e); }));
  CHECK(covers(128, 4, 4, 64, 32, [](int t, int r, int e) { return lowp::wgmma_m64<e4m3>::a_at(t, r, e); }));
  CHECK(covers(128, 128, 1, 64, 256, [](int t, int r, int) { return lowp::wgmma_m64<bf16>::c_at(t, r); }));
}

TEST_CASE("mma on the host multiplies the matrices that the maps describe", "[cuda]") {
  check_product<lowp::mma_m16n8k8<f16>>();
  check_product<lowp::mma_m16n8k16<f16>>();
  check_product<lowp::mma_m16n8k16<bf16>>();
  check_product<lowp::mma_m16n8k32_s8>();
  check_product<lowp::mma_m16n8k32<e4m3>>();
  check_product<lowp::mma_m16n8k32<e5m2>>();
}

TEST_CASE("the sums of 8-bit integers wrap around", "[cuda]") {
  using shape = lowp::mma_m16n8k32_s8;
  using block_type = lowp::host_block<32>;
  block_type::per_thread<shape::a_type> a;
  block_type::per_thread<shape::b_type> b;
  block_type::per_thread<shape::c_type> c;
  for (int t = 0; t < 32; ++t) {
    for (auto& r : a[t].reg) r = 0x80808080u;
    for (auto& r : b[t].reg) r = 0x80808080u;
    for (auto& r : c[t].reg) r = 0x7fffffff;
  }
  block_type{}.mma<shape>(c, a, b);
  CHECK(c[7].reg[2] == static_cast<std::int32_t>(0x7fffffffu + 32u * 128u * 128u));
}

TEST_CASE("shuffles reach any lane of the same warp", "[cuda]") {
  using block_type = lowp::host_block<64>;
  block_type::per_thread<int> value;
  block_type::per_thread<int> source;
  for (int t = 0; t < 64; ++t) {
    value[t] = 100 + t;
    source[t] = (t * 7 + 3) % 64;
  }
  const auto found = block_type{}.shuffle(value, source);
  int wrong = 0;
  for (int t = 0; t < 64; ++t) wrong += found[t] != 100 + t / 32 * 32 + (t * 7 + 3) % 32;
  CHECK(wrong == 0);
}

// The wrappers of loads and copies as they run on the host: the same bytes, and mistakes in the counting of a bulk copy are caught.
#include <lowp_test.hpp>

#include <lowp/kernel/cuda/async_copy.hpp>
#include <lowp/kernel/cuda/bulk_copy.hpp>
#include <lowp/kernel/cuda/cached_load.hpp>
#include <lowp/kernel/cuda/dependent_launch.hpp>
#include <lowp/kernel/cuda/ldmatrix.hpp>

#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace {

namespace ptx = lowp::ptx;

std::vector<std::uint8_t> counting(std::size_t n) {
  std::vector<std::uint8_t> bytes(n);
  for (std::size_t i = 0; i < n; ++i) bytes[i] = static_cast<std::uint8_t>(i + 1);
  return bytes;
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const lowp::error& e) {
    return e.what();
  }
  return "";
}

// Register i of lane l of matrices whose number at (row, column) of matrix i is 64 i + 8 row + column.
template <int Count, bool Transposed>
int wrong_registers() {
  using block = lowp::host_block<64>;
  std::vector<std::uint16_t> numbers(64 * Count);
  for (std::size_t i = 0; i < numbers.size(); ++i) numbers[i] = static_cast<std::uint16_t>(i);
  block::per_thread<const void*> rows;
  for (int t = 0; t < 64; ++t) rows[t] = numbers.data() + 8 * (t % (8 * Count));
  const auto m = lowp::load_matrices<Count, Transposed>(block{}, rows);
  int wrong = 0;
  for (int t = 0; t < 64; ++t) {
    for (int i = 0; i < Count; ++i) {
      const int major = t % 32 / 4;
      const int minor = t % 4 * 2;
      const int first = 64 * i + (Transposed ? 8 * minor + major : 8 * major + minor);
      const int second = first + (Transposed ? 8 : 1);
      wrong += m[t].reg[i] != static_cast<std::uint32_t>(first | second << 16);
    }
  }
  return wrong;
}

}  // namespace

TEST_CASE("loads and copies move the bytes that they are asked for", "[cuda]") {
  const std::vector<std::uint8_t> source = counting(64);
  alignas(16) std::uint8_t target[64] = {};
  const auto first = ptx::load_through<lowp::cache_use::once>(source.data());
  const auto second = ptx::load_with(source.data() + 16, ptx::first_to_leave());
  CHECK(std::memcmp(&first, source.data(), 16) == 0);
  CHECK(std::memcmp(&second, source.data() + 16, 16) == 0);
  ptx::copy_async<16>(target, source.data());
  ptx::copy_async<16>(target + 16, source.data() + 16, 5);
  ptx::copy_async<8>(target + 32, source.data() + 32);
  ptx::copy_async<4>(target + 40, source.data() + 40, 0);
  ptx::copy_async(target + 48, source.data() + 48, ptx::first_to_leave(), 15);
  ptx::commit_copies();
  ptx::wait_for_copies<0>();
  for (std::size_t i = 0; i < 64; ++i) {
    const bool copied = i < 21 || (i >= 32 && i < 40) || (i >= 48 && i < 63);
    CHECK(target[i] == (copied ? source[i] : 0));
  }
  ptx::wait_for_previous_kernel();
  ptx::let_next_kernel_begin();
}

TEST_CASE("a transfer barrier counts arrivals and bytes", "[cuda]") {
  const std::vector<std::uint8_t> source = counting(64);
  std::vector<std::uint8_t> target(64);
  ptx::transfer_barrier barrier;
  barrier.init(2);
  CHECK(!barrier.try_wait(0));
  barrier.arrive_and_expect(48);
  ptx::bulk_copy(target.data(), source.data(), 16, barrier);
  barrier.arrive();
  CHECK(!barrier.try_wait(0));
  CHECK(error_of([&] { barrier.wait(0); }) == "a transfer barrier waits for a phase that cannot end: arrivals missing 0, bytes 32");
  ptx::bulk_copy(target.data() + 16, source.data() + 16, 32, barrier);
  barrier.wait(0);
  CHECK(!barrier.try_wait(1));
  CHECK(std::memcmp(target.data(), source.data(), 48) == 0);
  barrier.arrive();
  barrier.arrive();
  barrier.wait(1);
  CHECK(!barrier.try_wait(0));
  barrier.arrive();
  barrier.arrive_and_expect(16);
  CHECK(error_of([&] { barrier.arrive(); }) == "a transfer barrier has seen all of its arrivals in this phase, 2");
}

TEST_CASE("ldmatrix gives each lane its two numbers of a row, or of a column", "[cuda]") {
  CHECK(wrong_registers<1, false>() == 0);
  CHECK(wrong_registers<2, false>() == 0);
  CHECK(wrong_registers<4, false>() == 0);
  CHECK(wrong_registers<1, true>() == 0);
  CHECK(wrong_registers<2, true>() == 0);
  CHECK(wrong_registers<4, true>() == 0);
}

// Elements of any type that stands for real numbers, as floats.
//
//   F32, F16, BF16, F8_*, F6_*, F4, F8_E8M0, BOOL (0 and 1), integers of up to 16 bits    exactly
//   F64, integers of 32 and 64 bits                                                       to the nearest float, ties to even
//   C64                                                                                   not at all
//
// F4 elements lie two a byte, the first in the low half; F6 elements are a stream of bits, least significant first.
//
//   std::vector<float> out(3);
//   lowp::read_floats(lowp::dtype::f8_e4m3, bytes, out);
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/error.hpp>
#include <lowp/core/half.hpp>
#include <lowp/format/e8m0.hpp>
#include <lowp/format/minifloat.hpp>
#include <lowp/io/dtype.hpp>
#include <lowp/io/little_endian.hpp>

#include <cstddef>
#include <cstdint>
#include <span>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <number_format F>
void read_bytes_as(std::span<const std::byte> in, std::span<float> out) {
  for (std::size_t i = 0; i != out.size(); ++i) out[i] = decode<F>(little_endian<code_t<F>>(in, i));
}

template <class Integer>
void read_integers_as(std::span<const std::byte> in, std::span<float> out) {
  for (std::size_t i = 0; i != out.size(); ++i) out[i] = static_cast<float>(little_endian<Integer>(in, i));
}

// Formats whose codes do not fill bytes.
template <number_format F>
void read_bits_as(std::span<const std::byte> in, std::span<float> out) {
  for (std::size_t i = 0; i != out.size(); ++i) {
    const std::size_t bit = i * F::bits;
    std::uint32_t window = std::to_integer<std::uint32_t>(in[bit / 8]);
    if (bit % 8 + F::bits > 8) window |= std::to_integer<std::uint32_t>(in[bit / 8 + 1]) << 8;
    out[i] = decode<F>(window >> bit % 8 & low_mask(F::bits));
  }
}

}  // namespace detail

// Throws lowp::error, and writes nothing, unless the bytes hold just as many elements of a real type as there are floats.
inline void read_floats(dtype type, std::span<const std::byte> in, std::span<float> out) {
  if ((out.size() * dtype_bits(type) + 7) / 8 != in.size())
    LOWP_THROW(in.size(), " bytes do not hold ", out.size(), " elements of type ", dtype_name(type));
  switch (type) {
    case dtype::boolean:
    case dtype::u8:
      return detail::read_integers_as<std::uint8_t>(in, out);
    case dtype::i8:
      return detail::read_integers_as<std::int8_t>(in, out);
    case dtype::u16:
      return detail::read_integers_as<std::uint16_t>(in, out);
    case dtype::i16:
      return detail::read_integers_as<std::int16_t>(in, out);
    case dtype::u32:
      return detail::read_integers_as<std::uint32_t>(in, out);
    case dtype::i32:
      return detail::read_integers_as<std::int32_t>(in, out);
    case dtype::u64:
      return detail::read_integers_as<std::uint64_t>(in, out);
    case dtype::i64:
      return detail::read_integers_as<std::int64_t>(in, out);
    case dtype::f4:
      return detail::read_bits_as<e2m1>(in, out);
    case dtype::f6_e2m3:
      return detail::read_bits_as<e2m3>(in, out);
    case dtype::f6_e3m2:
      return detail::read_bits_as<e3m2>(in, out);
    case dtype::f8_e4m3:
      return detail::read_bytes_as<e4m3>(in, out);
    case dtype::f8_e5m2:
      return detail::read_bytes_as<e5m2>(in, out);
    case dtype::f8_e4m3fnuz:
      return detail::read_bytes_as<e4m3fnuz>(in, out);
    case dtype::f8_e5m2fnuz:
      return detail::read_bytes_as<e5m2fnuz>(in, out);
    case dtype::f8_e8m0:
      return detail::read_bytes_as<e8m0>(in, out);
    case dtype::f16:
      return detail::read_bytes_as<f16>(in, out);
    case dtype::bf16:
      return detail::read_bytes_as<bf16>(in, out);
    case dtype::f32:
      return detail::read_bytes_as<f32>(in, out);
    case dtype::f64:
      for (std::size_t i = 0; i != out.size(); ++i) out[i] = static_cast<float>(bit_cast<double>(little_endian<std::uint64_t>(in, i)));
      return;
    case dtype::c64:
      break;
  }
  LOWP_THROW("elements of type ", dtype_name(type), " are no real numbers");
}

}  // namespace lowp::inline LOWP_ABI

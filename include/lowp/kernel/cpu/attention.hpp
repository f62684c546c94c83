// Attention over the pages of a quantized cache: what its kernels read, and which of them a machine runs.
//
// A page has a head's keys as a matrix [tokens, width] in layout::tile16, panels of sixteen tokens, and its values as [width, tokens],
// panels of sixteen channels; so that both products walk along panels. Codes that are small integers times a unit meet queries and
// weights of 16 bits in two bytes (split_row.hpp); other codes become floats. Scales and zero points never touch a code:
//
//   q . k = scale * (q . code - zero * sum of q)            a scale for a token, or for some channels of one
//         = (q * scale) . code - (q * scale) . zero         a scale for a channel, over 32 tokens
//   w . v = (w * scale) . code - sum of w * scale * zero
//
// Source: the same algebra as in KIVI, Liu et al. 2024 (arXiv 2402.02750), section 3.3.
#pragma once

#include <lowp/kernel/cpu/byte_codes.hpp>
#include <lowp/kernel/cpu/neon.hpp>
#include <lowp/kernel/cpu/neon_bytes.hpp>
#include <lowp/kernel/cpu/portable_bytes.hpp>
#include <lowp/kernel/cpu/scratch.hpp>
#include <lowp/kernel/cpu/split_row.hpp>
#include <lowp/kernel/cpu/x86_v3_bytes.hpp>
#include <lowp/kernel/cpu/x86_v4_minifloat.hpp>
#include <lowp/kernel/cpu/x86_v4_vbmi.hpp>
#include <lowp/kernel/cpu/x86_v4_vnni.hpp>
#include <lowp/kernel/kv_scaling.hpp>

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

// Where kernels look codes up.
struct kv_table {
  const std::uint8_t* bytes = nullptr;
  const float* values = nullptr;
};

// What the codes of keys or values are to the kernels. OwnValues: what each code stands for is known at run time only. Turning: keys
// come before their rotary positions.
template <scheme_type S, bool OwnValues = false, bool Turning = false>
struct kv_codes {
  static constexpr bool turning = Turning;
  static_assert(!Turning || (term_of<S> == term::none && (kv_scaling<S>::granularity == kv_granularity::head ||
                                                          kv_scaling<S>::granularity == kv_granularity::token)),
                "keys before their rotary positions have at most one scale a token");
  using scaling = kv_scaling<S>;
  using format = typename S::format;
  using scale = typename scaling::scale_format;
  using zero = typename scaling::zero_format;
  static constexpr int bits = format::bits;
  static constexpr term terms = term_of<S>;
  static constexpr float term_sign = S::has_bias ? -1.0f : 1.0f;
  static constexpr bool has_scale = scale::bits != 0;
  static constexpr bool centred = terms == term::zero && !OwnValues;
  static constexpr float centre = centred ? code_centre<format>() : 0.0f;

  static constexpr byte_rule bytes = byte_rule_of<format, centred>;
  static constexpr bool as_bytes = bytes.exact && !OwnValues && !Turning;
  static constexpr code_rule floats = [] {
    code_rule rule = code_rule_of<format, centred>;
    if (OwnValues) rule = {{.bits = bits, .how = decoding::table}, 1.0f};
    return rule;
  }();
  static constexpr int rows = as_bytes ? 2 : 1;  // that a row of numbers becomes
  static constexpr std::size_t number_bytes = as_bytes ? 1 : sizeof(float);

  static kv_table table(const float* own_values) {
    kv_table t;
    if constexpr (as_bytes) t.bytes = code_bytes_of<format, centred>.value;
    t.values = OwnValues ? own_values : code_values<format, centred>();
    return t;
  }
  static float value(const kv_table& table, std::uint32_t code) {
    if constexpr (OwnValues || table_format<format>) return table.values[code & low_mask(bits)];
    else return lowp::decode<format>(code);
  }
};

// The keys or values of a head in a page.
struct kv_head {
  const std::uint8_t* codes;
  const std::uint8_t* scales;
  const std::uint8_t* zeros;
  const std::uint8_t* end;             // of the parameters
  bool finite;                         // no code is NaN or infinity
  const std::uint8_t* next = nullptr;  // the codes that are read after these, those of another page or of the values

  // Asks memory for a part of the parameters that go with the next codes, which lie about as these do.
  // Inline, since a call of a function that only asks is one that compilers leave out.
  LOWP_ALWAYS_INLINE void ask_for_parameters(std::size_t part = 0, std::size_t parts = 1) const noexcept {
    if (next == nullptr) return;
    const auto first = static_cast<std::size_t>(scales - codes), lines = static_cast<std::size_t>(end - scales) / cache_line;
    for (std::size_t i = lines * part / parts; i < lines * (part + 1) / parts; ++i) LOWP_PREFETCH_FAR(next + first + i * cache_line);
  }
};

// What memory is asked for while codes are read: those that are read after them, from two places at once, which keeps more of the memory
// busy than one does. A whole page ahead, so that nothing waits at its end.
struct codes_ahead {
  const std::uint8_t* at;
  std::size_t half;

  codes_ahead(const kv_head& page, std::size_t bytes)
      : at(page.next == nullptr ? page.codes : page.next), half(ceil_div(bytes, 2 * cache_line) * cache_line) {}

  LOWP_ALWAYS_INLINE void ask(std::size_t line) const { LOWP_PREFETCH_FAR(at + (line % 2 == 0 ? 0 : half) + line / 2 * cache_line); }
  void advance(std::size_t lines) { at += lines / 2 * cache_line; }
};

// Room for the rows that are made anew for each page, or for each 32 tokens.
struct attention_workspace {
  attention_workspace(std::size_t queries, std::size_t groups, std::size_t longest)
      : length(longest),
        numbers(queries * groups * longest),
        bytes(2 * queries * groups * longest),
        scales(queries * groups),
        shifts(queries * groups),
        starts(2 * queries * groups) {}

  std::size_t length;
  scratch<float> numbers;
  scratch<std::int8_t> bytes;
  scratch<float> scales;
  scratch<float> shifts;
  scratch<std::int32_t> starts;
};

// Rows of numbers for some queries and groups, as dots read them.
struct value_rows {
  value_rows(attention_workspace& room, std::size_t count) : workspace(room), queries(count) {}

  // Where the numbers of a row are written before rows are prepared.
  float* numbers(std::size_t m, std::size_t group) { return workspace.numbers.data() + (group * queries + m) * workspace.length; }

  // Sum: of signed bytes, for codes whose bytes have a bias; byte_offset for each unit of it. One step after another for all rows, so that
  // none waits for its own.
  template <class C, class Sum>
  LOWP_ALWAYS_INLINE void prepare(const row_splitter& split, std::size_t groups, std::size_t count, int byte_offset, const Sum& sum) {
    const std::size_t all = groups * queries, length = workspace.length;
    if constexpr (!C::as_bytes) {
      std::fill_n(workspace.scales.data(), all, 1.0f);
    } else {
      std::int8_t* const bytes = workspace.bytes.data();
      for (std::size_t i = 0; i < all; ++i) workspace.scales[i] = split.scale(workspace.numbers.data() + i * length, count);
      for (std::size_t i = 0; i < all; ++i) {
        std::int8_t* const high = bytes + 2 * i * length;
        split.write(workspace.numbers.data() + i * length, count, workspace.scales[i], high, high + length);
      }
      if (byte_offset == 0) std::fill_n(workspace.starts.data(), 2 * all, 0);
      else {
        for (std::size_t i = 0; i < 2 * all; ++i) workspace.starts[i] = byte_offset * sum(bytes + i * length, count);
      }
    }
  }

  template <class C>
  const std::uint8_t* row(std::size_t group, std::size_t r) const {
    const std::size_t at = group * queries * C::rows + r;
    if constexpr (C::as_bytes) return reinterpret_cast<const std::uint8_t*>(workspace.bytes.data()) + at * workspace.length;
    else return reinterpret_cast<const std::uint8_t*>(workspace.numbers.data() + at * workspace.length);
  }
  float scale(std::size_t group, std::size_t m) const { return workspace.scales[group * queries + m]; }
  const std::int32_t* starts(std::size_t group) const { return workspace.starts.data() + 2 * group * queries; }
  float* shifts() { return workspace.shifts.data(); }

  attention_workspace& workspace;
  std::size_t queries;
};

// The queries of a head.
struct prepared_rows {
  std::size_t width = 0;   // columns of codes
  std::size_t padded = 0;  // of which rows have zeros up to here, a multiple of 32
  std::size_t groups = 1;  // that have scales of their own
  std::size_t queries = 0;
  bool as_bytes = false;
  scratch<float> floats;        // [queries][padded]
  scratch<std::int8_t> bytes;   // [queries][2][padded]
  scratch<float> scales;        // [queries]
  scratch<std::int32_t> starts;  // [groups][queries][2]
  scratch<float> sums;           // [groups][queries]: of the numbers, over the scale
  kv_table table;
  const row_splitter* split = nullptr;
  attention_workspace* workspace = nullptr;
  const float* turns = nullptr;  // [panels][pairs of channels][2][16]: cosines and sines of the angles of a page's tokens

  const std::uint8_t* row(std::size_t r) const {
    return as_bytes ? reinterpret_cast<const std::uint8_t*>(bytes.data()) + r * padded
                    : reinterpret_cast<const std::uint8_t*>(floats.data() + r * padded);
  }
  const float* floats_of(std::size_t m) const { return floats.data() + m * padded; }
  const std::int32_t* starts_of(std::size_t g) const { return starts.data() + g * queries * 2; }
  const float* sums_of(std::size_t g) const { return sums.data() + g * queries; }
};

// What kernels know of the values of a cache.
struct value_side {
  std::size_t width;
  std::size_t page_tokens;
  std::size_t groups;
  kv_table table;
  const row_splitter* split;
  attention_workspace* workspace;
};

// For 1, 2 and 4 queries at a time; those that are null take too many registers.
struct attention_kernels {
  using score_function = void (*)(const kv_head&, const prepared_rows&, std::size_t first, std::size_t panels, float* scores,
                                  std::size_t stride);
  using add_function = void (*)(const kv_head&, const value_side&, const float* weights, std::size_t stride, std::size_t tokens, float* out,
                                std::size_t out_stride);
  score_function score[3] = {};
  add_function add[3] = {};
  int byte_offset = 0;  // what sums of dots of bytes begin with, for each unit of the sum of a row
  float unit = 1.0f;    // of sums
};

// For many queries: the numbers of a page.
struct page_decoders {
  void (*decode_keys)(const kv_head&, const kv_table&, std::size_t width, std::size_t groups, std::size_t panels, float* out) = nullptr;
  void (*decode_values)(const kv_head&, const value_side&, std::size_t tokens, float* out) = nullptr;
};

// Queries [count][width] with rows q_stride apart, for keys in C.
template <class C>
prepared_rows prepare_queries(const float* q, std::size_t q_stride, std::size_t count, std::size_t width, const attention_kernels& kernels,
                              const row_splitter& split) {
  prepared_rows rows;
  rows.width = width;
  rows.padded = ceil_div(width, std::size_t{32}) * 32;
  rows.queries = count;
  rows.as_bytes = C::as_bytes;
  if constexpr (C::scaling::granularity == kv_granularity::group) rows.groups = ceil_div(width, C::scaling::group_channels);
  const std::size_t group = rows.groups == 1 ? width : C::scaling::group_channels;
  rows.floats.resize(count * rows.padded);
  rows.scales.resize(count);
  rows.starts.resize(2 * count * rows.groups);
  rows.sums.resize(count * rows.groups);
  rows.split = &split;
  for (std::size_t m = 0; m < count; ++m) {
    float* to = rows.floats.data() + m * rows.padded;
    std::memcpy(to, q + m * q_stride, width * sizeof(float));
    rows.scales[m] = 1.0f;
    for (std::size_t g = 0; g < rows.groups; ++g) {
      for (std::size_t c = g * group; c < (g + 1) * group && c < width; ++c) rows.sums[g * count + m] += to[c];
    }
  }
  if constexpr (C::as_bytes && C::scaling::granularity != kv_granularity::channel) {
    rows.bytes.resize(2 * count * rows.padded);
    for (std::size_t m = 0; m < count; ++m) {
      std::int8_t* high = rows.bytes.data() + 2 * m * rows.padded;
      const std::int8_t* low = high + rows.padded;
      rows.scales[m] = split(rows.floats_of(m), rows.padded, high, high + rows.padded);
      for (std::size_t g = 0; g < rows.groups; ++g) {
        std::int32_t sums[2] = {};
        for (std::size_t c = g * group; c < (g + 1) * group && c < width; ++c) {
          sums[0] += high[c];
          sums[1] += low[c];
        }
        rows.starts[(g * count + m) * 2] = kernels.byte_offset * sums[0];
        rows.starts[(g * count + m) * 2 + 1] = kernels.byte_offset * sums[1];
        rows.sums[g * count + m] = static_cast<float>(256 * sums[0] + sums[1]);
      }
    }
  }
  if constexpr (C::terms == term::none) {
    for (std::size_t m = 0; m < count; ++m) rows.scales[m] *= kernels.unit;
  }
  return rows;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD

#define LOWP_TARGET portable
#define LOWP_TARGET_SUMS 4
#define LOWP_TARGET_FLOATS 0
LOWP_LOOPS_BEGIN
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#include <lowp/kernel/cpu/loops/decode_pages.hpp>
LOWP_LOOPS_END
#undef LOWP_TARGET
#undef LOWP_TARGET_SUMS
#undef LOWP_TARGET_FLOATS

#if LOWP_X86_64
LOWP_TARGET_BEGIN("avx2,fma,f16c")
#define LOWP_TARGET x86_v3
#define LOWP_TARGET_SUMS 4
#define LOWP_TARGET_FLOATS 1
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#include <lowp/kernel/cpu/loops/decode_pages.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
LOWP_TARGET_BEGIN("avx2,fma,f16c,avxvnni")
#define LOWP_TARGET x86_v3::vnni
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#include <lowp/kernel/cpu/loops/decode_pages.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_SUMS
LOWP_TARGET_END
LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx2,fma,f16c")
#define LOWP_TARGET x86_v4::vnni
#define LOWP_TARGET_SUMS 16
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#include <lowp/kernel/cpu/loops/decode_pages.hpp>
#undef LOWP_TARGET
LOWP_TARGET_END
LOWP_TARGET_BEGIN("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,avx512vbmi,avx2,fma,f16c")
#define LOWP_TARGET x86_v4::vnni::vbmi
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_SUMS
#undef LOWP_TARGET_FLOATS
LOWP_TARGET_END
#elif LOWP_NEON
#define LOWP_TARGET_SUMS 4
#define LOWP_TARGET_FLOATS 1
#define LOWP_TARGET neon
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#include <lowp/kernel/cpu/loops/decode_pages.hpp>
#undef LOWP_TARGET
#define LOWP_TARGET neon::dotprod
#include <lowp/kernel/cpu/loops/code_dots.hpp>
#include <lowp/kernel/cpu/loops/attention.hpp>
#include <lowp/kernel/cpu/loops/decode_pages.hpp>
#undef LOWP_TARGET
#undef LOWP_TARGET_SUMS
#undef LOWP_TARGET_FLOATS
#endif

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

template <class C>
attention_kernels choose_attention_kernels(isa limit) {
  attention_kernels k;
  const isa best = best_isa(limit);
#if LOWP_X86_64
  if constexpr (C::as_bytes && C::bytes.kind.table) {
    if (best >= isa::x86_v4_vbmi && supports(isa::x86_v4_vbmi)) {
      x86_v4::vnni::vbmi::choose_attention<C>(k);
      return k;
    }
  }
  // AVX-512 without its dot products has nothing to add to AVX2.
  if (best >= isa::x86_v4_vnni) x86_v4::vnni::choose_attention<C>(k);
  else if (best >= isa::x86_v3_vnni && supports(isa::x86_v3_vnni)) x86_v3::vnni::choose_attention<C>(k);
  else if (best >= isa::x86_v3) x86_v3::choose_attention<C>(k);
  else portable::choose_attention<C>(k);
#elif LOWP_NEON
  if (best >= isa::neon_dotprod) neon::dotprod::choose_attention<C>(k);
  else if (best >= isa::neon) neon::choose_attention<C>(k);
  else portable::choose_attention<C>(k);
#else
  static_cast<void>(best);
  portable::choose_attention<C>(k);
#endif
  return k;
}

template <class C>
page_decoders choose_page_decoders(isa limit) {
  page_decoders k;
  const isa best = best_isa(limit);
#if LOWP_X86_64
  if (best >= isa::x86_v4_vnni) x86_v4::vnni::choose_decoders<C>(k);
  else if (best >= isa::x86_v3) x86_v3::choose_decoders<C>(k);
  else portable::choose_decoders<C>(k);
#elif LOWP_NEON
  if (best >= isa::neon) neon::choose_decoders<C>(k);
  else portable::choose_decoders<C>(k);
#else
  static_cast<void>(best);
  portable::choose_decoders<C>(k);
#endif
  return k;
}

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD

// A cache as bytes, to be kept in a file or sent elsewhere, and back.
//
//   const std::vector<std::uint8_t> bytes = lowp::snapshot(cache);
//   lowp::kv_cache<lowp::nvfp4> other(8, 128);            // made as the first one was
//   lowp::restore(other, bytes);
//
//   "lowp.kv1"  u64: fingerprint of the schemes, heads, head size, tokens of a page, bytes of a page, tokens kept first, quantized,
//   kept last, evicted, outliers of keys, of values    f32: scales of heads, keys then values    keys and values kept first, kept last
//   for each page its bytes    outliers, 12 bytes each: u32 head, token, then u16 channel, f16    u64 FNV-1a of all before
//
// All little-endian. What a policy found at calibration is not in it: the cache to restore has to have the same.
// Source of the checksum: Fowler, Noll, Vo, draft-eastlake-fnv.
#pragma once

#include <lowp/kv/kv_cache.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

inline std::uint64_t fnv1a(std::span<const std::uint8_t> bytes, std::uint64_t hash = 0xcbf29ce484222325u) noexcept {
  for (const std::uint8_t b : bytes) hash = (hash ^ b) * 0x100000001b3u;
  return hash;
}

class snapshot_writer {
 public:
  template <class T>
  void put(T value) {
    static_assert(std::is_unsigned_v<T>);
    for (std::size_t i = 0; i < sizeof(T); ++i) bytes.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
  }
  void put(std::span<const float> numbers) {
    for (const float x : numbers) put(bit_cast<std::uint32_t>(x));
  }
  std::vector<std::uint8_t> bytes;
};

class snapshot_reader {
 public:
  explicit snapshot_reader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

  std::size_t left() const noexcept { return bytes_.size(); }
  std::span<const std::uint8_t> take(std::size_t count) {
    if (count > bytes_.size()) LOWP_THROW("a snapshot ends ", count - bytes_.size(), " bytes early");
    const auto part = bytes_.first(count);
    bytes_ = bytes_.subspan(count);
    return part;
  }
  template <class T>
  T get() {
    const auto part = take(sizeof(T));
    T value = 0;
    for (std::size_t i = 0; i < sizeof(T); ++i) value = static_cast<T>(value | static_cast<T>(static_cast<T>(part[i]) << (8 * i)));
    return value;
  }
  std::vector<float> floats(std::size_t count) {
    if (count > left() / sizeof(float)) LOWP_THROW("a snapshot of ", left(), " more bytes cannot have ", count, " more numbers");
    std::vector<float> numbers(count);
    for (float& x : numbers) x = bit_cast<float>(get<std::uint32_t>());
    return numbers;
  }

 private:
  std::span<const std::uint8_t> bytes_;
};

// Tells parts apart whose codes or parameters mean something else.
template <class Part>
std::uint64_t fingerprint_of() {
  snapshot_writer w;
  const auto put_format = [&]<class F>(F) {
    w.put(static_cast<std::uint64_t>(F::bits));
    if constexpr (F::bits >= 1 && F::bits <= 8) {
      for (std::uint32_t c = 0; c <= low_mask(F::bits); ++c) w.put(bit_cast<std::uint32_t>(decode<F>(c)));
    } else if constexpr (F::bits != 0) {
      w.put(bit_cast<std::uint32_t>(decode<F>(0x3f80u)));
    }
  };
  put_format(typename Part::format{});
  put_format(typename Part::scale{});
  put_format(typename Part::zero{});
  w.put(static_cast<std::uint64_t>(Part::scaling::group_tokens));
  w.put(static_cast<std::uint64_t>(Part::scaling::group_channels));
  w.put(static_cast<std::uint64_t>(term_of<typename Part::scheme>));
  w.put(static_cast<std::uint64_t>(Part::scheme::has_bias ? 1 : 0));
  if constexpr (requires { typename Part::second_part; }) w.put(fingerprint_of<typename Part::second_part>());
  return fnv1a(w.bytes);
}

// What a snapshot takes from a cache, and gives it.
struct snapshot_access {
  template <class Cache>
  static std::vector<std::uint8_t> save(const Cache& cache) {
    snapshot_writer w;
    for (const char c : {'l', 'o', 'w', 'p', '.', 'k', 'v', '1'}) w.bytes.push_back(static_cast<std::uint8_t>(c));
    for (const std::uint64_t n : head_of(cache)) w.put(n);
    w.put(std::span<const float>(cache.key_scales_));
    w.put(std::span<const float>(cache.value_scales_));
    for (const kept_tokens* kept : {&cache.first_, &cache.last_}) {
      w.put(std::span<const float>(kept->keys));
      w.put(std::span<const float>(kept->values));
    }
    for (std::size_t i = 0; i < cache.pages(); ++i) {
      const std::uint8_t* page = cache.options_.storage.page(i);
      w.bytes.insert(w.bytes.end(), page, page + cache.page_bytes());
    }
    for (const auto* lists : {&cache.key_outliers_, &cache.value_outliers_}) {
      for (std::size_t h = 0; h < lists->size(); ++h) {
        for (const kept_outlier& o : (*lists)[h].from(0)) {
          w.put(static_cast<std::uint32_t>(h));
          w.put(o.token);
          w.put(o.channel);
          w.put(o.add.code);
        }
      }
    }
    w.put(fnv1a(w.bytes));
    return std::move(w.bytes);
  }

  template <class Cache>
  static void load(Cache& cache, std::span<const std::uint8_t> bytes) {
    if (bytes.size() < 16 || std::memcmp(bytes.data(), "lowp.kv1", 8) != 0)
      LOWP_THROW("these ", bytes.size(), " bytes are no snapshot of a cache");
    const auto checked = bytes.first(bytes.size() - 8);
    if (snapshot_reader(bytes.subspan(checked.size())).template get<std::uint64_t>() != fnv1a(checked)) {
      LOWP_THROW("a snapshot of ", bytes.size(), " bytes was damaged: its checksum is another");
    }
    snapshot_reader r(checked.subspan(8));
    Cache fresh = empty_like(cache);
    const std::vector<std::uint64_t> expected = head_of(fresh);
    std::vector<std::uint64_t> head(expected.size());
    for (std::uint64_t& n : head) n = r.template get<std::uint64_t>();
    for (std::size_t i = 0; i < fixed_fields; ++i) {
      if (head[i] != expected[i]) LOWP_THROW("a snapshot of another cache: its ", field_name(i), " is ", head[i], ", not ", expected[i]);
    }
    const auto part = [&](std::size_t i) { return static_cast<std::size_t>(head[fixed_fields + i]); };
    const std::size_t width = cache.heads_ * cache.head_size_, most = r.left();
    for (std::size_t i = 0; i < 6; ++i) {
      if (i != 3 && part(i) > most) LOWP_THROW("a snapshot of ", most, " bytes cannot have ", part(i), " ", field_name(fixed_fields + i));
    }
    const std::size_t first = part(0), quantized = part(1), last = part(2);
    if (quantized % Cache::group_tokens != 0 || first > cache.options_.keep_first ||
        (first < cache.options_.keep_first && quantized + last != 0)) {
      LOWP_THROW("a snapshot of ", first, " + ", quantized, " + ", last, " tokens is none of a cache that keeps the first ",
                 cache.options_.keep_first);
    }
    if (r.floats(cache.heads_) != cache.key_scales_ || r.floats(cache.heads_) != cache.value_scales_) {
      LOWP_THROW("a snapshot of a cache with other scales");
    }
    for (auto [kept, count] : {std::pair{&fresh.first_, first}, std::pair{&fresh.last_, last}}) {
      kept->keys = r.floats(count * width);
      kept->values = r.floats(count * width);
      kept->tokens = count;
    }
    for (std::size_t i = 0; i < ceil_div(quantized, Cache::page_tokens); ++i) {
      const auto page = r.take(cache.page_bytes());
      fresh.options_.storage.add(cache.page_bytes());
      std::memcpy(fresh.options_.storage.writable(i), page.data(), page.size());
    }
    fresh.quantized_ = quantized;
    fresh.evicted_ = part(3);
    for (auto [lists, count, columns] : {std::tuple{&fresh.key_outliers_, part(4), fresh.key_part_.width()},
                                         std::tuple{&fresh.value_outliers_, part(5), fresh.value_part_.width()}}) {
      std::uint32_t head_before = 0, token_before = 0;
      for (std::size_t i = 0; i < count; ++i) {
        const auto h = r.template get<std::uint32_t>(), token = r.template get<std::uint32_t>();
        const auto channel = r.template get<std::uint16_t>(), add = r.template get<std::uint16_t>();
        if (h >= lists->size() || token >= quantized || channel >= columns || h < head_before ||
            (h == head_before && token < token_before)) {
          LOWP_THROW("outlier ", i, " of a snapshot, channel ", channel, " of token ", token, " of head ", h, ", cannot be there");
        }
        (*lists)[h].add(token, channel, f16::decode(add));
        head_before = h;
        token_before = token;
      }
    }
    if (r.left() != 0) LOWP_THROW("a snapshot has ", r.left(), " bytes too many");
    cache = std::move(fresh);
  }

 private:
  static constexpr std::size_t fixed_fields = 6;

  static const char* field_name(std::size_t i) {
    static constexpr const char* names[] = {"keys' scheme",     "values' scheme", "number of heads",   "head size",
                                            "tokens a page",    "bytes a page",   "tokens kept first", "quantized tokens",
                                            "tokens kept last", "evicted tokens", "outliers of keys",  "outliers of values"};
    return names[i];
  }
  template <class Cache>
  static std::vector<std::uint64_t> head_of(const Cache& cache) {
    std::size_t outliers[2] = {};
    for (const auto& list : cache.key_outliers_) outliers[0] += list.from(0).size();
    for (const auto& list : cache.value_outliers_) outliers[1] += list.from(0).size();
    return {fingerprint_of<typename Cache::key_part>(),
            fingerprint_of<typename Cache::value_part>(),
            cache.heads_,
            cache.head_size_,
            Cache::page_tokens,
            cache.page_bytes(),
            cache.first_.tokens,
            cache.quantized_,
            cache.last_.tokens,
            cache.evicted_,
            outliers[0],
            outliers[1]};
  }
  template <class Cache>
  static Cache empty_like(const Cache& cache) {
    auto options = cache.options_;
    options.storage = cache.options_.storage.empty_one();
    return Cache(cache.heads_, cache.head_size_, std::move(options));
  }
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD

namespace lowp::inline LOWP_ABI::inline LOWP_BUILD {

template <class Key, class Value, class Storage>
std::vector<std::uint8_t> snapshot(const kv_cache<Key, Value, Storage>& cache) {
  return detail::snapshot_access::save(cache);
}

// Makes the cache what it was when the snapshot was taken. Throws lowp::error where the bytes are damaged or of a cache of other schemes,
// sizes or scales, and leaves the cache as it is.
template <class Key, class Value, class Storage>
void restore(kv_cache<Key, Value, Storage>& cache, std::span<const std::uint8_t> bytes) {
  detail::snapshot_access::load(cache, bytes);
}

}  // namespace lowp::inline LOWP_ABI::inline LOWP_BUILD

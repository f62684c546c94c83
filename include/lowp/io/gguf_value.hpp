// A metadata value of a GGUF file: a number, a boolean, a string, or an array of any of them, arrays too.
//
// A value is a view of the file's bytes, checked when the file was opened; nothing is copied, so that a vocabulary of
// 150,000 words costs no memory. It is valid while the file is open.
//
//   const auto& tokens = file.metadata_at("tokenizer.ggml.tokens");
//   tokens.for_each([](const lowp::gguf_value& token) { show(token.string()); });
//
// Source: the GGUF specification, https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 1 to 3.
#pragma once

#include <lowp/core/bits.hpp>
#include <lowp/core/error.hpp>
#include <lowp/io/byte_reader.hpp>
#include <lowp/io/tensor_info.hpp>

#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace lowp::inline LOWP_ABI {

enum class gguf_type : std::uint32_t {
  uint8 = 0,
  int8 = 1,
  uint16 = 2,
  int16 = 3,
  uint32 = 4,
  int32 = 5,
  float32 = 6,
  boolean = 7,
  string = 8,
  array = 9,
  uint64 = 10,
  int64 = 11,
  float64 = 12,
};

constexpr std::string_view gguf_type_name(gguf_type type) noexcept {
  constexpr std::string_view names[] = {"uint8",   "int8",   "uint16", "int16",  "uint32", "int32",  "float32",
                                        "boolean", "string", "array",  "uint64", "int64",  "float64"};
  const auto id = static_cast<std::uint32_t>(type);
  return id < 13 ? names[id] : std::string_view("?");
}

// The bytes of a number or a boolean; 0 for a string, an array or an unknown type.
constexpr std::uint64_t gguf_scalar_bytes(gguf_type type) noexcept {
  constexpr std::uint8_t sizes[] = {1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
  const auto id = static_cast<std::uint32_t>(type);
  return id < 13 ? sizes[id] : 0;
}

namespace detail {

inline constexpr std::uint32_t gguf_array_depth_limit = 4;

// Lengths and counts take 32 bits in version 1 and 64 bits since.
inline std::uint64_t read_gguf_length(byte_reader& in, std::uint32_t version, std::string_view what) {
  return version == 1 ? in.read<std::uint32_t>(what) : in.read<std::uint64_t>(what);
}

inline std::string_view read_gguf_string(byte_reader& in, std::uint32_t version, std::string_view what) {
  const auto bytes = in.take(read_gguf_length(in, version, what), what);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace detail

class gguf_value {
 public:
  // The value of `type` that starts where `in` stands; moves `in` behind it. Throws lowp::error unless all of it is there,
  // of known types, and nested no deeper than the limit. `key` must outlive the value.
  static gguf_value parse(byte_reader& in, std::string_view key, gguf_type type, std::uint32_t version, std::uint32_t depth = 0) {
    gguf_value value;
    value.key_ = key;
    value.type_ = type;
    value.version_ = static_cast<std::uint8_t>(version);
    value.depth_ = static_cast<std::uint8_t>(depth);
    if (type == gguf_type::string) {
      const std::string_view text = detail::read_gguf_string(in, version, "a string");
      value.data_ = std::as_bytes(std::span(text));
    } else if (type == gguf_type::array) {
      value.parse_array(in);
    } else if (const std::uint64_t size = gguf_scalar_bytes(type); size != 0) {
      value.data_ = in.take(size, gguf_type_name(type));
      if (type == gguf_type::boolean) check_booleans(in, value.data_);
    } else {
      in.fail("metadata ", detail::in_quotes(key), ": unknown value type ", static_cast<std::uint32_t>(type));
    }
    return value;
  }

  std::string_view key() const noexcept { return key_; }
  gguf_type type() const noexcept { return type_; }

  // Of an array. Throw lowp::error for other values.
  gguf_type element_type() const {
    require(gguf_type::array);
    return element_type_;
  }
  std::uint64_t size() const {
    require(gguf_type::array);
    return count_;
  }

  // Calls f(value) for each element of an array. Throws lowp::error for other values.
  template <class F>
  void for_each(F&& f) const {
    require(gguf_type::array);
    byte_reader in(data_, key_);
    for (std::uint64_t i = 0; i != count_; ++i) f(parse(in, key_, element_type_, version_, depth_ + 1u));
  }

  // Throw lowp::error if the value is of another type.
  bool boolean() const {
    require(gguf_type::boolean);
    return data_[0] != std::byte{0};
  }
  std::string_view string() const {
    require(gguf_type::string);
    return {reinterpret_cast<const char*>(data_.data()), data_.size()};
  }

  // Any integer that is not negative. Throws lowp::error for other values.
  std::uint64_t unsigned_integer() const {
    const std::int64_t value = signed_bits();
    if (value < 0 && type_ != gguf_type::uint64) LOWP_THROW("metadata ", detail::in_quotes(key_), ": ", value, " is negative");
    return static_cast<std::uint64_t>(value);
  }

  // Any integer that fits. Throws lowp::error for other values.
  std::int64_t signed_integer() const {
    const std::int64_t value = signed_bits();
    if (value < 0 && type_ == gguf_type::uint64) LOWP_THROW("metadata ", detail::in_quotes(key_), ": more than 63 bits");
    return value;
  }

  // Any number, to the nearest double. Throws lowp::error for other values.
  double number() const {
    if (type_ == gguf_type::float32) return bit_cast<float>(word<std::uint32_t>());
    if (type_ == gguf_type::float64) return bit_cast<double>(word<std::uint64_t>());
    if (type_ == gguf_type::uint64) return static_cast<double>(word<std::uint64_t>());
    return static_cast<double>(signed_bits());
  }

  // Of a number or a boolean, little-endian. Empty for other values.
  std::span<const std::byte> scalar_bytes() const noexcept { return gguf_scalar_bytes(type_) != 0 ? data_ : std::span<const std::byte>(); }

 private:
  void parse_array(byte_reader& in) {
    if (depth_ == detail::gguf_array_depth_limit)
      in.fail("metadata ", detail::in_quotes(key_), ": arrays nested deeper than ", detail::gguf_array_depth_limit, " levels");
    element_type_ = gguf_type{in.read<std::uint32_t>("the type of an array's elements")};
    count_ = detail::read_gguf_length(in, version_, "the length of an array");
    const std::uint64_t length_bytes = version_ == 1 ? 4 : 8;
    const std::uint64_t least = element_type_ == gguf_type::string  ? length_bytes
                                : element_type_ == gguf_type::array ? 4 + length_bytes
                                                                    : gguf_scalar_bytes(element_type_);
    if (least == 0) in.fail("metadata ", detail::in_quotes(key_), ": unknown element type ", static_cast<std::uint32_t>(element_type_));
    if (count_ > in.remaining() / least) {
      in.fail("metadata ", detail::in_quotes(key_), ": an array of ", count_, " ", gguf_type_name(element_type_), "s takes at least ",
              least, " bytes each, but ", in.remaining(), " follow");
    }
    if (gguf_scalar_bytes(element_type_) != 0) {
      data_ = in.take(count_ * least, "an array");
      if (element_type_ == gguf_type::boolean) check_booleans(in, data_);
      return;
    }
    byte_reader elements = in;
    for (std::uint64_t i = 0; i != count_; ++i) parse(elements, key_, element_type_, version_, depth_ + 1u);
    data_ = in.take(elements.position() - in.position(), "an array");
  }

  static void check_booleans(const byte_reader& in, std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) {
      if (std::to_integer<unsigned>(b) > 1)
        in.fail("a boolean of ", std::to_integer<unsigned>(b), " ends here, where 0 and 1 are all there is");
    }
  }

  void require(gguf_type type) const {
    if (type_ != type)
      LOWP_THROW("metadata ", detail::in_quotes(key_), " is of type ", gguf_type_name(type_), ", not ", gguf_type_name(type));
  }

  template <class Word>
  Word word() const noexcept {
    return little_endian<Word>(data_, 0);
  }

  // Sign-extended; a uint64 as its bits.
  std::int64_t signed_bits() const {
    switch (type_) {
      case gguf_type::uint8:
        return word<std::uint8_t>();
      case gguf_type::int8:
        return word<std::int8_t>();
      case gguf_type::uint16:
        return word<std::uint16_t>();
      case gguf_type::int16:
        return word<std::int16_t>();
      case gguf_type::uint32:
        return word<std::uint32_t>();
      case gguf_type::int32:
        return word<std::int32_t>();
      case gguf_type::uint64:
      case gguf_type::int64:
        return word<std::int64_t>();
      default:
        LOWP_THROW("metadata ", detail::in_quotes(key_), " is of type ", gguf_type_name(type_), ", not an integer");
    }
  }

  std::string_view key_;
  std::span<const std::byte> data_;  // of an array: its elements
  std::uint64_t count_ = 0;
  gguf_type type_ = gguf_type::uint8;
  gguf_type element_type_ = gguf_type::uint8;
  std::uint8_t version_ = 3;
  std::uint8_t depth_ = 0;
};

}  // namespace lowp::inline LOWP_ABI

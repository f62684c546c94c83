// Writes a GGUF file (version 3, little-endian) tensor by tensor, so that a model never has to be in memory whole.
//
// Metadata and tensors are declared before the first tensor is written. The file appears under its name in commit(); any
// error before that, or none at all, leaves nothing behind (see atomic_file). What gguf_file would refuse is never written.
//
//   lowp::gguf_writer writer("out.gguf");
//   writer.metadata("general.architecture", "llama");                             // strings, bool, any number, ranges of them
//   writer.metadata("general.quantization_version", std::uint32_t{2});            // in the type of the argument
//   writer.metadata("tokenizer.ggml.tokens", std::vector<std::string>{"<s>", "a"});
//   writer.declare("blk.0.attn_q.weight", lowp::ggml_type::q4_0, {rows, cols});
//   writer.write("blk.0.attn_q.weight", blocks);                                  // the declared order; in as many pieces as you like
//   writer.commit();
#pragma once

#include <lowp/io/declared_tensors.hpp>
#include <lowp/io/gguf_header.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

template <class T>
concept gguf_text = std::convertible_to<const T&, std::string_view>;
template <class T>
concept gguf_scalar = std::is_arithmetic_v<T> && sizeof(T) <= 8;
template <class T>
concept gguf_array = std::ranges::input_range<const T&> && !gguf_text<T>;

template <class T>
constexpr gguf_type gguf_type_of() noexcept {
  if constexpr (gguf_text<T>) return gguf_type::string;
  else if constexpr (gguf_array<T>) return gguf_type::array;
  else if constexpr (std::is_same_v<T, bool>) return gguf_type::boolean;
  else if constexpr (std::is_floating_point_v<T>) return sizeof(T) == 4 ? gguf_type::float32 : gguf_type::float64;
  else if constexpr (sizeof(T) == 1) return std::is_signed_v<T> ? gguf_type::int8 : gguf_type::uint8;
  else if constexpr (sizeof(T) == 2) return std::is_signed_v<T> ? gguf_type::int16 : gguf_type::uint16;
  else if constexpr (sizeof(T) == 4) return std::is_signed_v<T> ? gguf_type::int32 : gguf_type::uint32;
  else return std::is_signed_v<T> ? gguf_type::int64 : gguf_type::uint64;
}

inline void append_gguf_type(std::string& bytes, gguf_type type) { append_little_endian(bytes, static_cast<std::uint32_t>(type)); }

inline void append_gguf_string(std::string& bytes, std::string_view text) {
  append_little_endian(bytes, static_cast<std::uint64_t>(text.size()));
  bytes.append(text);
}

// A value in the type of T, without the id of that type.
template <class T>
void append_gguf_value(std::string& bytes, const T& value) {
  if constexpr (gguf_text<T>) {
    append_gguf_string(bytes, value);
  } else if constexpr (gguf_array<T>) {
    using element = std::ranges::range_value_t<const T&>;
    append_gguf_type(bytes, gguf_type_of<element>());
    append_little_endian(bytes, static_cast<std::uint64_t>(std::ranges::distance(value)));
    for (const auto& e : value) append_gguf_value<element>(bytes, e);
  } else if constexpr (std::is_same_v<T, bool>) {
    bytes += value ? '\1' : '\0';
  } else if constexpr (std::is_floating_point_v<T>) {
    append_little_endian(bytes, bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(value));
  } else {
    append_little_endian(bytes, value);
  }
}

// A value of another file, of any version.
inline void append_gguf_value(std::string& bytes, const gguf_value& value) {
  if (value.type() == gguf_type::string) {
    append_gguf_string(bytes, value.string());
  } else if (value.type() == gguf_type::array) {
    append_gguf_type(bytes, value.element_type());
    append_little_endian(bytes, value.size());
    value.for_each([&](const gguf_value& element) { append_gguf_value(bytes, element); });
  } else {
    bytes.append(reinterpret_cast<const char*>(value.scalar_bytes().data()), value.scalar_bytes().size());
  }
}

// Fit for a metadata value, array elements included.
template <class T>
inline constexpr bool is_gguf_metadata = gguf_text<T> || gguf_scalar<T>;
template <gguf_array T>
inline constexpr bool is_gguf_metadata<T> = is_gguf_metadata<std::ranges::range_value_t<const T&>>;

}  // namespace detail

class gguf_writer {
 public:
  // Throws lowp::error if no file can be created beside `path`.
  explicit gguf_writer(std::string path) : file_(std::move(path)) {}

  // Where tensors may start, in bytes: a power of two up to 65,536. Only before the first tensor is declared.
  void alignment(std::uint32_t bytes) {
    check_open();
    if (!tensors_.list().empty()) LOWP_THROW(file_.path(), ": the alignment is set before tensors are declared");
    if (bytes > detail::gguf_alignment_limit || !checked_align_up(0, bytes))
      LOWP_THROW(file_.path(), ": an alignment of ", bytes, ", where powers of two up to ", detail::gguf_alignment_limit, " are possible");
    alignment_ = bytes;
    add("general.alignment", gguf_type::uint32, [&](std::string& out) { append_little_endian(out, bytes); });
  }

  // A value before the first write: text, a bool, an integer of 8 to 64 bits, a float, a double, or a range of any of them.
  // Keys must differ.
  template <class T>
  requires detail::is_gguf_metadata<T>
  void metadata(std::string_view key, const T& value) {
    check_open();
    if (key == "general.alignment") LOWP_THROW(file_.path(), ": general.alignment is set by alignment()");
    add(key, detail::gguf_type_of<T>(), [&](std::string& out) { detail::append_gguf_value(out, value); });
  }

  // The same of another file.
  void metadata(const gguf_value& value) {
    if (value.key() == "general.alignment") return alignment(static_cast<std::uint32_t>(value.unsigned_integer()));
    check_open();
    add(value.key(), value.type(), [&](std::string& out) { detail::append_gguf_value(out, value); });
  }

  // The next tensor of the file, its outermost dimension first. Throws lowp::error if the shape has no exact size in bytes.
  void declare(std::string name, ggml_type type, std::vector<std::uint64_t> shape) {
    check_open();
    if (name.size() > name_limit)
      LOWP_THROW(file_.path(), ": tensor ", detail::in_quotes(name), ": a name of ", name.size(), " bytes, where ", name_limit,
                 " are the limit");
    const auto elements = checked_elements(shape);
    const ggml_type_entry* entry = find_ggml_type(static_cast<std::uint32_t>(type));
    const bool whole = entry != nullptr && (shape.empty() ? 1 : shape.back()) % entry->block_elements == 0;
    const auto bytes = elements && whole ? ggml_bytes(type, *elements) : std::nullopt;
    tensors_.declare(file_, {std::move(name), type, std::move(shape)}, bytes, alignment_, ggml_type_name(type));
  }

  // The next bytes of the tensor `name`: the current one, or the one declared after it once the current one is complete.
  // Tensors without bytes may be left out. The first call writes the header.
  void write(std::string_view name, std::span<const std::byte> bytes) {
    if (!header_written_) write_header();
    tensors_.write(file_, name, bytes);
  }

  // Ends the file and gives it its name. Throws lowp::error if a tensor is incomplete, or if the system cannot.
  void commit() {
    if (!header_written_) write_header();
    tensors_.finish(file_, *checked_align_up(tensors_.size_bytes(), alignment_));  // which write_header has checked
    file_.commit();
  }

  // Bytes of the file so far, or of the whole of it after commit().
  std::uint64_t size_bytes() const noexcept { return file_.size(); }

 private:
  static constexpr std::size_t name_limit = 63;  // 64 by the specification, but ggml keeps one of them for a zero byte

  struct declared {
    std::string name;
    ggml_type type = ggml_type::f32;
    std::vector<std::uint64_t> shape;
    std::uint64_t begin = 0;
    std::uint64_t end = 0;
    std::uint64_t size_bytes() const noexcept { return end - begin; }
  };

  void check_open() const {
    if (header_written_) LOWP_THROW(file_.path(), ": the header is already written; declare everything before the first write");
  }

  template <class Append>
  void add(std::string_view key, gguf_type type, Append append) {
    detail::append_gguf_string(values_, key);
    detail::append_gguf_type(values_, type);
    append(values_);
    ++value_count_;
  }

  void write_header() {
    std::string header = "GGUF";
    append_little_endian(header, std::uint32_t{3});
    append_little_endian(header, static_cast<std::uint64_t>(tensors_.list().size()));
    append_little_endian(header, value_count_);
    header += values_;
    for (const declared& tensor : tensors_.list()) {
      detail::append_gguf_string(header, tensor.name);
      append_little_endian(header, static_cast<std::uint32_t>(tensor.shape.size()));
      for (std::size_t d = tensor.shape.size(); d-- != 0;) append_little_endian(header, tensor.shape[d]);
      append_little_endian(header, static_cast<std::uint32_t>(tensor.type));
      append_little_endian(header, tensor.begin);
    }
    const auto data_begin = checked_align_up(header.size(), alignment_);
    const auto data_bytes = checked_align_up(tensors_.size_bytes(), alignment_);
    const auto file_bytes = data_begin && data_bytes ? checked_add(*data_begin, *data_bytes) : std::nullopt;
    // What the reader would refuse (duplicate names, too many dimensions, a strange alignment) must not be written either.
    const auto bytes = std::as_bytes(std::span(header));
    detail::parse_gguf_header(bytes, file_bytes.value_or(header.size()), (std::numeric_limits<std::uint64_t>::max)(), file_.path());
    header_written_ = true;
    header.resize(static_cast<std::size_t>(*data_begin));
    file_.write(std::as_bytes(std::span(header)));
    values_.clear();
  }

  atomic_file file_;
  std::uint32_t alignment_ = 32;
  std::string values_;  // as the file has them
  std::uint64_t value_count_ = 0;
  detail::declared_tensors<declared> tensors_;
  bool header_written_ = false;
};

}  // namespace lowp::inline LOWP_ABI

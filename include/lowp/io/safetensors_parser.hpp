// The JSON of a safetensors header, event by event, into tensors and metadata.
//
// A document tree would take many times the memory of the text and would drop duplicate keys without a word, so
// nlohmann-json is used through its SAX interface. Each event is checked against the one place where it may occur.
//
//   lowp::detail::safetensors_parser(json, limit, "model.safetensors", tensors, metadata).run();
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/json_limits.hpp>
#include <lowp/io/safetensors_bounds.hpp>
#include <lowp/io/tensor_info.hpp>

#include <nlohmann/json.hpp>

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

// Characters for the parser; leaves in *last where it has got to, which the events themselves do not tell.
struct tracking_iterator {
  using iterator_category = std::input_iterator_tag;
  using value_type = char;
  using difference_type = std::ptrdiff_t;
  using pointer = const char*;
  using reference = const char&;

  const char* position;
  const char** last;

  reference operator*() const noexcept { return *position; }
  tracking_iterator& operator++() noexcept {
    *last = position++;
    return *this;
  }
  tracking_iterator operator++(int) noexcept {
    const tracking_iterator before = *this;
    ++*this;
    return before;
  }
  friend bool operator==(const tracking_iterator& a, const tracking_iterator& b) noexcept { return a.position == b.position; }
};

class safetensors_parser {
 public:
  safetensors_parser(std::string_view json, std::uint64_t memory_limit, std::string_view source, std::vector<tensor_info>& tensors,
                     std::vector<std::pair<std::string, std::string>>& metadata)
      : json_(json), memory_limit_(memory_limit), source_(source), tensors_(tensors), metadata_(metadata) {}

  // Throws lowp::error with the byte and the key at fault.
  void run() {
    const safetensors_bounds bounds = scan_safetensors_json(json_, source_);
    if (bounds.memory() > memory_limit_) {
      LOWP_THROW(source_, ": the header would take ", bounds.memory(), " bytes of memory, where a file of this size may take ",
                 memory_limit_);
    }
    tensors_.reserve(static_cast<std::size_t>(bounds.objects));
    metadata_.reserve(static_cast<std::size_t>(bounds.entries));
    const char* const begin = json_.data();
    last_ = begin;
    nlohmann::json::sax_parse(tracking_iterator{begin, &last_}, tracking_iterator{begin + json_.size(), &last_}, this);
  }

  // The events, as nlohmann-json names them.
  bool null() { unexpected("null"); }
  bool boolean(bool) { unexpected("a boolean"); }
  bool number_integer(std::int64_t) { unexpected("a negative number"); }
  bool number_float(double, const std::string&) { unexpected("a fraction, or a number beyond 64 bits,"); }
  bool binary(const nlohmann::json::binary_t&) { unexpected("binary data"); }

  bool number_unsigned(std::uint64_t number) {
    if (place_ == place::shape) {
      if (dimensions_ == safetensors_dimension_limit) fail("more than ", safetensors_dimension_limit, " dimensions");
      shape_[dimensions_++] = number;
    } else if (place_ == place::offsets) {
      if (offset_count_ == 2) fail("more than two data_offsets");
      offsets_[offset_count_++] = number;
    } else {
      unexpected("a number");
    }
    return true;
  }

  bool string(const std::string& text) {
    if (place_ == place::metadata) {
      metadata_.emplace_back(std::string(key_), std::string(text));
    } else if (place_ == place::tensor && field_ == field_dtype) {
      const auto type = find_dtype(text);
      if (!type) fail("unknown dtype ", in_quotes(text));
      dtype_ = *type;
    } else {
      unexpected("a string");
    }
    return true;
  }

  bool key(const std::string& text) {
    if (text.size() > safetensors_name_limit) fail("a key of ", text.size(), " bytes, where ", safetensors_name_limit, " are the limit");
    if (place_ == place::file) {
      name_ = text;
    } else if (place_ == place::metadata) {
      key_ = text;
    } else {
      field_ = text == "dtype" ? field_dtype : text == "shape" ? field_shape : text == "data_offsets" ? field_offsets : 0u;
      if (field_ == 0) fail("unknown key ", in_quotes(text));
      if ((seen_ & field_) != 0) fail("key ", in_quotes(text), " occurs twice");
      seen_ |= field_;
    }
    return true;
  }

  bool start_object(std::size_t) {
    if (place_ == place::start) {
      place_ = place::file;
    } else if (place_ == place::file && name_ == "__metadata__") {
      if (std::exchange(has_metadata_, true)) fail("occurs twice");
      place_ = place::metadata;
    } else if (place_ == place::file) {
      if (tensors_.size() == safetensors_tensor_limit) fail("more than ", safetensors_tensor_limit, " tensors");
      place_ = place::tensor;
      seen_ = field_ = 0;
    } else {
      unexpected("an object");
    }
    return true;
  }

  bool end_object() {
    if (place_ == place::tensor) finish_tensor();
    place_ = place::file;  // the end of the file's own object is followed by no event
    return true;
  }

  bool start_array(std::size_t) {
    if (place_ == place::tensor && field_ == field_shape) {
      place_ = place::shape;
      dimensions_ = 0;
    } else if (place_ == place::tensor && field_ == field_offsets) {
      place_ = place::offsets;
      offset_count_ = 0;
    } else {
      unexpected("an array");
    }
    return true;
  }

  bool end_array() {
    if (place_ == place::offsets && offset_count_ != 2) fail("data_offsets needs two numbers, but has ", offset_count_);
    place_ = place::tensor;
    return true;
  }

  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& reason) {
    fail("invalid JSON: ", printable(json_reason(reason.what()), 200));
  }

 private:
  enum class place { start, file, metadata, tensor, shape, offsets };
  static constexpr unsigned field_dtype = 1, field_shape = 2, field_offsets = 4;

  void finish_tensor() {
    if ((seen_ & field_dtype) == 0) fail("no dtype");
    if ((seen_ & field_shape) == 0) fail("no shape");
    if ((seen_ & field_offsets) == 0) fail("no data_offsets");
    const std::span<const std::uint64_t> shape(shape_, dimensions_);
    const auto elements = checked_elements(shape);
    if (!elements) fail("a shape of more than 2^64 elements");
    const auto bits = checked_mul(*elements, dtype_bits(dtype_));
    if (!bits) fail("a tensor of more than 2^64 bits");
    if (*bits % 8 != 0) fail(*elements, " elements of ", dtype_bits(dtype_), " bits do not end on a byte");
    if (offsets_[1] < offsets_[0]) fail("data_offsets ", offsets_[0], " to ", offsets_[1], " run backwards");
    if (offsets_[1] - offsets_[0] != *bits / 8) {
      fail("shape and dtype need ", *bits / 8, " bytes, but data_offsets ", offsets_[0], " to ", offsets_[1], " give ",
           offsets_[1] - offsets_[0]);
    }
    tensors_.push_back({name_, dtype_, {shape.begin(), shape.end()}, offsets_[0], offsets_[1]});
  }

  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    const auto byte = safetensors_length_bytes + static_cast<std::uint64_t>(last_ - json_.data());
    const bool named = place_ != place::start && !name_.empty();
    LOWP_THROW(source_, ": byte ", byte, ": ", named ? in_quotes(name_) + ": " : std::string(), parts...);
  }

  [[noreturn]] void unexpected(const char* what) const {
    if (place_ == place::metadata) fail(what, " is no metadata value; all are strings");
    if (place_ == place::file) fail(what, " is no description of a tensor");
    fail(what, " is out of place");
  }

  std::string_view json_;
  std::uint64_t memory_limit_;
  std::string_view source_;
  std::vector<tensor_info>& tensors_;
  std::vector<std::pair<std::string, std::string>>& metadata_;
  const char* last_ = nullptr;

  place place_ = place::start;
  bool has_metadata_ = false;
  std::string name_;  // of the tensor, or __metadata__
  std::string key_;   // of the metadata entry
  unsigned field_ = 0;
  unsigned seen_ = 0;
  dtype dtype_ = dtype::u8;
  std::uint64_t shape_[safetensors_dimension_limit] = {};
  std::size_t dimensions_ = 0;
  std::uint64_t offsets_[2] = {};
  std::size_t offset_count_ = 0;
};

}  // namespace lowp::inline LOWP_ABI::detail

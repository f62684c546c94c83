// Bytes of a file read one after another, each length checked before it is used.
//
//   lowp::byte_reader in(bytes, "model.gguf");
//   const auto count = in.read<std::uint64_t>("the number of tensors");     // little-endian
//   const auto name = in.take(count, "a name");                             // ... byte 8: a name takes 99 bytes, but 3 follow
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/little_endian.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace lowp::inline LOWP_ABI {

class byte_reader {
 public:
  // `source` starts every message; it and the bytes must outlive the reader.
  byte_reader(std::span<const std::byte> bytes, std::string_view source) noexcept : bytes_(bytes), source_(source) {}

  std::uint64_t position() const noexcept { return position_; }
  std::uint64_t remaining() const noexcept { return bytes_.size() - position_; }
  std::string_view source() const noexcept { return source_; }

  // The next `count` bytes. Throws lowp::error if fewer follow.
  std::span<const std::byte> take(std::uint64_t count, std::string_view what) {
    if (count > remaining()) fail(what, " takes ", count, " bytes, but ", remaining(), " follow");
    const auto taken = bytes_.subspan(static_cast<std::size_t>(position_), static_cast<std::size_t>(count));
    position_ += count;
    return taken;
  }

  // The next little-endian integer.
  template <class Word>
  Word read(std::string_view what) {
    return little_endian<Word>(take(sizeof(Word), what), 0);
  }

  // Throws lowp::error that names the byte which comes next.
  template <class... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    LOWP_THROW(source_, ": byte ", position_, ": ", parts...);
  }

 private:
  std::span<const std::byte> bytes_;
  std::string_view source_;
  std::uint64_t position_ = 0;
};

}  // namespace lowp::inline LOWP_ABI

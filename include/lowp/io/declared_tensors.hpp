// The tensors of a file that is being written: declared first, then written in that order, in as many pieces as one likes,
// each at an aligned place. What the writers of all formats share.
//
//   lowp::detail::declared_tensors<lowp::tensor_info> tensors;
//   tensors.declare(file, {"w", lowp::dtype::f32, {2, 3}}, 24, 1);
//   tensors.write(file, "w", bytes);
//   tensors.finish(file);
#pragma once

#include <lowp/io/atomic_file.hpp>
#include <lowp/io/checked.hpp>
#include <lowp/io/tensor_info.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

// Info has a name, and the place [begin, end) of its bytes counted from the start of the data.
template <class Info>
class declared_tensors {
 public:
  const std::vector<Info>& list() const noexcept { return tensors_; }

  // The end of the last tensor, without padding.
  std::uint64_t size_bytes() const noexcept { return tensors_.empty() ? 0 : tensors_.back().end; }

  // Adds a tensor of so many bytes (nothing: its shape has none) at the next multiple of `alignment`.
  void declare(const atomic_file& file, Info tensor, std::optional<std::uint64_t> bytes, std::uint64_t alignment, std::string_view type) {
    const auto begin = checked_align_up(size_bytes(), alignment);
    const auto end = begin && bytes ? checked_add(*begin, *bytes) : std::nullopt;
    if (!end) LOWP_THROW(file.path(), ": tensor ", in_quotes(tensor.name), ": a shape that has no size in bytes as ", type);
    tensor.begin = *begin;
    tensor.end = *end;
    tensors_.push_back(std::move(tensor));
  }

  // The next bytes of the tensor `name`: the current one, or the one declared after it once the current one is complete.
  // Tensors without bytes may be left out.
  void write(atomic_file& file, std::string_view name, std::span<const std::byte> bytes) {
    while (current_ != tensors_.size() && tensors_[current_].name != name && complete(tensors_[current_])) ++current_;
    if (current_ == tensors_.size()) LOWP_THROW(file.path(), ": tensor ", in_quotes(name), " was not declared, or is written out of order");
    const Info& tensor = tensors_[current_];
    if (tensor.name != name) {
      LOWP_THROW(file.path(), ": tensor ", in_quotes(name), " is written before ", in_quotes(tensor.name), " is complete: ", done(tensor),
                 " of ", tensor.size_bytes(), " bytes");
    }
    if (bytes.size() > tensor.size_bytes() - done(tensor)) {
      LOWP_THROW(file.path(), ": tensor ", in_quotes(name), " takes ", tensor.size_bytes(), " bytes; ", bytes.size(), " more after ",
                 done(tensor), " are too many");
    }
    if (bytes.empty()) return;
    pad(file, tensor.begin);
    file.write(bytes);
    written_ += bytes.size();
  }

  // Throws lowp::error if a tensor is incomplete; pads the data with zeros up to `data_bytes`.
  void finish(atomic_file& file, std::uint64_t data_bytes) {
    for (const Info& tensor : tensors_) {
      if (!complete(tensor)) {
        LOWP_THROW(file.path(), ": tensor ", in_quotes(tensor.name), " is incomplete: ", done(tensor), " of ", tensor.size_bytes(),
                   " bytes");
      }
    }
    pad(file, data_bytes);
  }

 private:
  std::uint64_t done(const Info& tensor) const noexcept {
    return (std::min)(tensor.end, (std::max)(tensor.begin, written_)) - tensor.begin;
  }

  bool complete(const Info& tensor) const noexcept { return done(tensor) == tensor.size_bytes(); }

  // Zeros up to this place in the data.
  void pad(atomic_file& file, std::uint64_t place) {
    constexpr std::byte zeros[256] = {};
    while (written_ < place) {
      const std::uint64_t count = (std::min<std::uint64_t>)(place - written_, sizeof zeros);
      file.write(std::span(zeros).first(static_cast<std::size_t>(count)));
      written_ += count;
    }
  }

  std::vector<Info> tensors_;
  std::size_t current_ = 0;    // the tensor being written
  std::uint64_t written_ = 0;  // bytes of the data, padding included
};

}  // namespace lowp::inline LOWP_ABI::detail

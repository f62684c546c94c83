// The tensors of one or several files as one list, in which each is found by its name.
#pragma once

#include <lowp/core/error.hpp>
#include <lowp/io/tensor_info.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

// A tensor and the file that holds it. Valid while the file lives.
template <class File, class Tensor>
class place_in {
 public:
  place_in(const File* file, const Tensor* tensor) noexcept : file_(file), tensor_(tensor) {}
  const File& file() const noexcept { return *file_; }
  const Tensor& tensor() const noexcept { return *tensor_; }
  std::span<const std::byte> bytes() const { return file_->bytes(*tensor_); }
  std::vector<float> read_f32() const { return file_->read_f32(*tensor_); }
  void read_f32(std::span<float> out) const { file_->read_f32(*tensor_, out); }

 private:
  const File* file_;
  const Tensor* tensor_;
};

template <class File, class Tensor>
class tensor_places {
 public:
  using place = place_in<File, Tensor>;

  void add(const File& file) {
    for (const Tensor& tensor : file.tensors()) list_.emplace_back(&file, &tensor);
  }

  // After the last file. Throws lowp::error, naming `source`, where two tensors have one name.
  void sort(std::string_view source) {
    by_name_.resize(list_.size());
    for (std::size_t i = 0; i != by_name_.size(); ++i) by_name_[i] = static_cast<std::uint32_t>(i);
    const auto name = [this](std::uint32_t i) -> std::string_view { return list_[i].tensor().name; };
    std::sort(by_name_.begin(), by_name_.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
    for (std::size_t i = 1; i < by_name_.size(); ++i) {
      if (name(by_name_[i]) == name(by_name_[i - 1]))
        LOWP_THROW(source, ": tensor ", in_quotes(name(by_name_[i])), " is in two files");
    }
  }

  // File by file, in the order in which they list them.
  const std::vector<place>& list() const noexcept { return list_; }

  // The tensor of this name, or null.
  const place* find(std::string_view name) const noexcept {
    const auto it = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [this](std::uint32_t i, std::string_view n) { return list_[i].tensor().name < n; });
    return it != by_name_.end() && list_[*it].tensor().name == name ? &list_[*it] : nullptr;
  }

  // The tensor of this name. Throws lowp::error, naming `source`, if there is none.
  const place& at(std::string_view name, std::string_view source) const {
    const place* found = find(name);
    if (found == nullptr) LOWP_THROW(source, ": there is no tensor ", in_quotes(name));
    return *found;
  }

 private:
  std::vector<place> list_;
  std::vector<std::uint32_t> by_name_;
};

}  // namespace lowp::inline LOWP_ABI::detail

// Numbers of a head's keys or values that codes miss, kept sparse beside the pages, in the order of their tokens.
#pragma once

#include <lowp/core/half.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace lowp::inline LOWP_ABI::detail {

struct kept_outlier {
  std::uint32_t token;
  std::uint16_t channel;
  f16 add;
};

class outlier_list {
 public:
  void add(std::size_t token, std::size_t channel, float add) {
    list_.push_back({static_cast<std::uint32_t>(token), static_cast<std::uint16_t>(channel), f16(add)});
  }
  void cut(std::size_t tokens) { list_.resize(place(tokens)); }
  // Forgets tokens [first, first + count); those after them move down.
  void remove(std::size_t first, std::size_t count) {
    const auto begin = list_.begin();
    list_.erase(begin + static_cast<std::ptrdiff_t>(place(first)), begin + static_cast<std::ptrdiff_t>(place(first + count)));
    for (std::size_t i = place(first); i < list_.size(); ++i) list_[i].token -= static_cast<std::uint32_t>(count);
  }
  std::span<const kept_outlier> from(std::size_t token) const noexcept {
    return std::span<const kept_outlier>(list_).subspan(place(token));
  }
  std::size_t bytes() const noexcept { return list_.size() * sizeof(kept_outlier); }

 private:
  std::size_t place(std::size_t token) const noexcept {
    return static_cast<std::size_t>(
        std::lower_bound(list_.begin(), list_.end(), token, [](const kept_outlier& o, std::size_t t) { return o.token < t; }) -
        list_.begin());
  }

  std::vector<kept_outlier> list_;
};

}  // namespace lowp::inline LOWP_ABI::detail

// Memory that a kernel needs for the time of a call, from a cache line on and filled with zeros. Not a vector, whose functions the
// linker would share with files that are compiled for other processors: see build.hpp.
//
//   scratch<float> copy(rows * cols);
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/kernel/cpu/build.hpp>

#include <cstddef>
#include <cstring>
#include <new>
#include <type_traits>
#include <utility>

namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD {

template <class T>
class scratch {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  scratch() = default;
  explicit scratch(std::size_t count) { resize(count); }
  scratch(scratch&& other) noexcept : data_(std::exchange(other.data_, nullptr)) {}
  scratch& operator=(scratch&& other) noexcept {
    std::swap(data_, other.data_);
    return *this;
  }
  ~scratch() { ::operator delete(data_, std::align_val_t{cache_line}); }

  // Other memory, of zeros.
  void resize(std::size_t count) {
    scratch other;
    other.data_ = static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{cache_line}));
    if (count != 0) std::memset(static_cast<void*>(other.data_), 0, count * sizeof(T));
    *this = std::move(other);
  }

  T* data() noexcept { return data_; }
  const T* data() const noexcept { return data_; }
  T& operator[](std::size_t i) noexcept { return data_[i]; }

 private:
  T* data_ = nullptr;
};

}  // namespace lowp::inline LOWP_ABI::detail::inline LOWP_BUILD

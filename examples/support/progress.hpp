// A progress bar on standard error, drawn only where a person is looking.
//
//   progress bar(total);
//   bar.advance(amount, "layer 3");      // [##########..........]  50 %  layer 3
//   bar.clear();                         // before a line is printed elsewhere
#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>

class progress {
 public:
  explicit progress(std::uint64_t total) : total_(std::max<std::uint64_t>(total, 1)), shown_(::isatty(STDERR_FILENO) != 0) {}
  progress(const progress&) = delete;
  progress& operator=(const progress&) = delete;
  ~progress() { clear(); }

  // `what` is being done now; `amount` more of the total is done.
  void advance(std::uint64_t amount, const std::string& what) {
    done_ = std::min(total_, done_ + amount);
    if (!shown_) return;
    constexpr int width = 30;
    const double part = static_cast<double>(done_) / static_cast<double>(total_);
    const auto filled = static_cast<std::size_t>(part * width);
    const std::string bar = std::string(filled, '#') + std::string(width - filled, '.');
    std::fprintf(stderr, "\r\033[K[%s] %3.0f %%  %.50s", bar.c_str(), 100 * part, what.c_str());
    std::fflush(stderr);
    drawn_ = true;
  }

  void clear() {
    if (drawn_) std::fputs("\r\033[K", stderr);
    drawn_ = false;
  }

 private:
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  bool shown_;
  bool drawn_ = false;
};

// Seconds since it was made.
class stopwatch {
 public:
  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count(); }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

// What quantization did to one tensor or several: how far the numbers moved, and the bytes before and after.
//
//   quantization_report total;
//   total.add(report_of_one_tensor);
//   total.print("all", seconds);
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <span>
#include <string>

struct quantization_error {
  double signal = 0;  // sums of squares
  double noise = 0;

  void add(std::span<const float> before, std::span<const float> after) {
    for (std::size_t i = 0; i != before.size(); ++i) {
      const double difference = static_cast<double>(after[i]) - static_cast<double>(before[i]);
      signal += static_cast<double>(before[i]) * static_cast<double>(before[i]);
      noise += difference * difference;
    }
  }

  // |after - before| / |before|; infinite if all numbers were zero and are not any more.
  double relative() const { return noise == 0 ? 0 : signal == 0 ? infinite : std::sqrt(noise / signal); }

  // Signal to quantization noise in decibels; infinite without noise.
  double sqnr() const { return noise == 0 ? infinite : 10 * std::log10(signal / noise); }

 private:
  static constexpr double infinite = std::numeric_limits<double>::infinity();
};

struct quantization_report {
  quantization_error error;
  std::uint64_t weights = 0;
  std::uint64_t bytes_before = 0;
  std::uint64_t bytes_after = 0;

  void add(const quantization_report& other) {
    error.signal += other.error.signal;
    error.noise += other.error.noise;
    weights += other.weights;
    bytes_before += other.bytes_before;
    bytes_after += other.bytes_after;
  }

  static void print_heading(const std::string& title) {
    std::printf("%-48s %11s %11s %7s %13s %13s %8s\n", title.c_str(), "error", "SQNR", "bits", "bytes before", "bytes after", "seconds");
  }
  void print(const std::string& name, double seconds) const {
    std::printf("%-48s %9.4f %% %8.2f dB %7.3f %13llu %13llu %8.3f\n", name.c_str(), 100 * error.relative(), error.sqnr(),
                8.0 * static_cast<double>(bytes_after) / static_cast<double>(weights), static_cast<unsigned long long>(bytes_before),
                static_cast<unsigned long long>(bytes_after), seconds);
    std::fflush(stdout);
  }
};

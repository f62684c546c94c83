// Perplexity against bits per weight as an SVG: one line a preset, from round to nearest down to GPTQ.
#pragma once

#include "measurement.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace demo {

class chart {
 public:
  // The first row is the baseline.
  explicit chart(const std::vector<measurement>& rows) : rows_(rows), baseline_(rows.front()) {
    for (const measurement& m : rows_) {
      if (&m != &baseline_) last_bits_ = std::max(last_bits_, m.bits_per_weight);
      while (change(m, baseline_) > highest_) highest_ *= 2;
    }
    last_bits_ = std::ceil(last_bits_ + 1);  // room for names
  }

  // For an HTML page whose style sheet colours the classes grid, axis, label, link, rtn and gptq.
  std::string svg() {
    std::string s =
        print("<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"Perplexity against bits per weight\">\n", width, height);
    draw_axes(s);
    draw_points(s);
    draw_legend(s);
    return s + "</svg>\n";
  }

 private:
  struct box {
    double left, top, right, bottom;
    double overlap(const box& o) const {
      return std::max(0.0, std::min(right, o.right) - std::max(left, o.left)) *
             std::max(0.0, std::min(bottom, o.bottom) - std::max(top, o.top));
    }
  };

  static constexpr double width = 960, height = 560, left = 92, right = 880, top = 20, bottom = 500;
  static constexpr double first_bits = 2, lowest = 0.01;

  double x(double bits) const { return left + (right - left) * (bits - first_bits) / (last_bits_ - first_bits); }
  double y(double percent) const {
    return bottom - (bottom - top) * std::log(std::max(percent, lowest) / lowest) / std::log(highest_ / lowest);
  }
  double x(const measurement& m) const { return x(m.bits_per_weight); }
  double y(const measurement& m) const { return y(change(m, baseline_)); }

  void draw_axes(std::string& s) const {
    for (double bits = first_bits; bits <= last_bits_; ++bits) {
      s += print("<path class=\"grid\" d=\"M%.1f %.1fV%.1f\"/>", x(bits), top, bottom);
      s += print("<text class=\"axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%.0f</text>\n", x(bits), bottom + 20, bits);
    }
    for (double decade = lowest; decade <= highest_; decade *= 10) {
      for (const double step : {1.0, 2.0, 5.0}) {
        const double percent = decade * step;
        if (percent > highest_ * 1.001) continue;
        s += print("<path class=\"grid\" d=\"M%.1f %.1fH%.1f\"/>", left, y(percent), right);
        s += print("<text class=\"axis\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s%g %%</text>", left - 8, y(percent) + 4,
                   percent <= lowest ? "≤ " : "+", percent);
        s += print("<text class=\"axis\" x=\"%.1f\" y=\"%.1f\">%.4f</text>\n", right + 8, y(percent) + 4,
                   baseline_.perplexity * (1 + percent / 100));
      }
    }
    s += print("<text class=\"label\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">bits per weight, scales and zero points included</text>",
               (left + right) / 2, bottom + 46);
    const double middle = (top + bottom) / 2;
    s += print(
        "<text class=\"label\" transform=\"translate(16 %.1f) rotate(-90)\" text-anchor=\"middle\">perplexity above f32 (log scale)</text>",
        middle);
    s += print("<text class=\"label\" transform=\"translate(%.1f %.1f) rotate(90)\" text-anchor=\"middle\">perplexity</text>\n", width - 12,
               middle);
  }

  void draw_points(std::string& s) {
    for (const measurement& m : rows_) {
      if (&m != &baseline_) taken_.push_back({x(m) - 7, y(m) - 7, x(m) + 7, y(m) + 7});
    }
    for (const measurement& m : rows_) {
      if (m.method != "GPTQ") continue;
      const measurement& rtn =
          *std::find_if(rows_.begin(), rows_.end(), [&](const measurement& r) { return r.preset == m.preset && r.method == "RTN"; });
      taken_.push_back({x(m) - 2, y(rtn), x(m) + 2, y(m)});
      s += print("<path class=\"link\" d=\"M%.1f %.1fL%.1f %.1f\"/>\n", x(rtn), y(rtn), x(m), y(m));
    }
    for (const measurement& m : rows_) {
      if (&m == &baseline_) continue;
      const std::string title = print("<title>%s, %s: %.4f (%+.2f %%), %.3f bits per weight</title>", m.preset.c_str(), m.method.c_str(),
                                      m.perplexity, change(m, baseline_), m.bits_per_weight);
      if (m.method == "GPTQ")
        s += print("<path class=\"gptq\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\">%s</path>\n", x(m), y(m) - 6, title.c_str());
      else s += print("<circle class=\"rtn\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\">%s</circle>\n", x(m), y(m), title.c_str());
    }
    // From left to right, so that names on the left of a crowd are free to go left.
    std::vector<const measurement*> order;
    for (const measurement& m : rows_) order.push_back(&m);
    std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) { return a->bits_per_weight < b->bits_per_weight; });
    for (const measurement* m : order) {
      if (m != &baseline_) draw_name(s, *m);
    }
  }

  // Puts a point's name where it covers least: beside it if there is room, else farther away on a line.
  void draw_name(std::string& s, const measurement& m) {
    const double text_width = 7.6 * static_cast<double>(m.preset.size());
    double least = std::numeric_limits<double>::max();
    box best{};
    for (double distance = 8; distance < 120; distance += 6) {
      for (int direction = 0; direction < 16; ++direction) {
        const double angle = direction * 3.14159265358979 / 8;
        const double cx = x(m) + std::cos(angle) * (distance + text_width / 2);
        const double cy = y(m) - std::sin(angle) * (distance + 4);
        const box candidate{cx - text_width / 2, cy - 8, cx + text_width / 2, cy + 6};
        if (candidate.left < left || candidate.right > right || candidate.top < top || candidate.bottom > bottom) continue;
        double cost = distance + 6 * std::fabs(std::sin(angle));
        for (const box& other : taken_) cost += 4 * candidate.overlap(other);
        if (cost < least) {
          least = cost;
          best = candidate;
        }
      }
    }
    taken_.push_back(best);
    const double cx = (best.left + best.right) / 2;
    const double cy = (best.top + best.bottom) / 2;
    const double end_x = std::clamp(x(m), best.left, best.right);
    const double end_y = std::clamp(y(m), best.top, best.bottom);
    if (std::hypot(end_x - x(m), end_y - y(m)) > 14)
      s += print("<path class=\"leader\" d=\"M%.1f %.1fL%.1f %.1f\"/>", x(m), y(m), end_x, end_y);
    s += print("<text class=\"name\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%s</text>\n", cx, cy + 5, m.preset.c_str());
  }

  static void draw_legend(std::string& s) {
    s += print("<circle class=\"rtn\" cx=\"%.1f\" cy=\"%.1f\" r=\"5\"/><text class=\"label\" x=\"%.1f\" y=\"%.1f\">round to nearest</text>",
               right - 150, top + 20, right - 138, top + 25);
    s += print("<path class=\"gptq\" d=\"M%.1f %.1fl6 6l-6 6l-6 -6z\"/><text class=\"label\" x=\"%.1f\" y=\"%.1f\">GPTQ</text>\n",
               right - 150, top + 38, right - 138, top + 49);
  }

  const std::vector<measurement>& rows_;
  const measurement& baseline_;
  double last_bits_ = 0;
  double highest_ = 1.25;
  std::vector<box> taken_;
};

}  // namespace demo

// MX and NVFP4 against torchao's own output, of which data/torchao_golden.txt holds digests (data/torchao_golden.py made
// it): equality with torchao is checked where torchao is not installed.

#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/presets.hpp>

#include "golden.hpp"

#include <lowp_test.hpp>
#include <random_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace {

constexpr std::size_t rows = 512;
constexpr std::size_t cols = 1024;

std::string digest(lowp::matrix_view<const std::uint8_t> m) { return golden::digest({m.data(), m.rows() * m.cols()}); }

template <class Rule>
void run_rule(std::map<std::string, std::string>& results, const std::vector<float>& w, const std::string& name, Rule rule) {
  const auto go = [&]<lowp::scheme_type S>(const char* scheme, S) {
    const auto q = lowp::quantize<S>(view_of(w, rows, cols), lowp::recipe{lowp::absmax{}, lowp::nearest_even{}, rule});
    results[std::string(scheme).append(" ").append(name)] = digest(q.scales().codes()).append(" ").append(digest(q.codes()));
  };
  go("mxfp8_e4m3", lowp::mxfp8_e4m3{});
  go("mxfp8_e5m2", lowp::mxfp8_e5m2{});
  go("mxfp6_e2m3", lowp::mxfp6_e2m3{});
  go("mxfp6_e3m2", lowp::mxfp6_e3m2{});
  go("mxfp4", lowp::mxfp4{});
  if (name == "default") go("nvfp4", lowp::nvfp4{});
}

}  // namespace

TEST_CASE("MX and NVFP4 codes and scales are torchao's, bit for bit", "[quantize]") {
  const auto w = golden::inputs(rows * cols);
  std::map<std::string, std::string> results;
  run_rule(results, w, "floor", lowp::mx_floor{});
  run_rule(results, w, "ceil", lowp::mx_ceil{});
  run_rule(results, w, "even", lowp::mx_even{});
  run_rule(results, w, "rceil", lowp::mx_rceil{});
  run_rule(results, w, "default", lowp::default_scale{});

  std::ifstream file(LOWP_TEST_DATA "/torchao_golden.txt");
  REQUIRE(file.is_open());
  int compared = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto cut = line.find(' ', line.find(' ') + 1);
    const std::string key = line.substr(0, cut);
    CAPTURE(key);
    CHECK(results[key] == line.substr(cut + 1));
    if (key.find(" floor") != std::string::npos) CHECK(results[key.substr(0, key.find(' ')) + " default"] == line.substr(cut + 1));
    ++compared;
  }
  CHECK(compared == 21);
}

// Which tensors of a checkpoint are quantized: matrices of floats whose names match, embeddings and the head left out.
//
//   tensor_choice choice{.include = {"*proj*"}, .exclude = {}};
//   if (choice.takes(file, tensor)) ...
#pragma once

#include <lowp/io.hpp>
#include <lowp/lowp.hpp>

#include <fnmatch.h>

#include <algorithm>
#include <string>
#include <vector>

struct tensor_choice {
  std::vector<std::string> include;  // patterns with *, ? and [...]; none: all
  std::vector<std::string> exclude = {"*embed*", "*lm_head*", "*wte*", "*wpe*", "head.weight", "output.weight"};
  bool ragged = false;  // also rows that are no whole number of groups

  static bool matches(const std::vector<std::string>& patterns, const std::string& name) {
    return std::any_of(patterns.begin(), patterns.end(), [&](const auto& p) { return ::fnmatch(p.c_str(), name.c_str(), 0) == 0; });
  }

  // Throws lowp::error if the tensor's very name was asked for and it is no matrix of floats.
  bool takes(const lowp::safetensors_file& file, const lowp::tensor_info& t) const {
    if ((!include.empty() && !matches(include, t.name)) || matches(exclude, t.name)) return false;
    const bool floats = t.dtype == lowp::dtype::f32 || t.dtype == lowp::dtype::f16 || t.dtype == lowp::dtype::bf16;
    if (floats && t.shape.size() == 2 && t.elements() != 0) return true;
    if (std::find(include.begin(), include.end(), t.name) == include.end()) return false;
    LOWP_THROW(file.path(), ": tensor '", t.name, "' is no matrix of F32, F16 or BF16; only those are quantized");
  }

  // Throws lowp::error if the rows are no whole number of the scheme's groups, as readers of other projects expect.
  template <lowp::scheme_type S>
  void check_groups(const lowp::safetensors_file& file, const lowp::tensor_info& t, const std::string& preset) const {
    if constexpr (lowp::rectangular_granularity<typename S::granularity>) {
      constexpr std::size_t group = S::granularity::cols_per_group;
      if constexpr (S::granularity::rows_per_group == 1 && group != 0) {
        if (t.shape[1] % group == 0 || ragged) return;
        LOWP_THROW(file.path(), ": tensor '", t.name, "' is ", t.shape[0], " x ", t.shape[1], ", but ", preset,
                   " takes rows of whole groups of ", group, " (--exclude it, or pass --ragged)");
      }
    }
  }
};

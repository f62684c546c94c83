// A model of one GGUF file or of several, as llama.cpp splits them, opened as one.
//
//   lowp::gguf_checkpoint model("llama-00001-of-00003.gguf");
//   model.first().metadata_at("general.architecture").string();       // the first file's metadata speak for all
//   for (const auto& place : model.tensors()) show(place.tensor().name, place.bytes());
//
// Source: llama.cpp, llama_split_path, and the metadata split.no, split.count and split.tensors.count.
#pragma once

#include <lowp/io/gguf_file.hpp>
#include <lowp/io/tensor_places.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

// "-00002-of-00003.gguf", which ends the name of file 1 (from zero) of three.
inline std::string gguf_split_suffix(std::uint64_t number, std::uint64_t count) {
  const auto five_digits = [](std::uint64_t n) {
    const std::string digits = std::to_string(n);
    return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
  };
  return "-" + five_digits(number + 1) + "-of-" + five_digits(count) + ".gguf";
}

// Whether a name is that of a file after the first: one that ends so, with another number than 1.
inline bool is_later_gguf_split(std::string_view name) {
  constexpr std::string_view pattern = "-#####-of-#####.gguf";
  if (name.size() < pattern.size()) return false;
  const std::string_view end = name.substr(name.size() - pattern.size());
  for (std::size_t i = 0; i < end.size(); ++i) {
    if (pattern[i] == '#' ? end[i] < '0' || end[i] > '9' : end[i] != pattern[i]) return false;
  }
  return end.substr(1, 5) != "00001";
}

}  // namespace detail

class gguf_checkpoint {
 public:
  static constexpr std::uint64_t file_limit = 4096;

  // A tensor and the file that holds it. Valid while the checkpoint lives, also after it moved.
  using place = detail::place_in<gguf_file, gguf_tensor>;

  // `path` names a file, or the first one of several. Throws lowp::error unless all files are valid and belong together.
  explicit gguf_checkpoint(const std::string& path, file_access access = file_access::map) {
    files_.push_back(std::make_unique<gguf_file>(path, access));
    const std::uint64_t count = split_number(first(), "split.count", 1);
    if (count > 1) {
      const std::string suffix = detail::gguf_split_suffix(0, count);
      if (count > file_limit) LOWP_THROW(path, ": ", count, " files, where ", file_limit, " are the limit");
      if (split_number(first(), "split.no", 0) != 0 || !path.ends_with(suffix))
        LOWP_THROW(path, ": not the first of ", count, " files, whose name ends in ", suffix);
      const std::string stem = path.substr(0, path.size() - suffix.size());
      for (std::uint64_t n = 1; n < count; ++n) {
        files_.push_back(std::make_unique<gguf_file>(stem + detail::gguf_split_suffix(n, count), access));
        const gguf_file& file = *files_.back();
        if (split_number(file, "split.count", 1) != count || split_number(file, "split.no", 0) != n)
          LOWP_THROW(file.path(), ": not file ", n + 1, " of ", count);
      }
    }
    for (const auto& file : files_) places_.add(*file);
    places_.sort(path);
    const std::uint64_t wanted = split_number(first(), "split.tensors.count", tensors().size());
    if (wanted != tensors().size()) LOWP_THROW(path, ": ", tensors().size(), " tensors, where ", wanted, " are announced");
  }

  const gguf_file& first() const noexcept { return *files_[0]; }
  std::size_t file_count() const noexcept { return files_.size(); }

  // File by file, in the order of their lists.
  const std::vector<place>& tensors() const noexcept { return places_.list(); }

  // The tensor of this name, or null; and the same where its absence is an error.
  const place* find(std::string_view name) const noexcept { return places_.find(name); }
  const place& at(std::string_view name) const { return places_.at(name, first().path()); }

 private:
  static std::uint64_t split_number(const gguf_file& file, std::string_view key, std::uint64_t without) {
    const gguf_value* value = file.find_metadata(key);
    return value == nullptr ? without : value->unsigned_integer();
  }

  std::vector<std::unique_ptr<gguf_file>> files_;  // places point at them
  detail::tensor_places<gguf_file, gguf_tensor> places_;
};

}  // namespace lowp::inline LOWP_ABI

// A model of one GGUF file or of several, as llama.cpp splits them, opened as one.
//
//   lowp::gguf_checkpoint model("llama-00001-of-00003.gguf");
//   model.first().metadata_at("general.architecture").string();       // the first file's metadata speak for all
//   for (const auto& place : model.tensors()) show(place.tensor().name, place.bytes());
//
// Source: llama.cpp, llama_split_path, and the metadata split.no, split.count and split.tensors.count.
#pragma once

#include <lowp/io/gguf_file.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
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
  class place {
   public:
    place(const gguf_file* file, const gguf_tensor* tensor) noexcept : file_(file), tensor_(tensor) {}
    const gguf_file& file() const noexcept { return *file_; }
    const gguf_tensor& tensor() const noexcept { return *tensor_; }
    std::span<const std::byte> bytes() const { return file_->bytes(*tensor_); }
    std::vector<float> read_f32() const { return file_->read_f32(*tensor_); }

   private:
    const gguf_file* file_;
    const gguf_tensor* tensor_;
  };

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
    list_tensors();
    const std::uint64_t wanted = split_number(first(), "split.tensors.count", tensors_.size());
    if (wanted != tensors_.size()) LOWP_THROW(path, ": ", tensors_.size(), " tensors, where ", wanted, " are announced");
  }

  const gguf_file& first() const noexcept { return *files_[0]; }
  std::size_t file_count() const noexcept { return files_.size(); }

  // File by file, in the order of their lists.
  const std::vector<place>& tensors() const noexcept { return tensors_; }

  // The tensor of this name, or null.
  const place* find(std::string_view name) const noexcept {
    const auto it = std::lower_bound(by_name_.begin(), by_name_.end(), name,
                                     [this](std::uint32_t i, std::string_view n) { return tensors_[i].tensor().name < n; });
    return it != by_name_.end() && tensors_[*it].tensor().name == name ? &tensors_[*it] : nullptr;
  }

  // The tensor of this name. Throws lowp::error if there is none.
  const place& at(std::string_view name) const {
    const place* found = find(name);
    if (found == nullptr) LOWP_THROW(first().path(), ": there is no tensor ", detail::in_quotes(name));
    return *found;
  }

 private:
  static std::uint64_t split_number(const gguf_file& file, std::string_view key, std::uint64_t without) {
    const gguf_value* value = file.find_metadata(key);
    return value == nullptr ? without : value->unsigned_integer();
  }

  void list_tensors() {
    for (const auto& file : files_) {
      for (const gguf_tensor& tensor : file->tensors()) tensors_.emplace_back(file.get(), &tensor);
    }
    by_name_.resize(tensors_.size());
    for (std::size_t i = 0; i != by_name_.size(); ++i) by_name_[i] = static_cast<std::uint32_t>(i);
    const auto name = [this](std::uint32_t i) { return tensors_[i].tensor().name; };
    std::sort(by_name_.begin(), by_name_.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
    for (std::size_t i = 1; i < by_name_.size(); ++i) {
      if (name(by_name_[i]) == name(by_name_[i - 1]))
        LOWP_THROW(first().path(), ": tensor ", detail::in_quotes(name(by_name_[i])), " is in two files");
    }
  }

  std::vector<std::unique_ptr<gguf_file>> files_;  // places point at them
  std::vector<place> tensors_;
  std::vector<std::uint32_t> by_name_;
};

}  // namespace lowp::inline LOWP_ABI

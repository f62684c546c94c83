// A checkpoint of one or many safetensors files, opened as one: a folder, an index or a single file.
//
//   lowp::safetensors_checkpoint model("models/llama");               // model.safetensors.index.json, or model.safetensors
//   for (const auto& place : model.tensors()) {                       // one tensor at a time: files are mapped, not loaded
//     std::vector<float> w = model.read_f32(place.tensor().name);
//   }
#pragma once

#include <lowp/io/safetensors_file.hpp>
#include <lowp/io/safetensors_index.hpp>
#include <lowp/io/tensor_places.hpp>

#include <sys/stat.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace lowp::inline LOWP_ABI {

namespace detail {

inline bool is_directory(const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

inline bool file_exists(const std::string& path) noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// The folder of a file, with its last separator; empty for a file in the current folder.
inline std::string folder_of(std::string_view path) {
  const auto slash = path.rfind('/');
  return slash == std::string_view::npos ? std::string() : std::string(path.substr(0, slash + 1));
}

}  // namespace detail

class safetensors_checkpoint {
 public:
  static constexpr std::size_t file_limit = 4096;

  // A tensor and the file that holds it. Valid while the checkpoint lives, also after it moved.
  using place = detail::place_in<safetensors_file, tensor_info>;

  // `path` names a folder with model.safetensors.index.json or model.safetensors in it, an index (a name that ends in .json), or
  // a safetensors file. Throws lowp::error unless all files are valid and the index names just the tensors that they hold, each
  // in its file.
  explicit safetensors_checkpoint(const std::string& path, file_access access = file_access::map) {
    std::string file = path;
    if (detail::is_directory(path)) {
      file = path + (path.ends_with('/') ? "" : "/") + "model.safetensors.index.json";
      if (!detail::file_exists(file)) file.resize(file.size() - std::string_view(".index.json").size());
    }
    path_ = file;
    if (file.ends_with(".json")) {
      open_index(access);
    } else {
      files_.push_back(std::make_unique<safetensors_file>(file, access));
    }
    for (const auto& opened : files_) places_.add(*opened);
    places_.sort(path_);
  }

  // The index or the file.
  const std::string& path() const noexcept { return path_; }
  std::size_t file_count() const noexcept { return files_.size(); }
  const safetensors_file& file(std::size_t i) const noexcept { return *files_[i]; }

  // File by file, in the order of their bytes.
  const std::vector<place>& tensors() const noexcept { return places_.list(); }

  // The tensor of this name, or null; and the same where its absence is an error.
  const place* find(std::string_view name) const noexcept { return places_.find(name); }
  const place& at(std::string_view name) const { return places_.at(name, path_); }
  std::span<const std::byte> bytes(std::string_view name) const { return at(name).bytes(); }
  std::vector<float> read_f32(std::string_view name) const { return at(name).read_f32(); }

 private:
  void open_index(file_access access) {
    const mapped_file index(path_, access);
    const std::string folder = detail::folder_of(path_);
    std::vector<std::pair<std::string, std::size_t>> opened;  // sorted by name
    std::vector<std::vector<bool>> listed;                    // of each file's tensors, by their place in the file
    read_safetensors_index(index.bytes(), path_, [&](const std::string& name, const std::string& file) {
      auto it =
          std::lower_bound(opened.begin(), opened.end(), file, [](const auto& entry, const std::string& f) { return entry.first < f; });
      if (it == opened.end() || it->first != file) {
        if (files_.size() == file_limit) LOWP_THROW(path_, ": more than ", file_limit, " files");
        it = opened.insert(it, {file, files_.size()});
        files_.push_back(std::make_unique<safetensors_file>(folder + file, access));
        listed.emplace_back(files_.back()->tensors().size());
      }
      const safetensors_file& shard = *files_[it->second];
      const tensor_info* tensor = shard.find(name);
      if (tensor == nullptr) LOWP_THROW(path_, ": tensor ", detail::in_quotes(name), " is not in ", detail::in_quotes(file));
      auto seen = listed[it->second][static_cast<std::size_t>(tensor - shard.tensors().data())];
      if (seen) LOWP_THROW(path_, ": tensor ", detail::in_quotes(name), " is listed twice");
      seen = true;
    });
    for (std::size_t f = 0; f != files_.size(); ++f) {
      const auto missing = std::find(listed[f].begin(), listed[f].end(), false);
      if (missing == listed[f].end()) continue;
      const auto& tensor = files_[f]->tensors()[static_cast<std::size_t>(missing - listed[f].begin())];
      LOWP_THROW(path_, ": tensor ", detail::in_quotes(tensor.name), " of ", files_[f]->path(), " is not listed");
    }
  }

  std::string path_;
  std::vector<std::unique_ptr<safetensors_file>> files_;  // places point at them
  detail::tensor_places<safetensors_file, tensor_info> places_;
};

}  // namespace lowp::inline LOWP_ABI

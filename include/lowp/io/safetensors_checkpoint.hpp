// A checkpoint of one or many safetensors files, opened as one: a folder, an index or a single file.
//
//   lowp::safetensors_checkpoint model("models/llama");               // model.safetensors.index.json, or model.safetensors
//   for (const auto& place : model.tensors()) {                       // one tensor at a time: files are mapped, not loaded
//     std::vector<float> w = model.read_f32(place.tensor().name);
//   }
#pragma once

#include <lowp/io/safetensors_file.hpp>
#include <lowp/io/safetensors_index.hpp>

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
  class place {
   public:
    place(const safetensors_file* file, const tensor_info* tensor) noexcept : file_(file), tensor_(tensor) {}
    const safetensors_file& file() const noexcept { return *file_; }
    const tensor_info& tensor() const noexcept { return *tensor_; }
    std::span<const std::byte> bytes() const { return file_->bytes(*tensor_); }
    std::vector<float> read_f32() const { return file_->read_f32(*tensor_); }
    void read_f32(std::span<float> out) const { file_->read_f32(*tensor_, out); }

   private:
    const safetensors_file* file_;
    const tensor_info* tensor_;
  };

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
    list_tensors();
  }

  // The index or the file.
  const std::string& path() const noexcept { return path_; }
  std::size_t file_count() const noexcept { return files_.size(); }
  const safetensors_file& file(std::size_t i) const noexcept { return *files_[i]; }

  // File by file, in the order of their bytes.
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
    if (found == nullptr) LOWP_THROW(path_, ": there is no tensor ", detail::in_quotes(name));
    return *found;
  }
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

  void list_tensors() {
    for (const auto& file : files_) {
      for (const tensor_info& tensor : file->tensors()) tensors_.emplace_back(file.get(), &tensor);
    }
    by_name_.resize(tensors_.size());
    for (std::size_t i = 0; i != by_name_.size(); ++i) by_name_[i] = static_cast<std::uint32_t>(i);
    const auto name = [this](std::uint32_t i) -> const std::string& { return tensors_[i].tensor().name; };
    std::sort(by_name_.begin(), by_name_.end(), [&](std::uint32_t a, std::uint32_t b) { return name(a) < name(b); });
    for (std::size_t i = 1; i < by_name_.size(); ++i) {
      if (name(by_name_[i]) == name(by_name_[i - 1]))
        LOWP_THROW(path_, ": tensor ", detail::in_quotes(name(by_name_[i])), " is in two files");
    }
  }

  std::string path_;
  std::vector<std::unique_ptr<safetensors_file>> files_;  // places point at them
  std::vector<place> tensors_;
  std::vector<std::uint32_t> by_name_;
};

}  // namespace lowp::inline LOWP_ABI

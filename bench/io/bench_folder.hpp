// A folder for the files of a benchmark, removed at the end: in LOWP_BENCH_DIRECTORY, or else in the system's folder for temporary files.
#pragma once

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>
#include <system_error>

class bench_folder {
 public:
  bench_folder() {
    const char* chosen = std::getenv("LOWP_BENCH_DIRECTORY");
    path_ = (chosen != nullptr ? std::filesystem::path(chosen) : std::filesystem::temp_directory_path()) /
            ("lowp_bench_" + std::to_string(::getpid()));
    std::filesystem::create_directories(path_);
  }
  bench_folder(const bench_folder&) = delete;
  bench_folder& operator=(const bench_folder&) = delete;
  ~bench_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  std::string operator/(const char* name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

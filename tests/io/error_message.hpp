// The message of the lowp::error that a call throws; empty if it throws none.
#pragma once

#include <lowp/core/error.hpp>

#include <string>
#include <string_view>

template <class F>
std::string error_message(F&& f) {
  try {
    f();
  } catch (const lowp::error& e) {
    return e.what();
  }
  return {};
}

inline bool contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

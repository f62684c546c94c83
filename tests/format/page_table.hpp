// Tables of the documentation, read back.
#pragma once

#include <cmath>
#include <cstdlib>
#include <fstream>
#include <map>
#include <string>
#include <vector>

namespace page {

// The cells of each row of docs/<name> that begins with a name in backquotes, by that name. Backquotes are removed.
inline std::map<std::string, std::vector<std::string>> read_table(const std::string& name) {
  std::ifstream page(LOWP_TEST_DATA "/../../docs/" + name);
  std::map<std::string, std::vector<std::string>> rows;
  for (std::string line; std::getline(page, line);) {
    if (line.rfind("| `", 0) != 0) continue;
    std::vector<std::string> cells;
    std::string cell;
    for (const char c : line.substr(1)) {
      if (c == '|') {
        while (!cell.empty() && cell.back() == ' ') cell.pop_back();
        cells.push_back(cell);
        cell.clear();
      } else if (c != '`' && (c != ' ' || !cell.empty())) {
        cell += c;
      }
    }
    rows[cells.at(0)] = cells;
  }
  return rows;
}

// "464" or "2^-10".
inline float number(const std::string& text) {
  if (text.rfind("2^", 0) == 0) return std::ldexp(1.0f, std::atoi(text.c_str() + 2));
  return std::strtof(text.c_str(), nullptr);
}

}  // namespace page

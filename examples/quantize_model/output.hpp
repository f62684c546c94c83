#pragma once
#include "pipeline.hpp"
struct model_output {
  model_output(std::string, std::string, std::string, method) {}
  bool restore(pipeline&, std::size_t) { return false; }
  void keep(pipeline&, std::size_t, std::vector<layer_result>) {}
  void commit(pipeline&) {}
};

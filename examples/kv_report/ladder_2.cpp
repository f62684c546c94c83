#include "kv_report/ladder.hpp"

template std::vector<kv_report::step> kv_report::ladder<2>(const std::vector<kv_report::past>&, const tinylm::config&);

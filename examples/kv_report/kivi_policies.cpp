#include "kv_report/policy_list.hpp"

#include <lowp/kv/kivi.hpp>
#include <lowp/kv/qjl.hpp>
#include <lowp/kv/rotated.hpp>

namespace kv_report {

using namespace lowp;

void add_kivi(policy_list& p) {
  using by_token2 = kivi_values<2>;
  using by_token4 = kivi_values<4>;
  const std::size_t size = p.head_size();
  p.add<by_token4>("4 bits by token");
  p.add<rotated<by_token4>, by_token4>("4 bits by token, keys rotated", {.key = rotated<by_token4>(size)});
  p.add<kivi_keys<4>, by_token4>("4 bits, KIVI");
  p.add<rotated<kivi_keys<4>>, by_token4>("4 bits, KIVI, keys rotated", {.key = rotated<kivi_keys<4>>(size)});
  p.add<kivi_keys<3>, kivi_values<3>>("3 bits, KIVI");
  p.add<by_token2>("2 bits by token");
  p.add<kivi_keys<2>, by_token2>("2 bits, KIVI");
  p.add<kivi_keys<2>, by_token2>("2 bits, KIVI, latest 32 kept", {.keep_last = 32});
  p.add<kivi_keys<2>, by_token2>("2 bits, KIVI, latest 128 kept", {.keep_last = 128});
  p.add<qjl<>, by_token4>("QJL, 256 signs a key; values 4 bits", {.key = qjl<>(size, 256)});
}

}  // namespace kv_report

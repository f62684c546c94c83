// expect: number_format
#include <lowp/format/number_format.hpp>

struct sign_only {
#if defined(LOWP_RIGHT)
  static constexpr int bits = 1;
#endif
  static constexpr float decode(std::uint32_t code) { return (code & 1u) != 0 ? -1.0f : 1.0f; }
};

static_assert(lowp::decode<sign_only>(1) == -1.0f);

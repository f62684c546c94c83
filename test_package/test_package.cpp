#include <lowp/format/encode.hpp>
#include <lowp/format/formats.hpp>

#include <iostream>

int main() {
  const float back = lowp::decode<lowp::e4m3>(lowp::encode<lowp::e4m3>(0.3f));
  std::cout << "0.3 in e4m3 is " << back << '\n';
  return back == 0.3125f ? 0 : 1;
}

// Packs for packages_oracle.py.

#include "layout_program.hpp"

namespace layout = lowp::layout;

static bool pack(const layout_arguments& a) {
  return convert_if<layout::row_major>(a, "row_major", widths<4>{}) ||
         convert_if<layout::compressed_tensors>(a, "compressed_tensors", all_widths{}) ||
         convert_if<layout::compressed_tensors_zeros>(a, "compressed_tensors_zeros", all_widths{}) ||
         convert_if<layout::bitsandbytes>(a, "bitsandbytes", widths<4>{}) ||
         convert_if<layout::scale_swizzle_128x4>(a, "scale_swizzle_128x4", widths<8>{});
}

int main(int count, char** arguments) { return layout_program(count, arguments, pack); }

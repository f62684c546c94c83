// Packs for layout_oracle.py.

#include "layout_program.hpp"

namespace layout = lowp::layout;

static bool pack(const layout_arguments& a) {
  return convert_if<layout::row_major>(a, "row_major", all_widths{}) || convert_if<layout::gptq>(a, "gptq", all_widths{}) ||
         convert_if<layout::gptq_zeros>(a, "gptq_zeros", all_widths{}) || convert_if<layout::gptq_planes>(a, "gptq_planes", all_widths{}) ||
         convert_if<layout::gptq_planes_zeros>(a, "gptq_planes_zeros", all_widths{}) || convert_if<layout::awq>(a, "awq", widths<4>{}) ||
         convert_if<layout::awq_gemv>(a, "awq_gemv", widths<4>{}) ||
         convert_if<layout::compressed_tensors>(a, "compressed_tensors", all_widths{}) ||
         convert_if<layout::compressed_tensors_zeros>(a, "compressed_tensors_zeros", all_widths{}) ||
         convert_if<layout::compressed_tensors_padded>(a, "compressed_tensors_padded", all_widths{}) ||
         convert_if<layout::compressed_tensors_padded_zeros>(a, "compressed_tensors_padded_zeros", all_widths{}) ||
         convert_if<layout::bitsandbytes>(a, "bitsandbytes", widths<4>{}) || convert_if<layout::hqq<>>(a, "hqq", widths<1, 2, 3, 4, 8>{}) ||
         convert_if<layout::hqq<8>>(a, "hqq_8_1", widths<1, 2, 3, 4, 8>{}) ||
         convert_if<layout::hqq<8, 0>>(a, "hqq_8_0", widths<1, 2, 3, 4, 8>{}) ||
         convert_if<layout::tinygemm<>>(a, "tinygemm_8", widths<4>{}) || convert_if<layout::tinygemm<4>>(a, "tinygemm_4", widths<4>{}) ||
         convert_if<layout::tinygemm<2>>(a, "tinygemm_2", widths<4>{}) || convert_if<layout::marlin>(a, "marlin", widths<4, 8>{}) ||
         convert_if<layout::spqr>(a, "spqr", widths<3>{}) || convert_if<layout::spqr_scales>(a, "spqr_scales", widths<3>{}) ||
         convert_if<layout::spqr_zeros>(a, "spqr_zeros", widths<3>{}) ||
         convert_if<layout::scale_swizzle_128x4>(a, "scale_swizzle_128x4", widths<8>{});
}

int main(int count, char** arguments) { return layout_program(count, arguments, pack); }

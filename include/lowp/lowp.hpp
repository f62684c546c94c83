// The host library: formats, schemes, quantization, layouts, CPU kernels and KV caches, on the standard library alone.
//
//   lowp/algorithm.hpp adds the algorithms, lowp/io.hpp files (nlohmann-json), lowp/cuda.cuh the device side.
#pragma once

#include <lowp/core/aligned.hpp>
#include <lowp/core/bits.hpp>
#include <lowp/core/config.hpp>
#include <lowp/core/error.hpp>
#include <lowp/core/half.hpp>
#include <lowp/core/matrix_view.hpp>
#include <lowp/core/rounding.hpp>
#include <lowp/format/formats.hpp>
#include <lowp/format/laws.hpp>
#include <lowp/kernel/cpu/dequantize.hpp>
#include <lowp/kernel/cpu/gemm.hpp>
#include <lowp/kernel/cpu/quantize.hpp>
#include <lowp/kv/attention.hpp>
#include <lowp/kv/kivi.hpp>
#include <lowp/kv/kv_memory.hpp>
#include <lowp/kv/kv_snapshot.hpp>
#include <lowp/kv/kvquant_calibration.hpp>
#include <lowp/kv/prefill.hpp>
#include <lowp/kv/qjl.hpp>
#include <lowp/kv/qjl_outliers.hpp>
#include <lowp/kv/rotated.hpp>
#include <lowp/kv/sum_of.hpp>
#include <lowp/kv/turboquant.hpp>
#include <lowp/kv/turboquant_product.hpp>
#include <lowp/layout/block_laws.hpp>
#include <lowp/layout/blocks.hpp>
#include <lowp/layout/column_order.hpp>
#include <lowp/layout/ggml_blocks.hpp>
#include <lowp/layout/laws.hpp>
#include <lowp/layout/layouts.hpp>
#include <lowp/layout/packed.hpp>
#include <lowp/quantize/ggml_quantize.hpp>
#include <lowp/quantize/ggml_reference.hpp>
#include <lowp/quantize/laws.hpp>
#include <lowp/quantize/quantize.hpp>
#include <lowp/scheme/ggml_schemes.hpp>
#include <lowp/scheme/laws.hpp>
#include <lowp/scheme/presets.hpp>
#include <lowp/version.hpp>

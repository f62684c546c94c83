// The device side of lowp: dequantizers for kernels of one's own, and kernels made of them. For translation units that a
// CUDA compiler compiles; the headers under kernel/cuda/ that end in .hpp compile everywhere.
//
//   #include <lowp/cuda.cuh>
#pragma once

#include <lowp/format/formats.hpp>
#include <lowp/kernel/cuda/bulk_copy.hpp>
#include <lowp/kernel/cuda/dependent_launch.hpp>
#include <lowp/kernel/cuda/dequantize.cuh>
#include <lowp/kernel/cuda/dequantize_fragment.hpp>
#include <lowp/kernel/cuda/gemm.cuh>
#include <lowp/kernel/cuda/gemv.cuh>
#include <lowp/kernel/cuda/hadamard.hpp>
#include <lowp/kernel/cuda/kv_append.cuh>
#include <lowp/kernel/cuda/kv_attention.cuh>
#include <lowp/kernel/cuda/ldmatrix.hpp>
#include <lowp/kernel/cuda/pair_table.hpp>
#include <lowp/kernel/cuda/quantize.cuh>
#include <lowp/kernel/cuda/repack.cuh>
#include <lowp/kernel/cuda/w8a8.cuh>
#include <lowp/scheme/presets.hpp>

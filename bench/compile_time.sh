#!/bin/bash
# Processor seconds of g++ -O2 for a file that instantiates a product of packed weights: bench/compile_time.sh [SCHEME...]
# Each figure is the median of three compilations of a file with one scheme in one mode; the last column is one file with all modes that
# the scheme has. Without arguments: a format of each kind. COMPILERS="g++ clang++" chooses the compilers. Ends with an error
# where a mode takes three seconds or more.
set -eu

cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
bar=3

# The median seconds of three runs of a command, user and system together: other work on the machine adds little to them.
TIMEFORMAT='%U %S'
median() {
  "$@" || return 1
  for _ in 1 2 3; do
    { time "$@" 2> /dev/null; } 2>&1
  done | awk '{ print $1 + $2 }' | sort -n | sed -n 2p
}

# A file with the products of a scheme in some modes.
write_source() {
  local scheme=$1
  shift
  echo "#include <lowp/kernel/cpu/gemm.hpp>"
  echo "#include <lowp/scheme/presets.hpp>"
  echo "using weights = lowp::packed<lowp::$scheme, lowp::layout::tile16>;"
  echo "void multiply(lowp::matrix_view<const float> x, const weights& w, lowp::matrix_view<float> y) {"
  for mode in "$@"; do echo "  lowp::gemm<lowp::compute::$mode>(x, w, y);"; done
  echo "}"
}

seconds() {
  write_source "$@" > "$scratch/product.cpp"
  median "$compiler" -std=c++20 -O2 -Iinclude -c "$scratch/product.cpp" -o "$scratch/product.o"
}

if [ $# -eq 0 ]; then
  set -- int4_g32 nf4_g64 nvfp4
fi
slow=0
for compiler in ${COMPILERS:-g++}; do
  "$compiler" --version | head -n 1
  printf '%-16s %8s %8s %8s %8s %8s %8s\n' scheme headers exact bf16 'int8<>' split all
  for scheme in "$@"; do
    printf '%-16s %8.2f' "$scheme" "$(seconds "$scheme")"
    modes=()
    for mode in exact bf16 'int8<>' split; do
      write_source "$scheme" "$mode" > "$scratch/product.cpp"
      # Formats that are no small integers have no products of bytes.
      if "$compiler" -std=c++20 -Iinclude -fsyntax-only "$scratch/product.cpp" 2> /dev/null; then
        modes+=("$mode")
        time=$(seconds "$scheme" "$mode")
        printf ' %8.2f' "$time"
        awk -v t="$time" -v bar="$bar" 'BEGIN { exit !(t < bar) }' || slow=1
      else
        printf ' %8s' -
      fi
    done
    printf ' %8.2f\n' "$(seconds "$scheme" "${modes[@]}")"
  done
done
if [ "$slow" -ne 0 ]; then
  echo "a mode takes $bar seconds or more"
  exit 1
fi

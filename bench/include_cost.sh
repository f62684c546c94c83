#!/bin/bash
# Processor seconds that including a header costs a compiler: bench/include_cost.sh [HEADER...]
# Without arguments: each umbrella and each header of the format room. Each figure is the median of five runs of an
# otherwise empty program, without and with code generation at -O0. COMPILERS="g++ clang++" chooses the compilers.
set -eu

cd "$(dirname "$0")/.."
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The median seconds of five runs of a command, user and system together: other work on the machine adds little to them.
TIMEFORMAT='%U %S'
median() {
  "$@" || return 1
  for _ in 1 2 3 4 5; do
    { time "$@" 2> /dev/null; } 2>&1
  done | awk '{ print $1 + $2 }' | sort -n | sed -n 3p
}

if [ $# -eq 0 ]; then
  set -- $(cd include && ls lowp/*.hpp lowp/format/*.hpp)
fi
for compiler in ${COMPILERS:-g++}; do
  echo "$("$compiler" --version | head -n 1)"
  printf '%-40s %12s %12s\n' header syntax-only object
  : > "$scratch/empty.cpp"
  for header in "(nothing)" "$@"; do
    source=$scratch/empty.cpp
    if [ "$header" != "(nothing)" ]; then
      source=$scratch/include.cpp
      echo "#include <$header>" > "$source"
    fi
    # shellcheck disable=SC2086
    printf '%-40s %12.3f %12.3f\n' "$header" \
      "$(median "$compiler" -std=c++20 -O0 -Iinclude -fsyntax-only "$source")" \
      "$(median "$compiler" -std=c++20 -O0 -Iinclude -c "$source" -o "$scratch/include.o")"
  done
done

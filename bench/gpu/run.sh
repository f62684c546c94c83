#!/bin/sh
# Builds and runs everything that needs a GPU, on a machine that has one and nvcc: the CUDA tests, the same under compute-sanitizer
# where there is one, and the benchmark. Needs no CMake. Under 8 minutes on 16 cores.
#
#   OUT=folder bench/gpu/run.sh            figures in $OUT (default build/gpu): gemm, attention and w8a8 as .md and .json; logs
#   LOWP_ARCH=90a bench/gpu/run.sh         for that architecture instead of the machine's own
set -u
cd "$(dirname "$0")/../.."
out=${OUT:-build/gpu}
work=${LOWP_WORK:-build/gpu/work}
mkdir -p "$out" "$work"
begin=$(date +%s)
spent() { echo $(($(date +%s) - begin)); }

nvcc=$(command -v nvcc || ls /usr/local/cuda/bin/nvcc 2>/dev/null)
[ -n "$nvcc" ] || { echo "no nvcc: put it on the PATH, or install the CUDA Toolkit"; exit 2; }
arch=${LOWP_ARCH:-$(nvidia-smi --query-gpu=compute_cap --format=csv,noheader 2>/dev/null | head -1 | tr -d '.')}
if [ -z "$arch" ]; then
  echo "SKIPPED: no GPU here (nvidia-smi names none); LOWP_ARCH=90a $0 builds without one"
  exit 77
fi
case $arch in 90 | 100 | 103 | 120 | 121) arch=${arch}a ;; esac
threads=${LOWP_JOBS:-16}
flags="-std=c++20 -O3 -Iinclude -Itests/support -DLOWP_TEST_HARNESS -gencode arch=compute_$arch,code=sm_$arch"

echo "building for sm_$arch"
objects=
jobs_file=$work/jobs
: > "$jobs_file"
for source in tests/support/cuda_main.cu tests/kernel/cuda/*.cu bench/gpu/*.cu; do
  object=$work/$(echo "$source" | tr / _).o
  echo "$nvcc $flags -c $source -o $object" >> "$jobs_file"
  case $source in bench/*) ;; *) objects="$objects $object" ;; esac
done
xargs -P "$threads" -I{} sh -c '{} || exit 255' < "$jobs_file" > "$out/build.log" 2>&1 || { tail -40 "$out/build.log"; echo "the build failed"; exit 1; }
$nvcc $flags $objects -o "$work/cuda_tests" -lcublas || { echo "linking failed"; exit 1; }
for source in bench/gpu/*.cu; do
  name=$(basename "$source" .cu)
  $nvcc $flags "$work/$(echo "$source" | tr / _).o" -o "$work/$name" -lcublas -lcublasLt || { echo "linking failed"; exit 1; }
done
echo "built after $(spent) s"

failed=0
timeout 120 "$work/cuda_tests" > "$out/tests.log" 2>&1
code=$?
tail -5 "$out/tests.log"
[ $code = 0 ] || [ $code = 77 ] || failed=1
echo "tests: exit code $code after $(spent) s"

sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda/bin/compute-sanitizer 2>/dev/null)
if [ -n "$sanitizer" ] && [ $code = 0 ]; then
  : > "$out/sanitizer.log"
  for tool in memcheck racecheck; do
    timeout 60 "$sanitizer" --tool $tool "$work/cuda_tests" >> "$out/sanitizer.log" 2>&1
    found=$?
    # 124: there was not time for all of it.
    [ $found = 0 ] || [ $found = 124 ] || failed=1
    echo "compute-sanitizer $tool: exit code $found after $(spent) s"
  done
else
  echo "compute-sanitizer: not run"
fi

# Each has most of the time that is left; what matters most comes first.
for name in gemm_gpu attention_gpu w8a8_gpu; do
  left=$((450 - $(spent)))
  [ $name = w8a8_gpu ] || left=$((left * 3 / 5))
  timeout $((left + 20)) "$work/$name" "$out" "$left" || { [ $? = 77 ] || failed=1; }
done
echo "done after $(spent) s; figures in $out"
exit $failed

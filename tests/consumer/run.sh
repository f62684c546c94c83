#!/bin/sh
# Builds and runs a project for each way of using lowp: run.sh SCRATCH_FOLDER [CONAN]
# CONAN is the conan program; without it the Conan consumer is skipped, and said to be.
set -eu

source=$(cd "$(dirname "$0")/../.." && pwd)
here=$source/tests/consumer
mkdir -p "$1"
scratch=$(cd "$1" && pwd)
conan=${2:-}
rm -rf "${scratch:?}"/*
passed=0

ok() {
  passed=$((passed + 1))
  echo "ok: $1"
}

cmake -S "$source" -B "$scratch/lowp" -G Ninja -DLOWP_BUILD_TESTS=OFF -DLOWP_BUILD_EXAMPLES=OFF -DCMAKE_INSTALL_PREFIX="$scratch/prefix" > "$scratch/lowp.log"
cmake --install "$scratch/lowp" >> "$scratch/lowp.log"
(cd "$source/include" && find lowp -name '*.hpp' -o -name '*.cuh' | sort) > "$scratch/headers"
(cd "$scratch/prefix/include" && find . -type f | sed 's|^\./||' | sort) | diff "$scratch/headers" -
ok "the install tree has every header and nothing else"

# Installed packages are moved: nothing in them may name the place they were made for.
mv "$scratch/prefix" "$scratch/moved"
cmake -S "$here/find_package" -B "$scratch/find_package" -G Ninja -DCMAKE_PREFIX_PATH="$scratch/moved"
cmake --build "$scratch/find_package"
"$scratch/find_package/consumer"
"$scratch/find_package/components"
ok "find_package(lowp COMPONENTS io)"

cmake -S "$here/add_subdirectory" -B "$scratch/add_subdirectory" -G Ninja -DLOWP_SOURCE="$source"
cmake --build "$scratch/add_subdirectory"
"$scratch/add_subdirectory/consumer"
if cmake --install "$scratch/add_subdirectory" --prefix "$scratch/embedded" > /dev/null 2>&1 && [ -e "$scratch/embedded" ]; then
  echo "an embedded lowp installs itself" >&2
  exit 1
fi
ok "add_subdirectory(lowp), which leaks nothing"

if command -v pkg-config > /dev/null; then
  # shellcheck disable=SC2046
  ${CXX:-c++} -std=c++20 $(PKG_CONFIG_PATH="$scratch/moved/share/pkgconfig" pkg-config --cflags lowp) "$here/main.cpp" -o "$scratch/pkg_config"
  "$scratch/pkg_config"
  ok "pkg-config --cflags lowp"
else
  echo "SKIPPED: pkg-config is not installed"
fi

cmake -DSCRATCH="$scratch/vcpkg" -P "$source/packaging/vcpkg/smoke_test.cmake"
ok "the vcpkg port (smoke test, not vcpkg)"

if [ -n "$conan" ]; then
  export CONAN_HOME="$scratch/conan_home"
  "$conan" profile detect > /dev/null 2>&1
  "$conan" create "$source" --no-remote -s compiler.cppstd=20 > "$scratch/conan_create.log" 2>&1 || { cat "$scratch/conan_create.log"; exit 1; }
  ok "conan create, with its test package"
  "$conan" create "$source" --no-remote -s compiler.cppstd=20 -s build_type=Debug > "$scratch/conan_debug.log" 2>&1 || { cat "$scratch/conan_debug.log"; exit 1; }
  [ "$("$conan" list 'lowp/*:*' --format=json | grep -o '"da39a3ee[0-9a-f]*"' | sort -u | wc -l)" = 1 ]
  ok "conan: one package for every setting"
  if "$conan" create "$source" --no-remote -s compiler.cppstd=17 > "$scratch/conan_17.log" 2>&1; then
    echo "conan accepts lowp with C++17" >&2
    exit 1
  fi
  ok "conan: C++17 is refused"
  cp -r "$here/conan" "$scratch/conan"
  cp "$here/main.cpp" "$scratch/main.cpp"
  "$conan" build "$scratch/conan" --no-remote -s compiler.cppstd=20 > "$scratch/conan_consumer.log" 2>&1 || { cat "$scratch/conan_consumer.log"; exit 1; }
  "$(find "$scratch/conan" -name consumer -type f -perm -u+x | head -n 1)"
  ok "a consumer by Conan"
else
  echo "SKIPPED: no conan program was given"
fi
echo "$passed passed, 0 failed"

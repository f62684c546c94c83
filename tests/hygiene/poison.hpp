// The macros that a user's program may have when it includes lowp: those of <complex.h>, termios and the Windows SDK.
// The standard library and the other dependencies come first, since it is not they who are tested.
#pragma once

#include <algorithm>
#include <any>
#include <array>
#include <atomic>
#include <bit>
#include <bitset>
#include <cassert>
#include <cerrno>
#include <cfloat>
#include <charconv>
#include <chrono>
#include <climits>
#include <cmath>
#include <compare>
#include <complex>
#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <exception>
#include <filesystem>
#include <fstream>
#include <functional>
#include <initializer_list>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <limits>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <new>
#include <numbers>
#include <numeric>
#include <optional>
#include <random>
#include <ranges>
#include <ratio>
#include <set>
#include <span>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>
#include <type_traits>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <variant>
#include <vector>
#include <version>

#if defined(__unix__) || defined(__APPLE__)
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif
#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif
#if defined(LOWP_HAVE_JSON)
#include <nlohmann/json.hpp>
#endif

#define I poisoned by complex.h
#define small poisoned by rpcndr.h
#define hyper poisoned by rpcndr.h
#define near poisoned by windef.h
#define far poisoned by windef.h
#define interface poisoned by combaseapi.h
#define IN poisoned by minwindef.h
#define OUT poisoned by minwindef.h
#define OPTIONAL poisoned by minwindef.h
#define ERROR poisoned by wingdi.h
#define B0 poisoned by termios.h
#define B50 poisoned by termios.h
#define min(a, b) poisoned by minwindef.h
#define max(a, b) poisoned by minwindef.h

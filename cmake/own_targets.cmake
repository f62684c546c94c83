# What lowp's own tests, examples and benchmarks are built with. None of it reaches a consumer.
#
#   add_executable(demo demo.cpp)
#   lowp_own_target(demo)          # warnings, optimisation, lowp::lowp, and lowp::io if it was found
#
# LOWP_HAVE_JSON and LOWP_HAVE_CUDA say what was found.

if(PROJECT_IS_TOP_LEVEL)
  get_property(multi_config GLOBAL PROPERTY GENERATOR_IS_MULTI_CONFIG)
  if(NOT multi_config AND NOT CMAKE_BUILD_TYPE)
    set_property(CACHE CMAKE_BUILD_TYPE PROPERTY VALUE Release)
  endif()
  find_program(LOWP_CCACHE ccache)
  mark_as_advanced(LOWP_CCACHE)
  if(LOWP_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
    set(CMAKE_CXX_COMPILER_LAUNCHER ${LOWP_CCACHE})
  endif()
endif()

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.10 QUIET)
set(LOWP_HAVE_JSON ${nlohmann_json_FOUND})

set(LOWP_HAVE_CUDA FALSE)
if(NOT LOWP_CUDA STREQUAL "OFF")
  include(CheckLanguage)
  if(NOT CMAKE_CUDA_COMPILER AND NOT DEFINED ENV{CUDACXX} AND EXISTS /usr/local/cuda/bin/nvcc)
    set(CMAKE_CUDA_COMPILER /usr/local/cuda/bin/nvcc)
  endif()
  # The targets name their architectures themselves.
  if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
    set(CMAKE_CUDA_ARCHITECTURES OFF)
  endif()
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    enable_language(CUDA)
    set(LOWP_HAVE_CUDA TRUE)
    if(LOWP_CCACHE AND PROJECT_IS_TOP_LEVEL AND NOT CMAKE_CUDA_COMPILER_LAUNCHER)
      set(CMAKE_CUDA_COMPILER_LAUNCHER ${LOWP_CCACHE})
    endif()
    # One architecture for each set of instructions that the kernels know; their code runs on the others of the same family.
    set(LOWP_CUDA_CODE_FLAGS "" CACHE STRING "Code generation flags of lowp's own CUDA targets, such as -arch=native; empty means all families")
    if(LOWP_CUDA_CODE_FLAGS)
      separate_arguments(lowp_cuda_code_flags UNIX_COMMAND "${LOWP_CUDA_CODE_FLAGS}")
    else()
      execute_process(COMMAND ${CMAKE_CUDA_COMPILER} --list-gpu-code OUTPUT_VARIABLE codes COMMAND_ERROR_IS_FATAL ANY)
      set(lowp_cuda_code_flags "")
      foreach(code 75 80 86 89 90a 100a 120a)
        string(REPLACE a "" known ${code})
        if(codes MATCHES "sm_${known}[^0-9]")
          list(APPEND lowp_cuda_code_flags "SHELL:-gencode arch=compute_${code},code=sm_${code}")
        endif()
      endforeach()
    endif()
  elseif(LOWP_CUDA STREQUAL "ON")
    message(FATAL_ERROR "LOWP_CUDA is ON, but no CUDA compiler was found; set CUDACXX or LOWP_CUDA=OFF")
  endif()
endif()

# Warnings and the language level, for a target of any kind.
function(lowp_warnings target)
  set(warnings -Wall -Wextra -Wconversion -Wpedantic -Wshadow)
  # The generated host stubs are not pedantic C++.
  set(cuda_warnings -Xcompiler=-Wall,-Wextra,-Wshadow)
  if(LOWP_WERROR)
    list(APPEND warnings -Werror)
    list(APPEND cuda_warnings "SHELL:-Werror all-warnings" -Xcompiler=-Werror)
  endif()
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CXX>:${warnings}>" "$<$<COMPILE_LANGUAGE:CUDA>:${cuda_warnings}>")
endfunction()

function(lowp_own_target target)
  lowp_warnings(${target})
  set_target_properties(${target} PROPERTIES CXX_EXTENSIONS OFF)
  target_compile_options(${target} PRIVATE "$<$<AND:$<COMPILE_LANGUAGE:CXX>,$<CONFIG:Release>>:-O2>")
  target_link_libraries(${target} PRIVATE lowp::lowp Threads::Threads)
  if(LOWP_HAVE_JSON)
    target_link_libraries(${target} PRIVATE lowp::io)
  endif()
endfunction()

# The same for a target with .cu files: each family of architectures, C++20, no relaxed-constexpr flag.
function(lowp_own_cuda_target target)
  lowp_own_target(${target})
  set_target_properties(${target} PROPERTIES CUDA_ARCHITECTURES OFF)
  # CMake 3.25 does not know CUDA_STANDARD 20 for every compiler that has it.
  set(flags -std=c++20 --threads=2 ${lowp_cuda_code_flags})
  target_compile_options(${target} PRIVATE "$<$<COMPILE_LANGUAGE:CUDA>:${flags}>")
endfunction()

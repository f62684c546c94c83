// Device memory for tests.
#pragma once

#include <lowp/kernel/cuda/device_error.cuh>

#include <cuda_runtime_api.h>

#include <cstddef>
#include <vector>

namespace lowp_test {

// A copy of `host` on the device, freed at the end.
template <class T>
class on_device {
 public:
  explicit on_device(const std::vector<T>& host) : on_device(host.data(), host.size()) {}
  on_device(const T* host, std::size_t count) : count_(count) {
    lowp::check_cuda(cudaMalloc(&data_, bytes() + 1), "allocating");
    lowp::check_cuda(cudaMemcpy(data_, host, bytes(), cudaMemcpyHostToDevice), "copying to the device");
  }
  on_device(const on_device&) = delete;
  on_device& operator=(const on_device&) = delete;
  ~on_device() { cudaFree(data_); }

  T* data() const { return static_cast<T*>(data_); }
  std::vector<T> read() const {
    std::vector<T> host(count_);
    lowp::check_cuda(cudaMemcpy(host.data(), data_, bytes(), cudaMemcpyDeviceToHost), "copying from the device");
    return host;
  }

 private:
  std::size_t bytes() const { return count_ * sizeof(T); }

  void* data_ = nullptr;
  std::size_t count_ = 0;
};

}  // namespace lowp_test

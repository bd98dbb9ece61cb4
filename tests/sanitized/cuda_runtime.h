// Stands in for CUDA's header so that fuse_cuda.cu itself can be compiled by a C++ compiler and run under sanitizers:
// a launch runs every thread of every block, one after the other. Valid because the kernels neither share memory nor
// synchronise. `fake` lets a test play a machine and look at what was asked of it.
#pragma once

#include <stddef.h>

#define __global__

struct dim3 {
    unsigned x, y, z;
    dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
};

enum cudaError_t { cudaSuccess = 0, cudaErrorInvalidDevice = 101, cudaErrorInvalidConfiguration = 9 };
typedef void* cudaStream_t;

struct Fake {
    int devices = 2, device = 0, launch_device = -1, launches = 0;
    cudaStream_t stream = nullptr;
    cudaError_t launch_error = cudaSuccess;
};

inline Fake fake;
inline dim3 gridDim, blockDim, blockIdx, threadIdx;

inline const char* cudaGetErrorString(cudaError_t error) { return error == cudaSuccess ? "no error" : "fake error"; }
inline cudaError_t cudaGetLastError() { return cudaSuccess; }
inline cudaError_t cudaGetDeviceCount(int* count) { return *count = fake.devices, cudaSuccess; }
inline cudaError_t cudaGetDevice(int* device) { return *device = fake.device, cudaSuccess; }

inline cudaError_t cudaSetDevice(int device) {
    if (device < 0 || device >= fake.devices) return cudaErrorInvalidDevice;
    return fake.device = device, cudaSuccess;
}

template <typename Args>
cudaError_t cudaLaunchKernel(void (*kernel)(Args), dim3 grid, dim3 block, void** parameters, size_t, cudaStream_t stream) {
    if (fake.launch_error != cudaSuccess) return fake.launch_error;
    if (!grid.x || !grid.y || grid.y > 65535 || block.x * block.y > 1024) return cudaErrorInvalidConfiguration;
    fake.launches += 1;
    fake.launch_device = fake.device;
    fake.stream = stream;
    gridDim = grid;
    blockDim = block;
    for (blockIdx.y = 0; blockIdx.y < grid.y; ++blockIdx.y)
        for (blockIdx.x = 0; blockIdx.x < grid.x; ++blockIdx.x)
            for (threadIdx.y = 0; threadIdx.y < block.y; ++threadIdx.y)
                for (threadIdx.x = 0; threadIdx.x < block.x; ++threadIdx.x)
                    kernel(*static_cast<Args*>(parameters[0]));
    return cudaSuccess;
}

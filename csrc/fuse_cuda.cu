// The CUDA kernels and their launch: index arithmetic here, everything else in fuse_thread.h.
#include "fuse_thread.h"

#include <cuda_runtime.h>

namespace shm {

static __global__ void fuse_kernel(FuseArgs args) {
    fuse_thread(args, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}

static __global__ void gather_kernel(GatherArgs args) {
    gather_thread(args, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}

// Makes a device current for one scope, so that the caller's choice is left as it was.
struct DeviceScope {
    int previous = 0;
    cudaError_t error;
    explicit DeviceScope(int device) {
        error = cudaGetDevice(&previous);
        if (error == cudaSuccess) error = cudaSetDevice(device);
    }
    ~DeviceScope() {
        if (error == cudaSuccess) cudaSetDevice(previous);
    }
};

template <typename Args>
static const char* launch(void (*kernel)(Args), const Args& args, int device, void* stream) {
    if (args.height <= 0 || args.width <= 0) return nullptr;
    const DeviceScope scope(device);
    if (scope.error != cudaSuccess) return cudaGetErrorString(scope.error);
    const dim3 block(32, 8);
    const dim3 grid((args.width + block.x - 1) / block.x, (args.height + block.y - 1) / block.y);
    void* parameters[] = {const_cast<Args*>(&args)};
    // a plain function call and not <<<>>>, so that tests can compile this file without CUDA
    const cudaError_t error =
        cudaLaunchKernel(kernel, grid, block, parameters, 0, static_cast<cudaStream_t>(stream));
    cudaGetLastError();  // a failed launch must not be reported again by whoever asks next
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

const char* fuse_cuda(const FuseArgs& args, int device, void* stream) {
    return launch(fuse_kernel, args, device, stream);
}

const char* gather_cuda(const GatherArgs& args, int device, void* stream) {
    return launch(gather_kernel, args, device, stream);
}

int cuda_device_count(const char** why) {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    *why = error == cudaSuccess ? nullptr : cudaGetErrorString(error);
    return error == cudaSuccess ? count : 0;
}

}  // namespace shm

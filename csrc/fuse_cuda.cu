// The CUDA kernels and their launch: index arithmetic here, everything else in fuse_thread.h, prepare_thread.h.
#include "fuse_thread.h"
#include "prepare_thread.h"

#include <cuda_runtime.h>

namespace shm {

static __global__ void fuse_kernel(FuseArgs args) {
    fuse_thread(args, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}

static __global__ void fuse_site_kernel(FuseArgs args) {
    fuse_site_thread(args, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}

static __global__ void gather_kernel(GatherArgs args) {
    gather_thread(args, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
}

static __global__ void prepare_kernel(PrepareArgs args) {
    prepare_thread(args, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y);
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

// One thread for each of height x width places.
template <typename Args>
static const char* launch(void (*kernel)(Args), const Args& args, int height, int width, int device, void* stream) {
    if (height <= 0 || width <= 0) return nullptr;
    const DeviceScope scope(device);
    if (scope.error != cudaSuccess) return cudaGetErrorString(scope.error);
    const dim3 block(32, 8);
    const dim3 grid((width + block.x - 1) / block.x, (height + block.y - 1) / block.y);
    void* parameters[] = {const_cast<Args*>(&args)};
    // a plain function call and not <<<>>>, so that tests can compile this file without CUDA
    const cudaError_t error =
        cudaLaunchKernel(kernel, grid, block, parameters, 0, static_cast<cudaStream_t>(stream));
    cudaGetLastError();  // a failed launch must not be reported again by whoever asks next
    return error == cudaSuccess ? nullptr : cudaGetErrorString(error);
}

const char* fuse_cuda(const FuseArgs& args, int device, void* stream) {
    if (by_sites(args))
        return launch(fuse_site_kernel, args, site_count(args.height), site_count(args.width), device, stream);
    return launch(fuse_kernel, args, args.height, args.width, device, stream);
}

const char* gather_cuda(const GatherArgs& args, int device, void* stream) {
    return launch(gather_kernel, args, args.height, args.width, device, stream);
}

const char* prepare_cuda(const PrepareArgs& args, int device, void* stream) {
    return launch(prepare_kernel, args, args.height, args.width, device, stream);
}

int cuda_device_count(const char** why) {
    int count = 0;
    const cudaError_t error = cudaGetDeviceCount(&count);
    *why = error == cudaSuccess ? nullptr : cudaGetErrorString(error);
    return error == cudaSuccess ? count : 0;
}

}  // namespace shm

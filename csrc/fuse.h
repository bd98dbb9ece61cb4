// What the operations read and write, and the entry points of every path. No Python in here.
#pragma once

#include <stddef.h>
#include <stdint.h>

namespace shm {

// A 2-D array whose rows are `stride` bytes apart; data is null when the array is absent.
struct Plane {
    void* data;
    ptrdiff_t stride;
};

struct FuseArgs {
    const float* logits;  // [3, logits_height, logits_width], contiguous; foreground, background, unknown
    int logits_height, logits_width;
    int height, width;
    Plane alpha_raw;   // [height, width] float32, read
    Plane frame;       // [height, width, 3] uint8, read; null unless composite is wanted
    Plane background;  // [height, width, 3] uint8, read; null unless composite is wanted
    Plane composite;   // [height, width, 3] uint8, written, or null
    Plane alpha;       // [height, width] float32, written, or null
    Plane alpha8;      // [height, width] uint8, written, or null
};

struct GatherArgs {
    const float* logits;  // as above
    int logits_height, logits_width;
    Plane frame;  // [frame_height, frame_width, 3] uint8
    int frame_height, frame_width;
    int top, left;      // window in the frame; may reach outside, where the edge is repeated
    int height, width;  // of the window
    float* out;         // [6, height, width], contiguous: RGB / 255, then the softmax of the sampled logits
};

// A CPU path: both functions handle output rows [begin, end) and need scratch_floats(...) floats of scratch.
struct CpuPath {
    const char* name;
    bool (*supported)();
    void (*fuse_rows)(const FuseArgs&, int begin, int end, float* scratch);
    void (*gather_rows)(const GatherArgs&, int begin, int end, float* scratch);
};

// Column taps (two indices, one weight) and two horizontally resampled logit rows of three channels.
inline size_t scratch_floats(int columns) { return static_cast<size_t>(columns) * 9; }

extern const CpuPath kCpuPaths[];  // best first
extern const int kCpuPathCount;

// Split the rows over `threads` threads (1: none is started) and run them on a path.
void fuse_cpu(const CpuPath& path, const FuseArgs& args, int threads);
void gather_cpu(const CpuPath& path, const GatherArgs& args, int threads);

// The CUDA launch on the CPU: the same per-thread function in the same grid, for tests.
void fuse_emulated(const FuseArgs& args, int block_width, int block_height);
void gather_emulated(const GatherArgs& args, int block_width, int block_height);

#if defined(SHM_WITH_CUDA)
// Launch on a device and stream without waiting; pointers are device pointers. Null, or the text of what went wrong.
const char* fuse_cuda(const FuseArgs& args, int device, void* stream);
const char* gather_cuda(const GatherArgs& args, int device, void* stream);
// Number of usable devices; 0 with `why` set when the driver is missing or too old.
int cuda_device_count(const char** why);
#endif

}  // namespace shm

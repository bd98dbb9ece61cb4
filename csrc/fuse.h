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

// A picture of height x width pixels: RGB, or 4:2:0 with one chroma sample for each 2x2 site of pixels.
struct Picture {
    Plane pixels;  // RGB [height, width, 3] uint8, or Y [height, width] uint8; null when the picture is absent
    Plane u, v;    // [site_count(height), site_count(width)] uint8, `step` bytes apart; null for RGB
    int step;      // 1: planes of their own (YUV420P), 2: interleaved (NV12)
};

struct FuseArgs {
    const float* logits;  // [3, logits_height, logits_width], contiguous; foreground, background, unknown
    int logits_height, logits_width;
    int height, width;
    Plane alpha_raw;     // [height, width] float32, read
    Picture frame;       // read; null unless composite is wanted
    Picture background;  // read; null unless composite is wanted
    Picture composite;   // written, or null; RGB if frame and background are, else with step 1
    Plane alpha;         // [height, width] float32, written, or null
    Plane alpha8;        // [height, width] uint8, written, or null
};

// Whether the work is done site by site and not pixel by pixel.
inline bool by_sites(const FuseArgs& args) { return args.composite.u.data != nullptr; }

struct GatherArgs {
    const float* logits;  // as above
    int logits_height, logits_width;
    Picture frame;
    int frame_height, frame_width;
    int top, left;           // window in the frame; may reach outside, where the edge is repeated
    int height, width;       // of the window
    float* out;              // [6, height, width], contiguous: RGB / 255, then the softmax of the sampled logits
    float rgb_from_yuv[12];  // 3 rows (Y, 16 U, 16 V, 1) -> 0..1; not used for RGB frames
};

struct MnetArgs;     // mnet.h
struct PrepareArgs;  // prepare.h

// A CPU path: functions handle output rows [begin, end), M-Net's rows of blocks, and need scratch_floats(...) floats of
// scratch, M-Net and `prepare` sums of their own. Rows of a planar composite are taken in pairs: `begin` is even.
struct CpuPath {
    const char* name;
    bool (*supported)();
    void (*fuse_rows)(const FuseArgs&, int begin, int end, float* scratch);
    void (*gather_rows)(const GatherArgs&, int begin, int end, float* scratch);
    void (*mnet_rows)(const MnetArgs&, int begin, int end, float* scratch);
    void (*prepare_rows)(const PrepareArgs&, int begin, int end, float* scratch);
};

// Per column: taps (two indices, one weight), two resampled logit rows of three channels, alpha of two rows, and room
// for what is certain about blocks of columns, or for two rows of chroma.
inline size_t scratch_floats(int columns) { return (static_cast<size_t>(columns) + 4) * 12; }

extern const CpuPath kCpuPaths[];  // best first
extern const int kCpuPathCount;

// Split the rows over `threads` threads (1: none is started) and run them on a path.
void fuse_cpu(const CpuPath& path, const FuseArgs& args, int threads);
void gather_cpu(const CpuPath& path, const GatherArgs& args, int threads);
void prepare_cpu(const CpuPath& path, const PrepareArgs& args, int threads);

// The CUDA launch on the CPU: the same per-thread function in the same grid, for tests.
void fuse_emulated(const FuseArgs& args, int block_width, int block_height);
void gather_emulated(const GatherArgs& args, int block_width, int block_height);
void prepare_emulated(const PrepareArgs& args, int block_width, int block_height);

#if defined(SHM_WITH_CUDA)
// Launch on a device and stream without waiting; pointers are device pointers. Null, or the text of what went wrong.
const char* fuse_cuda(const FuseArgs& args, int device, void* stream);
const char* gather_cuda(const GatherArgs& args, int device, void* stream);
const char* prepare_cuda(const PrepareArgs& args, int device, void* stream);
// Number of usable devices; 0 with `why` set when the driver is missing or too old.
int cuda_device_count(const char** why);
#endif

}  // namespace shm

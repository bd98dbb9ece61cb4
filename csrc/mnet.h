// M-Net of the `live` preset: its sizes, and what its kernel reads and writes. shm_stream/mnet.py defines the network.
#pragma once

#include "fuse.h"

namespace shm {

constexpr int kMnetBlock = 4;     // side of the pixel blocks the convolutions see
constexpr int kMnetReach = 5;     // blocks of context on every side
constexpr int kMnetWidth = 32;    // channels of a block
constexpr int kMnetColours = 6;   // input channels: weights of the local colour model, and an offset after them
constexpr int kMnetModel = 8;     // numbers of the model, and one that is not used
constexpr int kMnetLooks = 3;     // separable convolutions
constexpr int kMnetDilations[kMnetLooks] = {1, 2, 1};

// Parameters with batch norm folded in, one after the other; the channel written to is the fastest index.
struct MnetLook {
    float depthwise[9][kMnetWidth], depthwise_bias[kMnetWidth];
    float pointwise[kMnetWidth][kMnetWidth], pointwise_bias[kMnetWidth];
};
struct MnetParameters {
    float fold[kMnetColours * kMnetBlock * kMnetBlock][kMnetWidth];  // by colour, row, column of the block
    float fold_bias[kMnetWidth];
    MnetLook look[kMnetLooks];
    float write[kMnetWidth][kMnetModel], write_bias[kMnetModel];
    float unused[kMnetModel];  // wide vectors reach beyond the last number
};

struct MnetArgs {
    GatherArgs input;         // the window is the frame in whole blocks with the reach around it; nothing is written
    const uint8_t* depth;     // [blocks of the window]: how many layers a block goes through, 0 to kMnetDepth
    const MnetParameters* parameters;
    Plane alpha_raw;          // [frame_height, frame_width] float32, written; 0.5 in blocks that are not drawn
    const uint8_t* stale;     // [blocks of the frame]: 0 where alpha_raw is 0.5 already; null: nothing is known of it
};

// Depths of a block: folded, looked at once, twice, its model written, its pixels drawn.
constexpr int kMnetFolded = 1, kMnetWritten = 4, kMnetDepth = 5;

// Floats of scratch for a band of blocks, whatever its height.
size_t mnet_scratch_floats(const MnetArgs& args);

// Draws the frame's rows of blocks, split over `threads` threads.
void mnet_cpu(const CpuPath& path, const MnetArgs& args, int threads);

}  // namespace shm

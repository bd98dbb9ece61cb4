// The alpha of ProRes 4444 frames: 16 bits, without loss, slice by slice (SMPTE RDD 36, scanned alpha).
#pragma once

#include "fuse.h"

namespace shm {

constexpr int kProresBlock = 16;      // side of a macroblock; a slice is one macroblock high
constexpr int kProresLongest = 8;     // macroblocks in a slice at most
constexpr int kProresPixelBits = 18;  // most that a pixel costs: flag, 16 bits of difference, "no repetition"

struct ProresAlphaArgs {
    Plane alpha;  // uint16
    int height, width;
    int slice_blocks;  // macroblocks in a slice: 1, 2, 4 or 8; what is left of a row is halved until it fits
    uint8_t* out;      // coded slices, one after the other from left to right and down
    uint16_t* sizes;   // bytes of each
};

// `out` must hold kProresPixelBits for each pixel of all macroblocks.
void prores_alpha(const ProresAlphaArgs& args);

}  // namespace shm

// What one GPU thread does: one output pixel. Used by the CUDA kernels and by their emulation on the CPU.
// No shared memory, no synchronisation, no warp intrinsics: that keeps the emulation a proof of the logic.
#pragma once

#include "fuse.h"
#include "fuse_math.h"

namespace shm {

template <typename T>
SHM_INLINE T* row_of(Plane plane, int y) {
    return reinterpret_cast<T*>(static_cast<char*>(plane.data) + plane.stride * y);
}

// Horizontal first, then vertical: the order of the CPU rows, which resample each logit row once.
SHM_INLINE float sample_logit(const float* channel, int width, Tap row, Tap column) {
    const float* upper = channel + static_cast<ptrdiff_t>(row.first) * width;
    const float* lower = channel + static_cast<ptrdiff_t>(row.second) * width;
    const float a = lerp(clean_logit(upper[column.first]), clean_logit(upper[column.second]), column.weight);
    const float b = lerp(clean_logit(lower[column.first]), clean_logit(lower[column.second]), column.weight);
    return lerp(a, b, row.weight);
}

// Softmax of the logits [3, h, w] sampled at pixel (x, y) of a picture of height x width.
SHM_INLINE Softmax sample_softmax(const float* logits, int h, int w, int height, int width, int x, int y) {
    const Tap row = make_tap(y, height, h), column = make_tap(x, width, w);
    const ptrdiff_t plane = static_cast<ptrdiff_t>(h) * w;
    const float f = sample_logit(logits, w, row, column);
    const float b = sample_logit(logits + plane, w, row, column);
    const float u = sample_logit(logits + 2 * plane, w, row, column);
    return softmax(f, b, u);
}

SHM_INLINE void fuse_thread(const FuseArgs& args, int x, int y) {
    if (x >= args.width || y >= args.height) return;
    const Softmax s =
        sample_softmax(args.logits, args.logits_height, args.logits_width, args.height, args.width, x, y);
    const float alpha = fuse_alpha(s, row_of<const float>(args.alpha_raw, y)[x]);
    if (args.alpha.data) row_of<float>(args.alpha, y)[x] = alpha;
    if (args.alpha8.data) row_of<uint8_t>(args.alpha8, y)[x] = alpha_to_byte(alpha);
    if (!args.composite.data) return;
    for (int c = 3 * x; c < 3 * x + 3; ++c)
        row_of<uint8_t>(args.composite, y)[c] =
            blend(row_of<const uint8_t>(args.frame, y)[c], row_of<const uint8_t>(args.background, y)[c], alpha);
}

SHM_INLINE void gather_thread(const GatherArgs& args, int x, int y) {
    if (x >= args.width || y >= args.height) return;
    const int frame_x = clamp_index(args.left + x, args.frame_width);
    const int frame_y = clamp_index(args.top + y, args.frame_height);
    const Softmax s = sample_softmax(args.logits, args.logits_height, args.logits_width, args.frame_height,
                                     args.frame_width, frame_x, frame_y);
    const uint8_t* pixel = row_of<const uint8_t>(args.frame, frame_y) + 3 * frame_x;
    const ptrdiff_t plane = static_cast<ptrdiff_t>(args.height) * args.width;
    float* out = args.out + static_cast<ptrdiff_t>(y) * args.width + x;
    for (int c = 0; c < 3; ++c) out[c * plane] = byte_to_unit(pixel[c]);
    out[3 * plane] = s.foreground / s.sum;
    out[4 * plane] = s.background / s.sum;
    out[5 * plane] = s.unknown / s.sum;
}

}  // namespace shm

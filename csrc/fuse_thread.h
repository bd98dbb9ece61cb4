// What one GPU thread does: one output pixel, or one 2x2 site of a planar composite. Used by the CUDA kernels and by their emulation on the CPU.
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

// Alpha of pixel (x, y), after writing the alpha outputs there.
SHM_INLINE float fuse_pixel(const FuseArgs& args, int x, int y) {
    const Softmax s =
        sample_softmax(args.logits, args.logits_height, args.logits_width, args.height, args.width, x, y);
    const float alpha = fuse_alpha(s, row_of<const float>(args.alpha_raw, y)[x]);
    if (args.alpha.data) row_of<float>(args.alpha, y)[x] = alpha;
    if (args.alpha8.data) row_of<uint8_t>(args.alpha8, y)[x] = alpha_to_byte(alpha);
    return alpha;
}

SHM_INLINE void blend_at(Plane frame, Plane background, Plane composite, int y, int x, int frame_x, int background_x,
                         float alpha) {
    row_of<uint8_t>(composite, y)[x] =
        blend(row_of<const uint8_t>(frame, y)[frame_x], row_of<const uint8_t>(background, y)[background_x], alpha);
}

SHM_INLINE void fuse_thread(const FuseArgs& args, int x, int y) {
    if (x >= args.width || y >= args.height) return;
    const float alpha = fuse_pixel(args, x, y);
    if (!args.composite.pixels.data) return;
    for (int c = 3 * x; c < 3 * x + 3; ++c)
        blend_at(args.frame.pixels, args.background.pixels, args.composite.pixels, y, c, c, c, alpha);
}

SHM_INLINE float fuse_luma(const FuseArgs& args, int x, int y) {
    const float alpha = fuse_pixel(args, x, y);
    blend_at(args.frame.pixels, args.background.pixels, args.composite.pixels, y, x, x, x, alpha);
    return alpha;
}

// Site (x, y): up to four pixels of luma and their chroma.
SHM_INLINE void fuse_site_thread(const FuseArgs& args, int x, int y) {
    const int left = 2 * x, top = 2 * y;
    if (left >= args.width || top >= args.height) return;
    const bool wide = left + 1 < args.width, high = top + 1 < args.height;
    const float a = fuse_luma(args, left, top);
    const float b = wide ? fuse_luma(args, left + 1, top) : a;
    const float below_a = high ? fuse_luma(args, left, top + 1) : a;
    const float below_b = !high ? b : wide ? fuse_luma(args, left + 1, top + 1) : below_a;
    const float alpha = site_alpha(a, b, below_a, below_b);
    const int frame_x = x * args.frame.step, background_x = x * args.background.step;
    blend_at(args.frame.u, args.background.u, args.composite.u, y, x, frame_x, background_x, alpha);
    blend_at(args.frame.v, args.background.v, args.composite.v, y, x, frame_x, background_x, alpha);
}

// A chroma plane at pixel (x, y) of a frame of height x width, 16 times as large.
SHM_INLINE float sample_chroma(Plane plane, int step, int height, int width, int x, int y) {
    const uint8_t* own = row_of<const uint8_t>(plane, y / 2);
    const uint8_t* neighbour = row_of<const uint8_t>(plane, neighbour_site(y, site_count(height)));
    const int here = x / 2 * step, beside = neighbour_site(x, site_count(width)) * step;
    return static_cast<float>(between_sites(between_sites(own[here], neighbour[here]),
                                            between_sites(own[beside], neighbour[beside])));
}

// Channels 0-2 of M-Net's input at frame pixel (x, y).
SHM_INLINE void gather_colour(const GatherArgs& args, int x, int y, float* out, ptrdiff_t plane) {
    if (!args.frame.u.data) {
        const uint8_t* pixel = row_of<const uint8_t>(args.frame.pixels, y) + 3 * x;
        for (int c = 0; c < 3; ++c) out[c * plane] = byte_to_unit(pixel[c]);
        return;
    }
    const float luma = static_cast<float>(row_of<const uint8_t>(args.frame.pixels, y)[x]);
    const float u = sample_chroma(args.frame.u, args.frame.step, args.frame_height, args.frame_width, x, y);
    const float v = sample_chroma(args.frame.v, args.frame.step, args.frame_height, args.frame_width, x, y);
    for (int c = 0; c < 3; ++c) out[c * plane] = colour_to_unit(args.rgb_from_yuv + 4 * c, luma, u, v);
}

SHM_INLINE void gather_thread(const GatherArgs& args, int x, int y) {
    if (x >= args.width || y >= args.height) return;
    const int frame_x = clamp_index(args.left + x, args.frame_width);
    const int frame_y = clamp_index(args.top + y, args.frame_height);
    const Softmax s = sample_softmax(args.logits, args.logits_height, args.logits_width, args.frame_height,
                                     args.frame_width, frame_x, frame_y);
    const ptrdiff_t plane = static_cast<ptrdiff_t>(args.height) * args.width;
    float* out = args.out + static_cast<ptrdiff_t>(y) * args.width + x;
    gather_colour(args, frame_x, frame_y, out, plane);
    out[3 * plane] = s.foreground / s.sum;
    out[4 * plane] = s.background / s.sum;
    out[5 * plane] = s.unknown / s.sum;
}

}  // namespace shm

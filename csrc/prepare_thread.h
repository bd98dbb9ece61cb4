// What one GPU thread of `prepare` does: one output pixel.
#pragma once

#include "fuse_thread.h"
#include "prepare.h"

namespace shm {

// Mean over spans of one channel: samples `step` bytes apart, the first of them at `offset`.
SHM_INLINE float mean_of(Plane plane, int step, int offset, int plane_height, int plane_width, int height, int width,
                         int x, int y) {
    const Span rows = make_span(y, plane_height, height), columns = make_span(x, plane_width, width);
    float sum = 0.0f;
    for (int t = 0; t < most_taps(plane_width, width); ++t) {
        const int column = clamp_index(columns.first + t, plane_width);
        const int at = column * step + offset;
        int between = 0;
        for (int row = rows.first + 1; row < rows.last; ++row) between += row_of<const uint8_t>(plane, row)[at];
        const float first = row_of<const uint8_t>(plane, rows.first)[at];
        const float last = row_of<const uint8_t>(plane, rows.last)[at];
        const float weight = weight_in_span(columns, columns.first + t);
        sum = sum + weight * column_sum(rows, first, static_cast<float>(between), last);
    }
    return sum * mean_scale(plane_height, plane_width, height, width);
}

SHM_INLINE void prepare_thread(const PrepareArgs& args, int x, int y) {
    if (x >= args.width || y >= args.height) return;
    uint8_t* out = row_of<uint8_t>(args.out, y) + 3 * x;
    const int h = args.frame_height, w = args.frame_width;
    if (!args.frame.u.data) {
        for (int c = 0; c < 3; ++c)
            out[c] = mean_to_byte(mean_of(args.frame.pixels, 3, c, h, w, args.height, args.width, x, y));
        return;
    }
    const int step = args.frame.step, rows = site_count(h), columns = site_count(w);
    const float luma = mean_of(args.frame.pixels, 1, 0, h, w, args.height, args.width, x, y);
    const float u = mean_of(args.frame.u, step, 0, rows, columns, args.height, args.width, x, y);
    const float v = mean_of(args.frame.v, step, 0, rows, columns, args.height, args.width, x, y);
    for (int c = 0; c < 3; ++c) out[c] = mean_to_byte(mean_colour(args.rgb_from_yuv + 4 * c, luma, u, v));
}

}  // namespace shm

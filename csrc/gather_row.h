// One row of M-Net's input on the CPU: colours and probabilities of a window's columns. See rows.h.
#pragma once

#include "rows_sampler.h"

namespace shm {
namespace SHM_TARGET {

// Make `upper` and `lower` the rows around output row y; returns the weight of `lower`.
static float move_to_row(Sampler& s, int y) {
    const Tap tap = make_tap(y, s.height, s.h);
    if (s.upper_row != tap.first && s.lower_row == tap.first) swap_rows(s);
    if (s.upper_row != tap.first) resample_run(s, s.upper_row = tap.first, 0, s.columns, s.upper);
    if (s.lower_row != tap.second) resample_run(s, s.lower_row = tap.second, 0, s.columns, s.lower);
    return tap.weight;
}

// Frame columns [x, x + count) of the row that the sampler stands at.
static void gather_probabilities(const Sampler& s, float weight, int x, int count, float* __restrict foreground,
                                 float* __restrict background, float* __restrict unknown) {
    const float* __restrict upper = s.upper + (x - s.begin);
    const float* __restrict lower = s.lower + (x - s.begin);
    const ptrdiff_t plane = s.columns;
    for (int i = 0; i < count; ++i) {
        const Softmax p = softmax(lerp(upper[i], lower[i], weight), lerp(upper[i + plane], lower[i + plane], weight),
                                  lerp(upper[i + 2 * plane], lower[i + 2 * plane], weight));
        foreground[i] = p.foreground / p.sum;
        background[i] = p.background / p.sum;
        unknown[i] = p.unknown / p.sum;
    }
}

static void gather_colours(const uint8_t* __restrict pixels, int count, float* __restrict red,
                           float* __restrict green, float* __restrict blue) {
    for (int i = 0; i < count; ++i) {
        red[i] = byte_to_unit(pixels[3 * i]);
        green[i] = byte_to_unit(pixels[3 * i + 1]);
        blue[i] = byte_to_unit(pixels[3 * i + 2]);
    }
}

// Repeat the outermost computed values over the part of the row that lies outside the frame.
static void repeat_edges(float* row, int inside, int count, int width) {
    for (int i = 0; i < inside; ++i) row[i] = row[inside];
    for (int i = inside + count; i < width; ++i) row[i] = row[inside + count - 1];
}

// Both pixels of a site in a row: chroma 16 times as large. Positions of it and of the sites beside it, in bytes.
static inline void spread_site(const uint8_t* own, const uint8_t* neighbour, ptrdiff_t here, ptrdiff_t before,
                               ptrdiff_t after, int* out) {
    const int middle = between_sites(own[here], neighbour[here]);
    out[0] = between_sites(middle, between_sites(own[before], neighbour[before]));
    out[1] = between_sites(middle, between_sites(own[after], neighbour[after]));
}

// Sites with another on either side; `step` is a constant where this is called, so that the loop can be vectorised.
static inline void spread_sites(const uint8_t* __restrict own, const uint8_t* __restrict neighbour, int step, int count,
                                int* __restrict out) {
    for (int i = 0; i < count; ++i)
        spread_site(own, neighbour, i * step, i * step - step, i * step + step, out + 2 * i);
}

// One chroma plane at pixels [x, x + columns) of row y, 16 times as large. `room`: columns + 2 integers.
static const int* chroma_row(const GatherArgs& args, const Plane& plane, int y, int x, int columns, int* room) {
    const int step = args.frame.step, last = site_count(args.frame_width) - 1;
    const uint8_t* own = bytes_at(plane, y / 2, 0);
    const uint8_t* neighbour = bytes_at(plane, neighbour_site(y, site_count(args.frame_height)), 0);
    const int first = x / 2, end = (x + columns - 1) / 2 + 1;
    const int begin = first > 1 ? first : 1, stop = end < last ? end : last;  // sites inside the frame's edges
    int* inner = room + 2 * (begin - first);
    if (step == 1)
        spread_sites(own + begin, neighbour + begin, 1, stop - begin, inner);
    else
        spread_sites(own + 2 * begin, neighbour + 2 * begin, 2, stop - begin, inner);
    if (first == 0) spread_site(own, neighbour, 0, 0, last ? step : 0, room);
    const ptrdiff_t edge = static_cast<ptrdiff_t>(last) * step;
    if (end > last && last) spread_site(own, neighbour, edge, edge - step, edge, room + 2 * (last - first));
    return room + (x & 1);
}

static void planar_colours(const float* matrix, const uint8_t* __restrict luma, const int* __restrict u,
                           const int* __restrict v, int count, float* __restrict red, float* __restrict green,
                           float* __restrict blue) {
    float m[12];  // a copy that the stores below cannot change
    memcpy(m, matrix, sizeof m);
    for (int i = 0; i < count; ++i) {
        const float y = static_cast<float>(luma[i]), cb = static_cast<float>(u[i]), cr = static_cast<float>(v[i]);
        red[i] = colour_to_unit(m, y, cb, cr);
        green[i] = colour_to_unit(m + 4, y, cb, cr);
        blue[i] = colour_to_unit(m + 8, y, cb, cr);
    }
}

static void colour_row(const GatherArgs& args, int y, int x, int columns, float* room, float* out, ptrdiff_t plane) {
    if (!args.frame.u.data) {
        gather_colours(bytes_at(args.frame.pixels, y, 3 * x), columns, out, out + plane, out + 2 * plane);
        return;
    }
    int* rooms = reinterpret_cast<int*>(room);
    const int* u = chroma_row(args, args.frame.u, y, x, columns, rooms);
    const int* v = chroma_row(args, args.frame.v, y, x, columns, rooms + columns + 2);
    planar_colours(args.rgb_from_yuv, bytes_at(args.frame.pixels, y, x), u, v, columns, out, out + plane,
                   out + 2 * plane);
}

// Window columns [0, width) of frame row y, the first of them at frame column `left`. `weight`: where the sampler stands,
// which covers those inside the frame. `room`: 2 (frame_width + 2) floats. `plane`: floats between the channels of `out`.
static void gather_row(const GatherArgs& args, const Sampler& s, float weight, int y, int left, int width, float* room,
                       float* out, ptrdiff_t plane) {
    const int x = clamp_index(left, args.frame_width);  // first and last frame column inside the window
    const int columns = clamp_index(left + width - 1, args.frame_width) - x + 1;
    const int inside = clamp_index(x - left, width);  // where that first column lands in the window
    float* first = out + inside;
    colour_row(args, y, x, columns, room, first, plane);
    gather_probabilities(s, weight, x, columns, first + 3 * plane, first + 4 * plane, first + 5 * plane);
    for (int c = 0; c < 6; ++c) repeat_edges(out + c * plane, inside, columns, width);
}

}  // namespace SHM_TARGET
}  // namespace shm

// A picture at T-Net's size: what `prepare` reads and writes, and its arithmetic, for CPU rows and CUDA threads alike.
#pragma once

#include "fuse.h"
#include "fuse_math.h"

namespace shm {

struct PrepareArgs {
    Picture frame;
    int frame_height, frame_width;
    Plane out;               // [height, width, 3] uint8 RGB, written
    int height, width;       // each at most that of the frame
    float rgb_from_yuv[12];  // 3 rows (Y, 16 U, 16 V, 1) -> 0..1; not used for RGB frames
};

// What output pixel `i` of `size` covers of `source` pixels: [i * source / size, (i + 1) * source / size), in which the
// first and the last one may lie in part. Weights are in source pixels.
struct Span {
    int first, last;
    float head, tail;  // weights of first and last; 0 for the last one if it is the first
};

// Exact in 64-bit integers: positions are in units of 1 / size.
SHM_INLINE Span make_span(int i, int source, int size) {
    const int64_t begin = static_cast<int64_t>(i) * source, end = begin + source;
    const int first = static_cast<int>(begin / size), last = static_cast<int>((end - 1) / size);
    const int64_t first_end = static_cast<int64_t>(first + 1) * size;
    const float head = static_cast<float>((first_end < end ? first_end : end) - begin) / static_cast<float>(size);
    const float tail = static_cast<float>(end - static_cast<int64_t>(last) * size) / static_cast<float>(size);
    return Span{first, last, head, first < last ? tail : 0.0f};
}

SHM_INLINE float weight_in_span(const Span& span, int position) {
    return position == span.first ? span.head : position == span.last ? span.tail : position < span.last ? 1.0f : 0.0f;
}

// A column of a span: first and last sample, and the sum of those between.
SHM_INLINE float column_sum(const Span& rows, float first, float between, float last) {
    return (rows.head * first + between) + rows.tail * last;
}

// Most source pixels that one of `size` output pixels touches.
SHM_INLINE int most_taps(int source, int size) { return (source + size - 1) / size + 1; }

// Samples behind a row that CPU rows read beside its last taps, which they take in eights.
SHM_INLINE int spare_samples(int taps) { return taps + 7; }

// What a sum over spans is multiplied with.
SHM_INLINE float mean_scale(int frame_height, int frame_width, int height, int width) {
    return static_cast<float>(height) / static_cast<float>(frame_height) *
           (static_cast<float>(width) / static_cast<float>(frame_width));
}

// Mean luma and chroma -> a channel of RGB, 0 to 255. `row`: of PrepareArgs::rgb_from_yuv.
SHM_INLINE float mean_colour(const float* row, float luma, float u, float v) {
    return 255.0f * colour_to_unit(row, luma, 16.0f * u, 16.0f * v);
}

SHM_INLINE uint8_t mean_to_byte(float value) { return static_cast<uint8_t>(static_cast<int>(value + 0.5f)); }

}  // namespace shm

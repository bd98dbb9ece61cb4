// `prepare`'s two loops as compilers vectorise them.
#pragma once

#include "prepare_sums.h"

namespace shm {
namespace SHM_TARGET {

// Rows whose sum fits 16 bits.
static const int kRowsAtOnce = 256;

static void add_row(const uint8_t* __restrict row, int count, uint16_t* __restrict sums) {
    for (int i = 0; i < count; ++i) sums[i] = static_cast<uint16_t>(sums[i] + row[i]);
}

static void add_sums(const uint16_t* __restrict sums, int count, float* __restrict out) {
    for (int i = 0; i < count; ++i) out[i] = out[i] + static_cast<float>(sums[i]);
}

static void combine(const uint8_t* __restrict first, const uint8_t* __restrict last, const Span& rows, int count,
                    float* __restrict sums) {
    for (int i = 0; i < count; ++i)
        sums[i] = column_sum(rows, static_cast<float>(first[i]), sums[i], static_cast<float>(last[i]));
}

// Sums of the rows of a span, for `count` samples that lie side by side: whole numbers up to 2^24, so exact, between the
// first row and the last. `sums` has room for as many.
static void sum_rows(const Plane& plane, const Span& rows, int count, uint16_t* sums, float* out) {
    for (int i = 0; i < count; ++i) out[i] = 0.0f;
    for (int begin = rows.first + 1; begin < rows.last; begin += kRowsAtOnce) {
        memset(sums, 0, count * sizeof *sums);
        for (int y = begin; y < rows.last && y < begin + kRowsAtOnce; ++y) add_row(bytes_at(plane, y, 0), count, sums);
        add_sums(sums, count, out);
    }
    combine(bytes_at(plane, rows.first, 0), bytes_at(plane, rows.last, 0), rows, count, out);
}

// Means of a row of output pixels; behind the samples are spare ones.
static void average_row(const Taps& taps, const float* __restrict samples, float* __restrict out) {
    const int width = taps.width;
    const int* __restrict first = taps.first;
    for (int i = 0; i < width; ++i) out[i] = 0.0f;
    for (int t = 0; t < taps.count; ++t) {
        const float* __restrict weight = taps.weight + static_cast<ptrdiff_t>(t) * width;
        const float* __restrict sample = samples + t;
        for (int i = 0; i < width; ++i) out[i] = out[i] + weight[i] * sample[first[i]];
    }
    for (int i = 0; i < width; ++i) out[i] = out[i] * taps.scale;
}

}  // namespace SHM_TARGET
}  // namespace shm

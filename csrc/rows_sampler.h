// Logits on their way to full size, row by row: what the loops of fusion and gathering share.
#pragma once

#include "fuse_math.h"
#include "rows.h"

namespace shm {
namespace SHM_TARGET {

// Logits resampled to full width, kept for the two source rows around the current output row.
struct Sampler {
    const float* logits;  // [3, h, w]
    int h, w, height;     // source size, height of the picture they are spread over
    int begin, columns;   // first column sampled, and how many
    const int* first;     // [columns] left source column
    const int* second;    // [columns] right source column
    const float* weight;  // [columns]
    float* upper;         // [3, columns] source row `upper_row`, resampled
    float* lower;         // [3, columns]
    int upper_row, lower_row;
};

static Sampler make_sampler(const float* logits, int h, int w, int height, int width, int begin, int columns,
                            float* scratch) {
    int* first = reinterpret_cast<int*>(scratch);
    int* second = first + columns;
    float* weight = scratch + 2 * static_cast<size_t>(columns);
    for (int i = 0; i < columns; ++i) {
        const Tap tap = make_tap(begin + i, width, w);
        first[i] = tap.first;
        second[i] = tap.second;
        weight[i] = tap.weight;
    }
    float* upper = weight + columns;
    return Sampler{logits, h, w, height, begin, columns, first, second, weight, upper, upper + 3 * static_cast<size_t>(columns),
                   -1, -1};
}

// Columns [x, x + count) of a source row. `out`: [3, columns].
static void resample_run(const Sampler& s, int row, int x, int count, float* __restrict out) {
    const int* __restrict first = s.first;
    const int* __restrict second = s.second;
    const float* __restrict weight = s.weight;
    for (int c = 0; c < 3; ++c, out += s.columns) {
        const float* __restrict in = s.logits + (static_cast<ptrdiff_t>(c) * s.h + row) * s.w;
        for (int i = x; i < x + count; ++i)
            out[i] = lerp(clean_logit(in[first[i]]), clean_logit(in[second[i]]), weight[i]);
    }
}

static void swap_rows(Sampler& s) {
    float* swap = s.upper;
    s.upper = s.lower;
    s.lower = swap;
    const int row = s.lower_row;
    s.lower_row = s.upper_row;
    s.upper_row = row;
}

}  // namespace SHM_TARGET
}  // namespace shm

// What the output pixels of a row cover of the samples of a row, for both kinds of `prepare`'s loops. See rows.h.
#pragma once

#include "prepare.h"
#include "rows.h"

namespace shm {
namespace SHM_TARGET {

// Weights of what output pixels cover of a row, tap by tap; all have the same number of taps, some of weight 0.
struct Taps {
    int count;      // taps
    int width;      // output pixels
    int source;     // samples of a row
    float scale;    // of sums over rows and columns
    int* first;     // [width] samples
    float* weight;  // [count, width]
};

static Taps make_taps(int source_height, int source, int height, int width, float** room) {
    const int count = most_taps(source, width);
    const Taps taps = {count, width, source, mean_scale(source_height, source, height, width),
                       reinterpret_cast<int*>(*room), *room + width};
    *room += (count + 1) * static_cast<size_t>(width);
    for (int i = 0; i < width; ++i) {
        const Span span = make_span(i, source, width);
        taps.first[i] = span.first;
        for (int t = 0; t < count; ++t) taps.weight[t * width + i] = weight_in_span(span, span.first + t);
    }
    return taps;
}

}  // namespace SHM_TARGET
}  // namespace shm

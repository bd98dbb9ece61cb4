// `prepare`'s two loops in AVX2, which compilers do not find by themselves: bytes of 32 columns are summed in
// registers, and what eight output pixels cover is read eight samples at a time and turned into one vector for each tap.
#pragma once

#include <immintrin.h>

#include "prepare_sums.h"

namespace shm {
namespace SHM_TARGET {

static __m256 load_bytes(const uint8_t* from) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(from))));
}

// Vectors of a row that are summed together.
static const int kVectors = 4;

static void sum_columns(const uint8_t* row, ptrdiff_t stride, const Span& rows, float* out) {
    const __m256 head = _mm256_set1_ps(rows.head), tail = _mm256_set1_ps(rows.tail);
    const uint8_t* last = row + stride * (rows.last - rows.first);
    __m256 first[kVectors], between[kVectors];
    for (int i = 0; i < kVectors; ++i) {
        first[i] = _mm256_mul_ps(head, load_bytes(row + 8 * i));
        between[i] = _mm256_setzero_ps();
    }
    for (int y = rows.first + 1; y < rows.last; ++y) {
        row += stride;
        for (int i = 0; i < kVectors; ++i) between[i] = _mm256_add_ps(between[i], load_bytes(row + 8 * i));
    }
    for (int i = 0; i < kVectors; ++i) {
        const __m256 sum = _mm256_add_ps(first[i], between[i]);
        _mm256_storeu_ps(out + 8 * i, _mm256_add_ps(sum, _mm256_mul_ps(tail, load_bytes(last + 8 * i))));
    }
}

static float sum_one(const uint8_t* row, ptrdiff_t stride, const Span& rows) {
    const float first = *row;
    float between = 0.0f;
    for (int y = rows.first + 1; y < rows.last; ++y) between = between + static_cast<float>(*(row += stride));
    return column_sum(rows, first, between, rows.first < rows.last ? row[stride] : first);
}

// As in prepare_plain.h.
static void sum_rows(const Plane& plane, const Span& rows, int count, uint16_t*, float* out) {
    const uint8_t* first = bytes_at(plane, rows.first, 0);
    int x = 0;
    for (; x + 8 * kVectors <= count; x += 8 * kVectors) sum_columns(first + x, plane.stride, rows, out + x);
    for (; x < count; ++x) out[x] = sum_one(first + x, plane.stride, rows);
}

// rows[y][x] <-> rows[x][y]: in pairs, in fours, then the halves.
static void transpose(__m256 rows[8]) {
    __m256 pairs[8], fours[8];
    for (int i = 0; i < 8; i += 2) {
        pairs[i] = _mm256_unpacklo_ps(rows[i], rows[i + 1]);
        pairs[i + 1] = _mm256_unpackhi_ps(rows[i], rows[i + 1]);
    }
    for (int i = 0; i < 8; i += 4)
        for (int k = 0; k < 2; ++k) {
            fours[i + 2 * k] = _mm256_shuffle_ps(pairs[i + k], pairs[i + 2 + k], 0x44);
            fours[i + 2 * k + 1] = _mm256_shuffle_ps(pairs[i + k], pairs[i + 2 + k], 0xee);
        }
    for (int i = 0; i < 4; ++i) {
        rows[i] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x20);
        rows[i + 4] = _mm256_permute2f128_ps(fours[i], fours[i + 4], 0x31);
    }
}

// Means of eight output pixels from `i` on.
static void average_eight(const Taps& taps, const float* samples, int i, float* out) {
    __m256 sum = _mm256_setzero_ps();
    const float* weight = taps.weight + i;
    for (int begin = 0; begin < taps.count; begin += 8) {
        const int count = taps.count - begin < 8 ? taps.count - begin : 8;
        __m256 values[8];
        for (int k = 0; k < 8; ++k) values[k] = _mm256_loadu_ps(samples + taps.first[i + k] + begin);
        transpose(values);
        for (int t = 0; t < count; ++t, weight += taps.width)
            sum = _mm256_add_ps(sum, _mm256_mul_ps(_mm256_loadu_ps(weight), values[t]));
    }
    _mm256_storeu_ps(out + i, _mm256_mul_ps(sum, _mm256_set1_ps(taps.scale)));
}

// Mean of output pixel `i`.
static float average_one(const Taps& taps, const float* samples, int i) {
    float sum = 0.0f;
    for (int t = 0; t < taps.count; ++t)
        sum = sum + taps.weight[static_cast<size_t>(t) * taps.width + i] * samples[taps.first[i] + t];
    return sum * taps.scale;
}

// As in prepare_plain.h.
static void average_row(const Taps& taps, const float* samples, float* out) {
    int i = 0;
    for (; i + 8 <= taps.width; i += 8) average_eight(taps, samples, i, out);
    for (; i < taps.width; ++i) out[i] = average_one(taps, samples, i);
}

}  // namespace SHM_TARGET
}  // namespace shm

// The layers of M-Net on runs of blocks in a row; a block is kMnetWidth floats side by side.
#pragma once

#include "fuse_math.h"
#include "lanes.h"
#include "mnet.h"

#if defined(_MSC_VER)
#define SHM_ALWAYS_INLINE static __forceinline
#else
#define SHM_ALWAYS_INLINE static inline __attribute__((always_inline))
#endif

namespace shm {
namespace SHM_TARGET {

// Blocks that go through a matrix together, and vectors of each: their sums fill most of the registers.
static const int kGroup = 6, kVectors = 2;
static const int kPass = kVectors * SHM_LANES;  // channels written at once

// Where a matrix reads: number i of a row's `numbers`, of block b, is base[row * stride + i + b * step].
struct Inputs {
    const float* base;
    int rows, numbers;
    ptrdiff_t stride;
    int step;
};

// sums = bias + weights * inputs for `vectors` vectors of channels, of which the matrix has `channels`. All but addresses
// is constant where this is called.
SHM_ALWAYS_INLINE void matrix_pass(const Inputs& in, const float* weights, const float* bias, int channels, int blocks,
                                   int vectors, Lanes sums[][kVectors]) {
    for (int b = 0; b < blocks; ++b)
        for (int v = 0; v < vectors; ++v) sums[b][v] = load(bias + v * SHM_LANES);
    for (int row = 0; row < in.rows; ++row) {
        const float* numbers = in.base + row * in.stride;
        for (int i = 0; i < in.numbers; ++i, weights += channels) {
            Lanes w[kVectors];
            for (int v = 0; v < vectors; ++v) w[v] = load(weights + v * SHM_LANES);
            for (int b = 0; b < blocks; ++b)
                for (int v = 0; v < vectors; ++v) sums[b][v] = multiply_add(w[v], numbers[b * in.step + i], sums[b][v]);
        }
    }
}

// out = max(0, bias + weights * inputs) + residual (null: none), kMnetWidth channels of `blocks` blocks.
SHM_ALWAYS_INLINE void matrix(const Inputs& in, const float* weights, const float* bias, int blocks,
                              const float* residual, float* out) {
    for (int channel = 0; channel < kMnetWidth; channel += kPass) {
        Lanes sums[kGroup][kVectors];
        matrix_pass(in, weights + channel, bias + channel, kMnetWidth, blocks, kVectors, sums);
        for (int b = 0; b < blocks; ++b)
            for (int v = 0; v < kVectors; ++v) {
                const int at = b * kMnetWidth + channel + v * SHM_LANES;
                const Lanes value = positive(sums[b][v]);
                store(out + at, residual ? add(value, load(residual + at)) : value);
            }
    }
}

// Calls work(first block, number of blocks) with kGroup blocks at a time. The last group of a long run overlaps the one
// before, whose blocks then are computed twice; work must not read what it writes.
#define SHM_FOR_GROUPS(count, work)                                                        \
    do {                                                                                   \
        if ((count) < kGroup)                                                              \
            for (int group = 0; group < (count); ++group) work(group, 1);                  \
        else                                                                               \
            for (int group = 0; group < (count); group += kGroup)                          \
                work(group + kGroup > (count) ? (count) - kGroup : group, kGroup);         \
    } while (false)

SHM_ALWAYS_INLINE void fold_group(const MnetParameters& p, const float* pixels, ptrdiff_t stride, int first, int blocks,
                                  float* out) {
    const Inputs in = {pixels + first * kMnetBlock, kMnetColours * kMnetBlock, kMnetBlock, stride, kMnetBlock};
    matrix(in, p.fold[0], p.fold_bias, blocks, nullptr, out + first * kMnetWidth);
}

// `pixels`: the block row's pixel rows, kMnetBlock of each colour, `stride` floats apart.
static void fold_run(const MnetParameters& p, const float* pixels, ptrdiff_t stride, int count, float* out) {
#define SHM_WORK(first, blocks) fold_group(p, pixels, stride, first, blocks, out)
    SHM_FOR_GROUPS(count, SHM_WORK);
#undef SHM_WORK
}

// 3x3 convolution of each channel alone, for blocks [0, blocks); rows above, at and below point at the first of them.
SHM_ALWAYS_INLINE void depthwise(const MnetLook& p, const float* const rows[3], int dilation, int blocks, float* out) {
    for (int channel = 0; channel < kMnetWidth; channel += SHM_LANES) {
        Lanes w[9];
        for (int tap = 0; tap < 9; ++tap) w[tap] = load(p.depthwise[tap] + channel);
        for (int b = 0; b < blocks; ++b) {
            Lanes sum = load(p.depthwise_bias + channel);
            for (int tap = 0; tap < 9; ++tap) {
                const int at = (b + (tap % 3 - 1) * dilation) * kMnetWidth + channel;
                sum = multiply_add(w[tap], load(rows[tap / 3] + at), sum);
            }
            store(out + b * kMnetWidth + channel, sum);
        }
    }
}

SHM_ALWAYS_INLINE void look_group(const MnetLook& p, const float* const rows[3], int dilation, int first, int blocks,
                                  float* out) {
    const int at = first * kMnetWidth;
    const float* const moved[3] = {rows[0] + at, rows[1] + at, rows[2] + at};
    float seen[kGroup * kMnetWidth];
    depthwise(p, moved, dilation, blocks, seen);
    matrix({seen, 1, kMnetWidth, 0, kMnetWidth}, p.pointwise[0], p.pointwise_bias, blocks, moved[1], out + at);
}

// A separable convolution with ReLU, added to what it saw.
static void look_run(const MnetLook& p, const float* const rows[3], int dilation, int count, float* out) {
#define SHM_WORK(first, blocks) look_group(p, rows, dilation, first, blocks, out)
    SHM_FOR_GROUPS(count, SHM_WORK);
#undef SHM_WORK
}

SHM_ALWAYS_INLINE void write_group(const MnetParameters& p, const float* in, int first, int blocks, float* out,
                                   ptrdiff_t stride) {
    static const int kWritten = SHM_LANES < kMnetModel ? kMnetModel / SHM_LANES : 1;
    Lanes sums[kGroup][kVectors];
    matrix_pass({in + first * kMnetWidth, 1, kMnetWidth, 0, kMnetWidth}, p.write[0], p.write_bias, kMnetModel, blocks,
                kWritten, sums);
    for (int b = 0; b < blocks; ++b) {
        float model[kWritten * SHM_LANES];
        for (int v = 0; v < kWritten; ++v) store(model + v * SHM_LANES, sums[b][v]);
        for (int c = 0; c <= kMnetColours; ++c) out[c * stride + first + b] = model[c];
    }
}

// The local colour models of a run: number c of block i goes to out[c * stride + i].
static void write_run(const MnetParameters& p, const float* in, int count, float* out, ptrdiff_t stride) {
#define SHM_WORK(first, blocks) write_group(p, in, first, blocks, out, stride)
    SHM_FOR_GROUPS(count, SHM_WORK);
#undef SHM_WORK
}

// Weight of the nearest block's model in the pixels of a block, in one direction: pixel centres at half-integers.
static const float kNear[kMnetBlock] = {0.625f, 0.875f, 0.875f, 0.625f};

// `count` models of a pixel row, from those of its own block row and of the one it leans to.
static void mix_models(const float* __restrict own, const float* __restrict other, float near, int count,
                       float* __restrict out) {
    for (int i = 0; i < count; ++i) out[i] = near * own[i] + (1.0f - near) * other[i];
}

// A channel of `count` models at every pixel of a row of theirs; model[-1] and model[count] are read, too.
static void spread_model(const float* __restrict model, int count, float* __restrict out) {
    for (int i = 0; i < count; ++i) {
        const float side[kMnetBlock] = {model[i - 1], model[i - 1], model[i + 1], model[i + 1]};
        for (int j = 0; j < kMnetBlock; ++j)
            out[kMnetBlock * i + j] = kNear[j] * model[i] + (1.0f - kNear[j]) * side[j];
    }
}

static void add_colour(const float* __restrict weights, const float* __restrict colours, int count,
                       float* __restrict sums) {
    for (int i = 0; i < count; ++i) sums[i] += weights[i] * (colours[i] - 0.5f);
}

static inline float sigmoid(float x) {
    const float power = exp_nonpositive(x > 0.0f ? -x : x);
    return (x > 0.0f ? 1.0f : power) / (1.0f + power);
}

static void sigmoids(const float* __restrict in, int count, float* __restrict out) {
    for (int i = 0; i < count; ++i) out[i] = sigmoid(in[i]);
}

}  // namespace SHM_TARGET
}  // namespace shm

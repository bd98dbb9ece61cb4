// The arithmetic of fusion and compositing, written once for the CPU paths, the CUDA kernels and their emulation.
// Every function is branch-free (selects only) so that compilers can vectorise loops around it, and uses only
// operations that IEEE 754 rounds exactly: with contraction off (-ffp-contract=off, -fmad=false) all paths are bit-equal.
#pragma once

#include <stdint.h>
#include <string.h>

#if defined(__CUDACC__)
#define SHM_INLINE static __host__ __device__ __forceinline__
#else
#define SHM_INLINE static inline
#endif

namespace shm {

// Logits beyond this are as good as certain; the bound keeps interpolation between neighbours finite.
constexpr float kLogitLimit = 1e4f;
// exp(-60) = 9e-27 vanishes beside 1 in float32; cutting there yields exact zeros and no denormals.
constexpr float kExpCutoff = -60.0f;

// Where one output position falls between two source positions: value = first + weight * (second - first).
struct Tap {
    int first, second;
    float weight;  // 0..1
};

// Numerators of the three-way softmax and their sum (1..3).
struct Softmax {
    float foreground, background, unknown, sum;
};

SHM_INLINE float lerp(float a, float b, float weight) { return a + weight * (b - a); }

// Bilinear tap with pixel centres at half-integers, clamped at the edges (align_corners=False).
// Exact integer position: (position + 0.5) * source / size - 0.5. Sizes up to 32767 fit 32-bit arithmetic.
SHM_INLINE Tap make_tap(int position, int size, int source) {
    const int denominator = 2 * size;
    int numerator = (2 * position + 1) * source - size;
    numerator = numerator > 0 ? numerator : 0;
    const int first = numerator / denominator;
    const int last = source - 1;
    const float weight = static_cast<float>(numerator - first * denominator) / static_cast<float>(denominator);
    return first < last ? Tap{first, first + 1, weight} : Tap{last, last, 0.0f};
}

// NaN means "this class is impossible" and becomes the lower bound; infinities become the bounds.
SHM_INLINE float clean_logit(float value) {
    value = value > -kLogitLimit ? value : -kLogitLimit;
    return value < kLogitLimit ? value : kLogitLimit;
}

// NaN becomes 0; the rest is clamped to 0..1.
SHM_INLINE float clean_alpha(float value) {
    value = value > 0.0f ? value : 0.0f;
    return value < 1.0f ? value : 1.0f;
}

// exp(x) for x in [-2e4, 0]; exactly 1 at 0, exactly 0 below the cutoff, relative error about 1e-7 between.
// Range reduction x = n*ln2 + r with n rounded by adding 1.5 * 2^23 (a sign-dependent rounding would be a branch),
// then the degree-5 polynomial of Cephes expf for exp(r), |r| <= ln2 / 2.
SHM_INLINE float exp_nonpositive(float x) {
    const float shifted = x * 1.44269504088896341f + 12582912.0f;
    const float n = shifted - 12582912.0f;
    const float r = (x - n * 0.693359375f) - n * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    uint32_t bits;
    memcpy(&bits, &shifted, sizeof bits);
    bits = (bits + 127u) << 23;  // low mantissa bits of `shifted` hold n: this is 2^n
    float scale;
    memcpy(&scale, &bits, sizeof scale);
    return x < kExpCutoff ? 0.0f : p * scale;
}

SHM_INLINE float smaller(float a, float b) { return a < b ? a : b; }
SHM_INLINE float larger(float a, float b) { return a > b ? a : b; }

// The largest logit's numerator is 1 and takes no exponential.
SHM_INLINE Softmax softmax(float foreground, float background, float unknown) {
    const float lower = smaller(foreground, background), upper = larger(foreground, background);
    const float top = larger(upper, unknown), second = exp_nonpositive(smaller(upper, unknown) - top);
    const float of_lower = exp_nonpositive(lower - top), of_upper = upper > unknown ? 1.0f : second;
    const float u = upper > unknown ? second : 1.0f;
    return Softmax{foreground > background ? of_upper : of_lower, foreground > background ? of_lower : of_upper, u,
                   (1.0f + second) + of_lower};
}

// alpha = F_s + U_s * alpha_raw, with one division. The numerator never exceeds the sum, so alpha is in 0..1.
SHM_INLINE float fuse_alpha(Softmax s, float alpha_raw) {
    return (s.foreground + s.unknown * clean_alpha(alpha_raw)) / s.sum;
}

// Below this distance from 0 or 1 alpha cannot change a byte: 255 / 512 is less than half a step.
constexpr float kNearlyCertain = 1.0f / 512.0f;

// For 8-bit results. Alpha this near to 0 or 1 counts as that, so that a path may leave out computing it.
SHM_INLINE float snap_alpha(float alpha) {
    alpha = alpha < kNearlyCertain ? 0.0f : alpha;
    return alpha > 1.0f - kNearlyCertain ? 1.0f : alpha;
}

// What of logits (foreground, background, unknown) makes alpha certain wherever these are interpolated: by how much
// the first exceeds both others. Beyond kCertainMargin, the others' probabilities add up to less than kNearlyCertain:
// 2 exp(-7) = 0.0018, with room for the rounding of interpolated logits up to kLogitLimit.
constexpr float kCertainMargin = 7.0f;

SHM_INLINE float margin(float logit, float other, float third) { return logit - (other > third ? other : third); }

// Alpha of a 2x2 site from its pixels; at odd edges pixels are repeated.
SHM_INLINE float site_alpha(float a, float b, float below_a, float below_b) {
    return ((snap_alpha(a) + snap_alpha(b)) + (snap_alpha(below_a) + snap_alpha(below_b))) * 0.25f;
}

SHM_INLINE uint8_t alpha_to_byte(float alpha) { return static_cast<uint8_t>(static_cast<int>(alpha * 255.0f + 0.5f)); }

// alpha * frame + (1 - alpha) * background, rounded; exact at alpha 0 and 1.
SHM_INLINE uint8_t blend(uint8_t frame, uint8_t background, float alpha) {
    const float f = static_cast<float>(frame), b = static_cast<float>(background);
    return static_cast<uint8_t>(static_cast<int>(lerp(b, f, alpha) + 0.5f));
}

SHM_INLINE float byte_to_unit(uint8_t value) { return static_cast<float>(value) / 255.0f; }

SHM_INLINE int clamp_index(int index, int size) {
    index = index < 0 ? 0 : index;
    return index < size ? index : size - 1;
}

// 2x2 sites along a side: the last one of an odd side has only one pixel in that direction.
SHM_INLINE int site_count(int side) { return (side + 1) / 2; }

// Chroma samples lie in the middle of their 2x2 sites. Between the two nearest in one direction, a pixel takes three
// quarters of its own site's and one of its neighbour's: integers 4 times as large, 16 times after both directions.
SHM_INLINE int between_sites(int own, int neighbour) { return 3 * own + neighbour; }

// The neighbour of pixel `position`'s own site that it leans to.
SHM_INLINE int neighbour_site(int position, int sites) {
    return clamp_index((position >> 1) + ((position & 1) ? 1 : -1), sites);
}

// One row of GatherArgs::rgb_from_yuv applied: a colour in 0..1.
SHM_INLINE float colour_to_unit(const float* row, float y, float u16, float v16) {
    const float value = (row[0] * y + row[1] * u16) + (row[2] * v16 + row[3]);
    return value > 0.0f ? (value < 1.0f ? value : 1.0f) : 0.0f;
}

}  // namespace shm

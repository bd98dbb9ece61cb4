// The CPU loops. This file is compiled once per instruction set into its own namespace (SHM_TARGET), from which
// cpu_paths.cpp chooses at run time. Only static functions besides the two entry points, no templates and no standard
// library: a shared inline function compiled here with AVX2 could be picked by the linker for every caller.
#include "fuse.h"
#include "fuse_math.h"

namespace shm {
namespace SHM_TARGET {

// Columns handled at a time: alpha, repeated per colour, stays in the first-level cache (4 KiB).
static const int kChunk = 256;

// Logits resampled to full width, kept for the two source rows around the current output row.
struct Sampler {
    const float* logits;  // [3, h, w]
    int h, w, height;     // source size, height of the picture they are spread over
    int columns;          // columns sampled
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
    return Sampler{logits, h, w, height, columns, first, second, weight, upper, upper + 3 * static_cast<size_t>(columns),
                   -1, -1};
}

static void resample_row(const Sampler& s, int row, float* __restrict out) {
    const int* __restrict first = s.first;
    const int* __restrict second = s.second;
    const float* __restrict weight = s.weight;
    for (int c = 0; c < 3; ++c, out += s.columns) {
        const float* __restrict in = s.logits + (static_cast<ptrdiff_t>(c) * s.h + row) * s.w;
        for (int i = 0; i < s.columns; ++i)
            out[i] = lerp(clean_logit(in[first[i]]), clean_logit(in[second[i]]), weight[i]);
    }
}

// Make `upper` and `lower` the rows around output row y; returns the weight of `lower`.
static float move_to_row(Sampler& s, int y) {
    const Tap tap = make_tap(y, s.height, s.h);
    if (s.upper_row != tap.first && s.lower_row == tap.first) {
        float* swap = s.upper;
        s.upper = s.lower;
        s.lower = swap;
        s.lower_row = s.upper_row;
        s.upper_row = tap.first;
    }
    if (s.upper_row != tap.first) resample_row(s, s.upper_row = tap.first, s.upper);
    if (s.lower_row != tap.second) resample_row(s, s.lower_row = tap.second, s.lower);
    return tap.weight;
}

static void alpha_chunk(const Sampler& s, int x, int count, float weight, const float* __restrict alpha_raw,
                        float* __restrict alpha) {
    const float* __restrict upper = s.upper + x;
    const float* __restrict lower = s.lower + x;
    const ptrdiff_t plane = s.columns;
    for (int i = 0; i < count; ++i) {
        const float f = lerp(upper[i], lower[i], weight);
        const float b = lerp(upper[i + plane], lower[i + plane], weight);
        const float u = lerp(upper[i + 2 * plane], lower[i + 2 * plane], weight);
        alpha[i] = fuse_alpha(softmax(f, b, u), alpha_raw[i]);
    }
}

static void blend_chunk(const uint8_t* __restrict frame, const uint8_t* __restrict background,
                        const float* __restrict alpha, int count, uint8_t* __restrict composite) {
    float repeated[3 * kChunk];  // alpha once per colour byte, so that the blend runs over plain bytes
    for (int i = 0; i < count; ++i) repeated[3 * i] = repeated[3 * i + 1] = repeated[3 * i + 2] = alpha[i];
    for (int i = 0; i < 3 * count; ++i) composite[i] = blend(frame[i], background[i], repeated[i]);
}

static char* at(const Plane& plane, int y, ptrdiff_t bytes) {
    return static_cast<char*>(plane.data) + plane.stride * y + bytes;
}

static const uint8_t* bytes_at(const Plane& plane, int y, int x) {
    return reinterpret_cast<const uint8_t*>(at(plane, y, x));
}

void fuse_rows(const FuseArgs& args, int begin, int end, float* scratch) {
    Sampler sampler = make_sampler(args.logits, args.logits_height, args.logits_width, args.height, args.width, 0,
                                   args.width, scratch);
    for (int y = begin; y < end; ++y) {
        const float weight = move_to_row(sampler, y);
        for (int x = 0; x < args.width; x += kChunk) {
            const int count = args.width - x < kChunk ? args.width - x : kChunk;
            float local[kChunk];
            float* alpha = args.alpha.data ? reinterpret_cast<float*>(at(args.alpha, y, 4 * x)) : local;
            alpha_chunk(sampler, x, count, weight, reinterpret_cast<float*>(at(args.alpha_raw, y, 4 * x)), alpha);
            if (args.alpha8.data) {
                uint8_t* __restrict out = reinterpret_cast<uint8_t*>(at(args.alpha8, y, x));
                for (int i = 0; i < count; ++i) out[i] = alpha_to_byte(alpha[i]);
            }
            if (args.composite.data)
                blend_chunk(bytes_at(args.frame, y, 3 * x), bytes_at(args.background, y, 3 * x), alpha, count,
                            reinterpret_cast<uint8_t*>(at(args.composite, y, 3 * x)));
        }
    }
}

static void gather_probabilities(const Sampler& s, float weight, float* __restrict foreground,
                                 float* __restrict background, float* __restrict unknown) {
    const float* __restrict upper = s.upper;
    const float* __restrict lower = s.lower;
    const ptrdiff_t plane = s.columns;
    for (int i = 0; i < s.columns; ++i) {
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

void gather_rows(const GatherArgs& args, int begin, int end, float* scratch) {
    const int x = clamp_index(args.left, args.frame_width);  // first and last frame column inside the window
    const int columns = clamp_index(args.left + args.width - 1, args.frame_width) - x + 1;
    const int inside = clamp_index(x - args.left, args.width);  // where that first column lands in the window
    Sampler sampler = make_sampler(args.logits, args.logits_height, args.logits_width, args.frame_height,
                                   args.frame_width, x, columns, scratch);
    const ptrdiff_t plane = static_cast<ptrdiff_t>(args.height) * args.width;
    for (int row = begin; row < end; ++row) {
        const int y = clamp_index(args.top + row, args.frame_height);
        const float weight = move_to_row(sampler, y);
        float* out = args.out + static_cast<ptrdiff_t>(row) * args.width;
        float* first = out + inside;
        gather_colours(bytes_at(args.frame, y, 3 * x), columns, first, first + plane, first + 2 * plane);
        gather_probabilities(sampler, weight, first + 3 * plane, first + 4 * plane, first + 5 * plane);
        for (int c = 0; c < 6; ++c) repeat_edges(out + c * plane, inside, columns, args.width);
    }
}

}  // namespace SHM_TARGET
}  // namespace shm

// `prepare` on the CPU: a row of the output at a time, from the sums of the rows it covers. See rows.h.
#include "prepare.h"

#include "rows.h"

namespace shm {
namespace SHM_TARGET {

// Rows whose sum fits 16 bits.
static const int kRowsAtOnce = 256;

// Weights of what output pixels cover of a row, tap by tap; all have the same number of taps, some of weight 0.
struct Taps {
    int count;       // taps
    int width;       // output pixels
    float scale;     // of sums over rows and columns
    int* position;   // [count, width] samples
    float* weight;   // [count, width]
};

static Taps make_taps(int source_height, int source, int height, int width, float** room) {
    const int count = most_taps(source, width);
    const size_t all = static_cast<size_t>(count) * width;
    const Taps taps = {count, width, mean_scale(source_height, source, height, width),
                       reinterpret_cast<int*>(*room), *room + all};
    *room += 2 * all;
    for (int i = 0; i < width; ++i) {
        const Span span = make_span(i, source, width);
        for (int t = 0; t < count; ++t) {
            taps.position[t * width + i] = clamp_index(span.first + t, source);
            taps.weight[t * width + i] = weight_in_span(span, span.first + t);
        }
    }
    return taps;
}

static void clear(uint16_t* __restrict sums, int count) { memset(sums, 0, count * sizeof *sums); }

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

// Sums of the rows of a span, for `count` samples that lie side by side. Whole numbers up to 2^24, so exact, between
// the first row and the last.
static void sum_rows(const Plane& plane, const Span& rows, int count, uint16_t* sums, float* out) {
    for (int i = 0; i < count; ++i) out[i] = 0.0f;
    for (int begin = rows.first + 1; begin < rows.last; begin += kRowsAtOnce) {
        clear(sums, count);
        for (int y = begin; y < rows.last && y < begin + kRowsAtOnce; ++y) add_row(bytes_at(plane, y, 0), count, sums);
        add_sums(sums, count, out);
    }
    combine(bytes_at(plane, rows.first, 0), bytes_at(plane, rows.last, 0), rows, count, out);
}

// Means of one channel: samples `step` apart, the first of them at `samples`.
static void average(const Taps& taps, const float* __restrict samples, int step, float* __restrict out) {
    const int width = taps.width;
    for (int i = 0; i < width; ++i) out[i] = 0.0f;
    for (int t = 0; t < taps.count; ++t) {
        const int* __restrict position = taps.position + static_cast<ptrdiff_t>(t) * width;
        const float* __restrict weight = taps.weight + static_cast<ptrdiff_t>(t) * width;
        for (int i = 0; i < width; ++i) out[i] = out[i] + weight[i] * samples[position[i] * step];
    }
    for (int i = 0; i < width; ++i) out[i] = out[i] * taps.scale;
}

// Room for one row: sums of a plane's rows, and means of its channels.
struct Work {
    uint16_t* sums;  // [samples of a row]
    float* samples;  // [samples of a row]
    float* means;    // [3, width]
};

// Three channels of a row, 0 to 255 -> bytes side by side.
static void write_row(const float* __restrict means, int width, uint8_t* __restrict out) {
    for (int x = 0; x < width; ++x)
        for (int c = 0; c < 3; ++c) out[3 * x + c] = mean_to_byte(means[c * width + x]);
}

static void prepare_rgb(const PrepareArgs& args, const Taps& taps, const Work& w, int y, uint8_t* out) {
    sum_rows(args.frame.pixels, make_span(y, args.frame_height, args.height), 3 * args.frame_width, w.sums, w.samples);
    for (int c = 0; c < 3; ++c) average(taps, w.samples + c, 3, w.means + static_cast<ptrdiff_t>(c) * args.width);
    write_row(w.means, args.width, out);
}

// Mean luma and chroma -> RGB, in place.
static void convert(const float* matrix, int width, float* __restrict first, float* __restrict second,
                    float* __restrict third) {
    float m[12];  // a copy that the stores below cannot change
    memcpy(m, matrix, sizeof m);
    for (int x = 0; x < width; ++x) {
        const float luma = first[x], u = second[x], v = third[x];
        first[x] = mean_colour(m, luma, u, v);
        second[x] = mean_colour(m + 4, luma, u, v);
        third[x] = mean_colour(m + 8, luma, u, v);
    }
}

// U or V; both have their samples in one row if they are interleaved.
static void average_chroma(const PrepareArgs& args, const Taps& taps, const Work& w, const Plane& plane, int y,
                           float* means) {
    const int step = args.frame.step, columns = site_count(args.frame_width);
    const int count = (columns - 1) * step + 1;
    sum_rows(plane, make_span(y, site_count(args.frame_height), args.height), count, w.sums, w.samples);
    average(taps, w.samples, step, means);
}

static void prepare_planes(const PrepareArgs& args, const Taps& luma, const Taps& chroma, const Work& w, int y,
                           uint8_t* out) {
    float *u = w.means + args.width, *v = u + args.width;
    sum_rows(args.frame.pixels, make_span(y, args.frame_height, args.height), args.frame_width, w.sums, w.samples);
    average(luma, w.samples, 1, w.means);
    average_chroma(args, chroma, w, args.frame.u, y, u);
    average_chroma(args, chroma, w, args.frame.v, y, v);
    convert(args.rgb_from_yuv, args.width, w.means, u, v);
    write_row(w.means, args.width, out);
}

void prepare_rows(const PrepareArgs& args, int begin, int end, float* scratch) {
    const bool planar = args.frame.u.data != nullptr;
    const int samples = planar ? args.frame_width + 1 : 3 * args.frame_width;  // of interleaved chroma, if odd
    Work w = {nullptr, scratch, scratch + samples};
    float* room = w.means + 3 * static_cast<size_t>(args.width);
    w.sums = reinterpret_cast<uint16_t*>(room);
    room += samples;
    const Taps taps = make_taps(args.frame_height, args.frame_width, args.height, args.width, &room);
    Taps chroma = {};
    if (planar)
        chroma = make_taps(site_count(args.frame_height), site_count(args.frame_width), args.height, args.width, &room);
    for (int y = begin; y < end; ++y) {
        uint8_t* out = reinterpret_cast<uint8_t*>(at(args.out, y, 0));
        if (planar)
            prepare_planes(args, taps, chroma, w, y, out);
        else
            prepare_rgb(args, taps, w, y, out);
    }
}

}  // namespace SHM_TARGET
}  // namespace shm

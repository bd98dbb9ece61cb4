// `prepare` on the CPU: a row of the output at a time, from the sums of the rows it covers. See rows.h.
#if defined(__AVX2__)
#include "prepare_avx2.h"
#else
#include "prepare_plain.h"
#endif

namespace shm {
namespace SHM_TARGET {

// Room for one row.
struct Work {
    uint16_t* sums;  // [samples of a row]
    float* samples;  // [samples of a row, spare_samples] sums of a plane's rows
    float* channel;  // [columns, spare_samples] those of one channel
    float* means;    // [3, width] of the channels
};

// Means of one channel: samples `step` apart, the first of them at `samples`.
static void average(const Taps& taps, const Work& w, float* samples, int step, float* out) {
    float* channel = step == 1 ? samples : w.channel;
    if (step > 1)
        for (int x = 0; x < taps.source; ++x) channel[x] = samples[x * step];
    memset(channel + taps.source, 0, spare_samples(taps.count) * sizeof *channel);
    average_row(taps, channel, out);
}

// Three channels of a row, 0 to 255 -> bytes side by side.
static void write_row(const float* __restrict means, int width, uint8_t* __restrict out) {
    for (int x = 0; x < width; ++x)
        for (int c = 0; c < 3; ++c) out[3 * x + c] = mean_to_byte(means[c * width + x]);
}

static void prepare_rgb(const PrepareArgs& args, const Taps& taps, const Work& w, int y, uint8_t* out) {
    sum_rows(args.frame.pixels, make_span(y, args.frame_height, args.height), 3 * args.frame_width, w.sums, w.samples);
    for (int c = 0; c < 3; ++c) average(taps, w, w.samples + c, 3, w.means + static_cast<ptrdiff_t>(c) * args.width);
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
    average(taps, w, w.samples, step, means);
}

static void prepare_planes(const PrepareArgs& args, const Taps& luma, const Taps& chroma, const Work& w, int y,
                           uint8_t* out) {
    float *u = w.means + args.width, *v = u + args.width;
    sum_rows(args.frame.pixels, make_span(y, args.frame_height, args.height), args.frame_width, w.sums, w.samples);
    average(luma, w, w.samples, 1, w.means);
    average_chroma(args, chroma, w, args.frame.u, y, u);
    average_chroma(args, chroma, w, args.frame.v, y, v);
    convert(args.rgb_from_yuv, args.width, w.means, u, v);
    write_row(w.means, args.width, out);
}

void prepare_rows(const PrepareArgs& args, int begin, int end, float* scratch) {
    const bool planar = args.frame.u.data != nullptr;
    const int spare = spare_samples(most_taps(args.frame_width, args.width));
    const int samples = planar ? args.frame_width + 1 : 3 * args.frame_width;  // of interleaved chroma, if odd
    float* room = scratch;
    const auto take = [&room](size_t count) { return (room += count) - count; };
    const Work w = {reinterpret_cast<uint16_t*>(take(samples)), take(samples + spare), take(args.frame_width + spare),
                    take(3 * static_cast<size_t>(args.width))};
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

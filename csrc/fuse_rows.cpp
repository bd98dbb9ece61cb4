// Fusion and compositing on the CPU, a row (RGB) or a pair of rows (planes) at a time. See rows_sampler.h.
#include "rows_sampler.h"

namespace shm {
namespace SHM_TARGET {

// Columns that are judged together: where the logits leave no doubt, nothing is computed. Even, so that sites stay whole.
static const int kBlock = 32;
// Most columns that are handled at once.
static const int kRun = 8 * kBlock;

// What is known about a block without computing alpha: nothing, or its value in 8 bits.
static const uint8_t kOpen = 2, kBackground = 0, kForeground = 1;

static int block_count(int columns) { return (columns + kBlock - 1) / kBlock; }

// Columns from x on, whole blocks or to the end of the row, of which one kind holds.
static int run_length(const uint8_t* kinds, int x, int columns) {
    int end = x + kBlock;
    while (end < columns && end - x < kRun && kinds[end / kBlock] == kinds[x / kBlock]) end += kBlock;
    return (end < columns ? end : columns) - x;
}

static float smaller(float a, float b) { return a < b ? a : b; }

// By how much background and foreground lead in the samples of one channel triple [h, w] between two columns.
static void lower_margins(const Sampler& s, int row, int first, int last, float* background, float* foreground) {
    const ptrdiff_t plane = static_cast<ptrdiff_t>(s.h) * s.w;
    const float* in = s.logits + static_cast<ptrdiff_t>(row) * s.w;
    for (int i = first; i <= last; ++i) {
        const float f = clean_logit(in[i]), b = clean_logit(in[i + plane]), u = clean_logit(in[i + 2 * plane]);
        *background = smaller(*background, margin(b, f, u));
        *foreground = smaller(*foreground, margin(f, b, u));
    }
}

// What holds for each block between the sampler's two rows: every logit there lies between samples that are looked at.
static void judge_blocks(const Sampler& s, uint8_t* kinds) {
    for (int x = 0; x < s.columns; x += kBlock) {
        const int end = x + kBlock < s.columns ? x + kBlock : s.columns;
        float background = 2 * kLogitLimit, foreground = 2 * kLogitLimit;
        lower_margins(s, s.upper_row, s.first[x], s.second[end - 1], &background, &foreground);
        lower_margins(s, s.lower_row, s.first[x], s.second[end - 1], &background, &foreground);
        kinds[x / kBlock] = background > kCertainMargin ? kBackground : foreground > kCertainMargin ? kForeground : kOpen;
    }
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

static void bytes_chunk(const float* __restrict alpha, int count, uint8_t* __restrict out) {
    for (int i = 0; i < count; ++i) out[i] = alpha_to_byte(alpha[i]);
}

// One alpha for each byte. A block whose alpha is 0 or 1 is a copy.
static void blend_bytes(const uint8_t* __restrict frame, const uint8_t* __restrict background,
                        const float* __restrict alpha, uint8_t kind, int count, uint8_t* __restrict out) {
    if (kind != kOpen) {
        memcpy(out, kind == kForeground ? frame : background, count);
        return;
    }
    for (int i = 0; i < count; ++i) out[i] = blend(frame[i], background[i], alpha[i]);
}

// What one output row needs while it is made. `alpha` is complete: 0 or 1 where a block is certain.
struct AlphaRow {
    float* alpha;    // [columns]
    uint8_t* kinds;  // [block_count(columns)]
};

// Writes the alpha outputs of row y. Exact everywhere when alpha itself is wanted: then no block counts as certain.
static void alpha_row(const FuseArgs& args, Sampler& s, uint8_t* judged, int y, AlphaRow& row) {
    const int before = s.upper_row, below = s.lower_row;
    const float weight = move_to_row(s, y);
    if (before != s.upper_row || below != s.lower_row) judge_blocks(s, judged);
    if (args.alpha.data) row.alpha = reinterpret_cast<float*>(at(args.alpha, y, 0));
    const float* alpha_raw = reinterpret_cast<const float*>(at(args.alpha_raw, y, 0));
    if (args.alpha.data)
        memset(row.kinds, kOpen, block_count(s.columns));
    else
        memcpy(row.kinds, judged, block_count(s.columns));
    for (int x = 0, count; x < s.columns; x += count) {
        count = run_length(row.kinds, x, s.columns);
        const uint8_t kind = row.kinds[x / kBlock];
        if (kind == kOpen)
            alpha_chunk(s, x, count, weight, alpha_raw + x, row.alpha + x);
        else
            for (int i = x; i < x + count; ++i) row.alpha[i] = kind;
        if (args.alpha8.data) bytes_chunk(row.alpha + x, count, reinterpret_cast<uint8_t*>(at(args.alpha8, y, x)));
    }
}

static void composite_rgb(const FuseArgs& args, int y, const AlphaRow& row) {
    float repeated[3 * kRun];  // alpha once per colour byte, so that the blend runs over plain bytes
    for (int x = 0, count; x < args.width; x += count) {
        count = run_length(row.kinds, x, args.width);
        const uint8_t kind = row.kinds[x / kBlock];
        for (int i = 0; i < (kind == kOpen ? count : 0); ++i)
            repeated[3 * i] = repeated[3 * i + 1] = repeated[3 * i + 2] = row.alpha[x + i];
        blend_bytes(bytes_at(args.frame.pixels, y, 3 * x), bytes_at(args.background.pixels, y, 3 * x), repeated, kind,
                    3 * count, reinterpret_cast<uint8_t*>(at(args.composite.pixels, y, 3 * x)));
    }
}

static void composite_luma(const FuseArgs& args, int y, const AlphaRow& row) {
    for (int x = 0, count; x < args.width; x += count) {
        count = run_length(row.kinds, x, args.width);
        blend_bytes(bytes_at(args.frame.pixels, y, x), bytes_at(args.background.pixels, y, x), row.alpha + x,
                    row.kinds[x / kBlock], count, reinterpret_cast<uint8_t*>(at(args.composite.pixels, y, x)));
    }
}

// `count` chroma samples from site x on, side by side; interleaved ones are copied to `local`.
static const uint8_t* chroma_at(const Plane& plane, int step, int row, int x, int count, uint8_t* __restrict local) {
    const uint8_t* __restrict in = bytes_at(plane, row, x * step);
    if (step == 1) return in;
    for (int i = 0; i < count; ++i) local[i] = in[2 * i];
    return local;
}

static void site_alphas(const float* __restrict upper, const float* __restrict lower, int count,
                        float* __restrict sites) {
    for (int i = 0; i < count / 2; ++i)
        sites[i] = site_alpha(upper[2 * i], upper[2 * i + 1], lower[2 * i], lower[2 * i + 1]);
    if (count & 1)
        sites[count / 2] = site_alpha(upper[count - 1], upper[count - 1], lower[count - 1], lower[count - 1]);
}

// One chroma plane of the sites [column, column + count) of a row; `sites` holds their alpha if they are open.
static void composite_plane(const Plane& frame, int frame_step, const Plane& background, int background_step,
                            const Plane& composite, int row, int column, const float* sites, uint8_t kind, int count) {
    uint8_t front[kRun / 2], back[kRun / 2];
    blend_bytes(chroma_at(frame, frame_step, row, column, count, front),
                chroma_at(background, background_step, row, column, count, back), sites, kind, count,
                reinterpret_cast<uint8_t*>(at(composite, row, column)));
}

// U and V of the sites between two rows, which are one and the same at the end of an odd height. `kinds` is room.
static void composite_chroma(const FuseArgs& args, int row, const AlphaRow& upper, const AlphaRow& lower,
                             uint8_t* kinds) {
    for (int i = 0; i < block_count(args.width); ++i)
        kinds[i] = upper.kinds[i] == lower.kinds[i] ? upper.kinds[i] : kOpen;
    const Picture &frame = args.frame, &background = args.background, &composite = args.composite;
    for (int x = 0, count; x < args.width; x += count) {
        count = run_length(kinds, x, args.width);
        const uint8_t kind = kinds[x / kBlock];
        float sites[kRun / 2];
        if (kind == kOpen) site_alphas(upper.alpha + x, lower.alpha + x, count, sites);
        composite_plane(frame.u, frame.step, background.u, background.step, composite.u, row, x / 2, sites, kind,
                        site_count(count));
        composite_plane(frame.v, frame.step, background.v, background.step, composite.v, row, x / 2, sites, kind,
                        site_count(count));
    }
}

void fuse_rows(const FuseArgs& args, int begin, int end, float* scratch) {
    Sampler sampler = make_sampler(args.logits, args.logits_height, args.logits_width, args.height, args.width, 0,
                                   args.width, scratch);
    float* alphas = scratch + 9 * static_cast<size_t>(args.width);
    uint8_t* judged = reinterpret_cast<uint8_t*>(alphas + 2 * static_cast<size_t>(args.width));
    const int blocks = block_count(args.width);
    AlphaRow rows[2] = {{alphas, judged + blocks}, {alphas + args.width, judged + 2 * blocks}};
    for (int y = begin; y < end; ++y) {
        AlphaRow& row = rows[y & 1];
        alpha_row(args, sampler, judged, y, row);
        if (!args.composite.pixels.data) continue;
        if (!by_sites(args)) {
            composite_rgb(args, y, row);
            continue;
        }
        composite_luma(args, y, row);
        if (y & 1 || y + 1 == args.height) composite_chroma(args, y / 2, rows[0], row, judged + 3 * blocks);
    }
}

}  // namespace SHM_TARGET
}  // namespace shm

// Fusion and compositing on the CPU, a row (RGB) or a pair of rows (planes) at a time. See rows.h.
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

// Columns from x on, whole blocks or to the end of the row, of which one kind holds; open ones are at most kRun.
static int run_length(const uint8_t* kinds, int x, int columns) {
    const uint8_t kind = kinds[x / kBlock];
    const int most = kind == kOpen ? kRun : columns;
    int end = x + kBlock;
    while (end < columns && end - x < most && kinds[end / kBlock] == kind) end += kBlock;
    return (end < columns ? end : columns) - x;
}

// By how much background and foreground at least lead in the samples of each column of the sampler's two rows.
struct Leads {
    float* background;  // [w]
    float* foreground;  // [w]
};

static void find_leads(const Sampler& s, const Leads& leads) {
    const ptrdiff_t plane = static_cast<ptrdiff_t>(s.h) * s.w;
    const float* __restrict upper = s.logits + static_cast<ptrdiff_t>(s.upper_row) * s.w;
    const float* __restrict lower = s.logits + static_cast<ptrdiff_t>(s.lower_row) * s.w;
    float* __restrict background = leads.background;
    float* __restrict foreground = leads.foreground;
    for (int i = 0; i < s.w; ++i) {
        const float f = clean_logit(upper[i]), b = clean_logit(upper[i + plane]), u = clean_logit(upper[i + 2 * plane]);
        const float f2 = clean_logit(lower[i]), b2 = clean_logit(lower[i + plane]), u2 = clean_logit(lower[i + 2 * plane]);
        background[i] = smaller(margin(b, f, u), margin(b2, f2, u2));
        foreground[i] = smaller(margin(f, b, u), margin(f2, b2, u2));
    }
}

// What holds for columns [x, end) between the sampler's two rows: every logit there lies between samples that are looked at.
static uint8_t judge(const Sampler& s, const Leads& leads, int x, int end) {
    float background = leads.background[s.first[x]], foreground = leads.foreground[s.first[x]];
    for (int i = s.first[x] + 1; i <= s.second[end - 1]; ++i) {
        background = smaller(background, leads.background[i]);
        foreground = smaller(foreground, leads.foreground[i]);
    }
    return background > kCertainMargin ? kBackground : foreground > kCertainMargin ? kForeground : kOpen;
}

// Makes `upper` and `lower` the rows around output row y where blocks are open, after judging these. `exact`: all of
// them are. Returns the weight of `lower`. `kinds` is what the last call left.
static float move_to_open_row(Sampler& s, int y, bool exact, const Leads& leads, uint8_t* kinds) {
    const Tap tap = make_tap(y, s.height, s.h);
    if (s.upper_row == tap.first && s.lower_row == tap.second) return tap.weight;
    const bool moved_up = s.lower_row == tap.first;  // what was the lower row still serves where it was resampled
    if (moved_up) swap_rows(s);
    s.upper_row = tap.first;
    s.lower_row = tap.second;
    if (!exact) find_leads(s, leads);
    for (int x = 0; x < s.columns; x += kBlock) {
        const int end = x + kBlock < s.columns ? x + kBlock : s.columns;
        uint8_t& kind = kinds[x / kBlock];
        const bool has_upper = moved_up && kind == kOpen;
        kind = exact ? kOpen : judge(s, leads, x, end);
        if (kind != kOpen) continue;
        if (!has_upper) resample_run(s, s.upper_row, x, end - x, s.upper);
        resample_run(s, s.lower_row, x, end - x, s.lower);
    }
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

// What one output row needs while it is made.
struct AlphaRow {
    float* alpha;    // [columns], where blocks are open
    uint8_t* kinds;  // [block_count(columns)]
};

// Alpha of row y, and the alpha outputs.
static void alpha_row(const FuseArgs& args, const Sampler& s, float weight, int y, AlphaRow& row) {
    if (args.alpha.data) row.alpha = reinterpret_cast<float*>(at(args.alpha, y, 0));
    const float* alpha_raw = reinterpret_cast<const float*>(at(args.alpha_raw, y, 0));
    uint8_t* bytes = args.alpha8.data ? reinterpret_cast<uint8_t*>(at(args.alpha8, y, 0)) : nullptr;
    for (int x = 0, count; x < s.columns; x += count) {
        count = run_length(row.kinds, x, s.columns);
        const uint8_t kind = row.kinds[x / kBlock];
        if (kind == kOpen) alpha_chunk(s, x, count, weight, alpha_raw + x, row.alpha + x);
        if (bytes && kind == kOpen) bytes_chunk(row.alpha + x, count, bytes + x);
        if (bytes && kind != kOpen) memset(bytes + x, kind == kForeground ? 255 : 0, count);
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

// `count` samples of a chroma plane, side by side.
static void copy_samples(const uint8_t* __restrict in, int step, int count, uint8_t* __restrict out) {
    if (step == 1)
        memcpy(out, in, count);
    else
        for (int i = 0; i < count; ++i) out[i] = in[2 * i];
}

// The same where they are, or copied to `local` if they are interleaved.
static const uint8_t* chroma_at(const Plane& plane, int step, int row, int x, int count, uint8_t* local) {
    const uint8_t* in = bytes_at(plane, row, x * step);
    if (step == 1) return in;
    copy_samples(in, step, count, local);
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
    uint8_t* out = reinterpret_cast<uint8_t*>(at(composite, row, column));
    if (kind == kForeground) return copy_samples(bytes_at(frame, row, column * frame_step), frame_step, count, out);
    if (kind == kBackground)
        return copy_samples(bytes_at(background, row, column * background_step), background_step, count, out);
    uint8_t front[kRun / 2], back[kRun / 2];
    blend_bytes(chroma_at(frame, frame_step, row, column, count, front),
                chroma_at(background, background_step, row, column, count, back), sites, kOpen, count, out);
}

// Alpha where blocks of columns [x, end) are certain.
static void fill_certain(const AlphaRow& row, int x, int end) {
    for (; x < end; x += kBlock) {
        const uint8_t kind = row.kinds[x / kBlock];
        for (int i = x; kind != kOpen && i < end && i < x + kBlock; ++i) row.alpha[i] = kind;
    }
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
        if (kind == kOpen) {
            fill_certain(upper, x, x + count);
            fill_certain(lower, x, x + count);
            site_alphas(upper.alpha + x, lower.alpha + x, count, sites);
        }
        composite_plane(frame.u, frame.step, background.u, background.step, composite.u, row, x / 2, sites, kind,
                        site_count(count));
        composite_plane(frame.v, frame.step, background.v, background.step, composite.v, row, x / 2, sites, kind,
                        site_count(count));
    }
}

void fuse_rows(const FuseArgs& args, int begin, int end, float* scratch) {
    Sampler sampler = make_sampler(args.logits, args.logits_height, args.logits_width, args.height, args.width, 0,
                                   args.width, scratch);
    const int blocks = block_count(args.width);
    float* alphas = scratch + 9 * static_cast<size_t>(args.width);
    uint8_t* judged = reinterpret_cast<uint8_t*>(alphas + 2 * static_cast<size_t>(args.width));
    float* leading = scratch + scratch_floats(args.width);
    const Leads leads = {leading, leading + args.logits_width};
    AlphaRow rows[2] = {{alphas, judged + blocks}, {alphas + args.width, judged + 2 * blocks}};
    for (int y = begin; y < end; ++y) {
        AlphaRow& row = rows[y & 1];
        // where alpha itself is wanted it is exact, and no block counts as certain
        const float weight = move_to_open_row(sampler, y, args.alpha.data != nullptr, leads, judged);
        memcpy(row.kinds, judged, blocks);
        alpha_row(args, sampler, weight, y, row);
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

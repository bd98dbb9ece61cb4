// M-Net on the CPU: all layers of a row of blocks while the rows around it are still in the cache, and only for blocks
// on which a pixel depends that is wanted. Sums are fused (multiply and add without rounding in between), so paths agree
// within rounding and not bit for bit.
#include "mnet.h"

#include "gather_row.h"
#include "mnet_layers.h"

namespace shm {
namespace SHM_TARGET {

// The last rows of what a layer wrote; row r is at slot r % rows.
struct Ring {
    float* data;
    int rows;
    ptrdiff_t stride;

    float* row(int r) const { return data + r % rows * stride; }
};

static Ring take(float** room, int rows, ptrdiff_t stride) {
    const Ring ring = {*room, rows, stride};
    *room += rows * stride;
    return ring;
}

// Rows are counted in blocks of the window, columns too.
struct Work {
    const MnetArgs* args;
    int columns;                 // blocks of a row
    ptrdiff_t pixel_stride;      // floats between the pixel rows of `pixels`
    Sampler sampler;
    float* room;                 // for a row of chroma
    Ring pixels;                 // [6, 4, 4 * columns] RGB and probabilities
    Ring maps[kMnetLooks];       // [columns, 32] what the fold and the looks saw; the last look's is used up at once
    Ring models;                 // [7, columns]
    float* last;                 // [columns, 32]
    float* mixed;                // [7, columns]
};

static const int kChunk = 64;  // blocks whose pixels are drawn together

// Next run of blocks from *begin on that go at least `depth` deep; false when there is none.
static bool next_run(const uint8_t* depths, int columns, int depth, int* begin, int* end) {
    static const uint8_t nothing[16] = {};
    int x = *end;
    while (x + 16 <= columns && memcmp(depths + x, nothing, sizeof nothing) == 0) x += 16;
    while (x < columns && depths[x] < depth) ++x;
    *begin = x;
    while (x < columns && depths[x] >= depth) ++x;
    *end = x;
    return *begin < x;
}

static const uint8_t* depths_of(const Work& w, int row) {
    return w.args->depth + static_cast<ptrdiff_t>(row) * w.columns;
}

// Frame columns [*first, *last] that are gathered in some row of blocks [begin, end); none: one column.
static void needed_columns(const Work& w, int begin, int end, int* first, int* last) {
    int left = w.columns - 1, right = 0;
    for (int row = begin; row < end; ++row) {
        const uint8_t* depths = depths_of(w, row);
        for (int x = 0; x < left; ++x)
            if (depths[x]) left = x;
        for (int x = w.columns - 1; x > right; --x)
            if (depths[x]) right = x;
    }
    const GatherArgs& in = w.args->input;
    *first = clamp_index(in.left + left * kMnetBlock, in.frame_width);
    *last = clamp_index(in.left + right * kMnetBlock + kMnetBlock - 1, in.frame_width);
    if (*last < *first) *last = *first;
}

static void gather_blocks(Work& w, int row) {
    const GatherArgs& in = w.args->input;
    for (int dy = 0; dy < kMnetBlock; ++dy) {
        const int y = clamp_index(in.top + row * kMnetBlock + dy, in.frame_height);
        float weight = -1.0f;
        for (int begin, end = 0; next_run(depths_of(w, row), w.columns, kMnetFolded, &begin, &end);) {
            if (weight < 0.0f) weight = move_to_row(w.sampler, y);
            gather_row(in, w.sampler, weight, y, in.left + begin * kMnetBlock, (end - begin) * kMnetBlock, w.room,
                       w.pixels.row(row) + dy * w.pixel_stride + begin * kMnetBlock, kMnetBlock * w.pixel_stride);
        }
    }
}

static void fold_row(Work& w, int row) {
    for (int begin, end = 0; next_run(depths_of(w, row), w.columns, kMnetFolded, &begin, &end);)
        fold_run(*w.args->parameters, w.pixels.row(row) + begin * kMnetBlock, w.pixel_stride, end - begin,
                 w.maps[0].row(row) + begin * kMnetWidth);
}

static void look_row(Work& w, int look, int row) {
    const Ring& in = w.maps[look];
    const int d = kMnetDilations[look];
    float* out = look + 1 < kMnetLooks ? w.maps[look + 1].row(row) : w.last;
    for (int begin, end = 0; next_run(depths_of(w, row), w.columns, kMnetFolded + 1 + look, &begin, &end);) {
        const ptrdiff_t at = static_cast<ptrdiff_t>(begin) * kMnetWidth;
        const float* const rows[3] = {in.row(row - d) + at, in.row(row) + at, in.row(row + d) + at};
        look_run(w.args->parameters->look[look], rows, d, end - begin, out + at);
    }
}

static void write_row(Work& w, int row) {
    for (int begin, end = 0; next_run(depths_of(w, row), w.columns, kMnetWritten, &begin, &end);)
        write_run(*w.args->parameters, w.last + begin * kMnetWidth, end - begin, w.models.row(row) + begin, w.columns);
}

// A row of the pixels of blocks [begin, end).
static void draw_pixels(Work& w, int row, int dy, int begin, int end, float* alpha_raw, int width) {
    const float* own = w.models.row(row) + begin - 1;
    const float* other = w.models.row(dy < kMnetBlock / 2 ? row - 1 : row + 1) + begin - 1;
    const float* pixels = w.pixels.row(row) + dy * w.pixel_stride + begin * kMnetBlock;
    for (int c = 0; c <= kMnetColours; ++c)
        mix_models(own + c * w.columns, other + c * w.columns, kNear[dy], end - begin + 2, w.mixed + c * w.columns);
    for (int x = 0; x < end - begin; x += kChunk) {
        const int count = end - begin - x < kChunk ? end - begin - x : kChunk;
        const int all = count * kMnetBlock, left = width - x * kMnetBlock;
        float sums[kChunk * kMnetBlock], weights[kChunk * kMnetBlock];
        const float* model = w.mixed + 1 + x;
        spread_model(model + kMnetColours * w.columns, count, sums);
        for (int c = 0; c < kMnetColours; ++c) {
            spread_model(model + c * w.columns, count, weights);
            add_colour(weights, pixels + c * kMnetBlock * w.pixel_stride + x * kMnetBlock, all, sums);
        }
        sigmoids(sums, left < all ? left : all, alpha_raw + x * kMnetBlock);
    }
}

static void clear(float* pixels, int begin, int end) {
    for (int x = begin; x < end; ++x) pixels[x] = 0.5f;
}

// A row of pixels in row `row` of the frame's blocks.
static void clear_stale(const MnetArgs& args, int row, float* pixels) {
    const int width = args.input.frame_width, columns = (width + kMnetBlock - 1) / kMnetBlock;
    if (!args.stale) return clear(pixels, 0, width);
    const uint8_t* stale = args.stale + static_cast<ptrdiff_t>(row) * columns;
    for (int begin, end = 0; next_run(stale, columns, 1, &begin, &end);)
        clear(pixels, begin * kMnetBlock, end < columns ? end * kMnetBlock : width);
}

static void draw_row(Work& w, int row) {
    const MnetArgs& args = *w.args;
    for (int dy = 0; dy < kMnetBlock; ++dy) {
        const int y = (row - kMnetReach) * kMnetBlock + dy;
        if (y >= args.input.frame_height) return;
        float* alpha_raw = reinterpret_cast<float*>(at(args.alpha_raw, y, 0));
        clear_stale(args, row - kMnetReach, alpha_raw);
        for (int begin, end = 0; next_run(depths_of(w, row), w.columns, kMnetDepth, &begin, &end);) {
            const int x = (begin - kMnetReach) * kMnetBlock;
            draw_pixels(w, row, dy, begin, end, alpha_raw + x, args.input.frame_width - x);
        }
    }
}

// For rows of blocks [begin, end).
static Work make_work(const MnetArgs& args, int begin, int end, float* scratch) {
    const GatherArgs& in = args.input;
    Work w = {};
    w.args = &args;
    w.columns = in.width / kMnetBlock;
    w.pixel_stride = in.width;
    int first, last;
    needed_columns(w, begin, end, &first, &last);
    w.sampler = make_sampler(in.logits, in.logits_height, in.logits_width, in.frame_height, in.frame_width, first,
                             last - first + 1, scratch);
    w.room = scratch + 9 * static_cast<size_t>(in.frame_width);
    float* rest = scratch + scratch_floats(in.frame_width);
    w.pixels = take(&rest, kMnetReach + 1, kMnetColours * kMnetBlock * w.pixel_stride);
    for (int look = 0; look < kMnetLooks; ++look)
        w.maps[look] = take(&rest, 2 * kMnetDilations[look] + 1, static_cast<ptrdiff_t>(w.columns) * kMnetWidth);
    w.models = take(&rest, 3, static_cast<ptrdiff_t>(w.columns) * (kMnetColours + 1));
    w.last = take(&rest, 1, static_cast<ptrdiff_t>(w.columns) * kMnetWidth).data;
    w.mixed = take(&rest, 1, static_cast<ptrdiff_t>(w.columns) * (kMnetColours + 1)).data;
    return w;
}

// Draws the frame's rows of blocks [begin, end). A layer is a few rows behind the one it reads.
void mnet_rows(const MnetArgs& args, int begin, int end, float* scratch) {
    end += 2 * kMnetReach;
    Work w = make_work(args, begin, end, scratch);
    for (int row = begin; row < end; ++row) {
        gather_blocks(w, row);
        fold_row(w, row);
        int behind = row;
        for (int look = 0; look < kMnetLooks; ++look) {
            behind -= kMnetDilations[look];
            if (behind - begin >= row - behind) look_row(w, look, behind);
        }
        if (behind - begin >= row - behind) write_row(w, behind);
        if (row - begin >= 2 * kMnetReach) draw_row(w, row - kMnetReach);
    }
}

}  // namespace SHM_TARGET
}  // namespace shm

// M-Net's input on the CPU, row by row.
#include "gather_row.h"

namespace shm {
namespace SHM_TARGET {

void gather_rows(const GatherArgs& args, int begin, int end, float* scratch) {
    const int x = clamp_index(args.left, args.frame_width);
    const int columns = clamp_index(args.left + args.width - 1, args.frame_width) - x + 1;
    Sampler sampler = make_sampler(args.logits, args.logits_height, args.logits_width, args.frame_height,
                                   args.frame_width, x, columns, scratch);
    const ptrdiff_t plane = static_cast<ptrdiff_t>(args.height) * args.width;
    for (int row = begin; row < end; ++row) {
        const int y = clamp_index(args.top + row, args.frame_height);
        const float weight = move_to_row(sampler, y);
        float* out = args.out + static_cast<ptrdiff_t>(row) * args.width;
        gather_row(args, sampler, weight, y, args.left, args.width, scratch + 9 * static_cast<size_t>(columns), out,
                   plane);
    }
}

}  // namespace SHM_TARGET
}  // namespace shm

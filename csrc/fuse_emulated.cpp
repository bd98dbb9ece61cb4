// The CUDA launch, emulated: the same grid, the same per-thread function, one thread after the other.
#include "fuse_thread.h"
#include "prepare_thread.h"

namespace shm {

template <typename Args, typename Thread>
static void emulate(const Args& args, int height, int width, int block_width, int block_height, Thread thread) {
    const int grid_width = (width + block_width - 1) / block_width;
    const int grid_height = (height + block_height - 1) / block_height;
    for (int block_y = 0; block_y < grid_height; ++block_y)
        for (int block_x = 0; block_x < grid_width; ++block_x)
            for (int y = 0; y < block_height; ++y)
                for (int x = 0; x < block_width; ++x)
                    thread(args, block_x * block_width + x, block_y * block_height + y);
}

void fuse_emulated(const FuseArgs& args, int block_width, int block_height) {
    if (by_sites(args))
        emulate(args, site_count(args.height), site_count(args.width), block_width, block_height, fuse_site_thread);
    else
        emulate(args, args.height, args.width, block_width, block_height, fuse_thread);
}

void gather_emulated(const GatherArgs& args, int block_width, int block_height) {
    emulate(args, args.height, args.width, block_width, block_height, gather_thread);
}

void prepare_emulated(const PrepareArgs& args, int block_width, int block_height) {
    emulate(args, args.height, args.width, block_width, block_height, prepare_thread);
}

}  // namespace shm

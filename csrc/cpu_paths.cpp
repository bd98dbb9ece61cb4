// The list of CPU paths, best first, the test whether this processor has them, and the split of rows over threads.
#include "fuse.h"
#include "mnet.h"
#include "prepare.h"

#include <memory>
#include <thread>
#include <vector>

#if defined(SHM_WITH_AVX2)
#if defined(_MSC_VER)
#include <immintrin.h>
#include <intrin.h>
#else
#include <cpuid.h>
#endif
#endif

namespace shm {

namespace baseline {
void fuse_rows(const FuseArgs&, int, int, float*);
void gather_rows(const GatherArgs&, int, int, float*);
void mnet_rows(const MnetArgs&, int, int, float*);
void prepare_rows(const PrepareArgs&, int, int, float*);
}  // namespace baseline

static bool always() { return true; }

#if defined(SHM_WITH_AVX2)
namespace avx2 {
void fuse_rows(const FuseArgs&, int, int, float*);
void gather_rows(const GatherArgs&, int, int, float*);
void mnet_rows(const MnetArgs&, int, int, float*);
void prepare_rows(const PrepareArgs&, int, int, float*);
}  // namespace avx2

namespace avx512 {
void fuse_rows(const FuseArgs&, int, int, float*);
void gather_rows(const GatherArgs&, int, int, float*);
void mnet_rows(const MnetArgs&, int, int, float*);
void prepare_rows(const PrepareArgs&, int, int, float*);
}  // namespace avx512

static void cpuid(int leaf, int registers[4]) {  // eax, ebx, ecx, edx
#if defined(_MSC_VER)
    __cpuidex(registers, leaf, 0);
#else
    __cpuid_count(leaf, 0, registers[0], registers[1], registers[2], registers[3]);
#endif
}

static unsigned saved_state() {  // which registers the operating system saves
#if defined(_MSC_VER)
    return static_cast<unsigned>(_xgetbv(0));
#else
    unsigned low, high;
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return low;
#endif
}

// Whether the processor has `features` of leaf 7 and the system saves the registers in `state`. Asked of the processor
// itself: __builtin_cpu_supports depends on a runtime library that not every toolchain fills in.
static bool find(unsigned features, unsigned state) {
    int registers[4];
    cpuid(0, registers);
    if (registers[0] < 7) return false;
    cpuid(1, registers);
    const bool fma = registers[2] >> 12 & 1, xsave = registers[2] >> 27 & 1, avx = registers[2] >> 28 & 1;
    if (!fma || !xsave || !avx || (saved_state() & state) != state) return false;
    cpuid(7, registers);
    return (static_cast<unsigned>(registers[1]) & features) == features;
}

// Asked once: in a virtual machine every question takes tens of microseconds.
static bool has_avx2() {
    static const bool found = find(1u << 5, 0x6);
    return found;
}

static bool has_avx512() {  // F, DQ, BW, VL
    static const bool found = has_avx2() && find(1u << 16 | 1u << 17 | 1u << 30 | 1u << 31, 0xe6);
    return found;
}
#endif

extern const CpuPath kCpuPaths[] = {
#if defined(SHM_WITH_AVX2)
    {"avx512", has_avx512, avx512::fuse_rows, avx512::gather_rows, avx512::mnet_rows, avx512::prepare_rows},
    {"avx2", has_avx2, avx2::fuse_rows, avx2::gather_rows, avx2::mnet_rows, avx2::prepare_rows},
#endif
    {"baseline", always, baseline::fuse_rows, baseline::gather_rows, baseline::mnet_rows, baseline::prepare_rows},
};
extern const int kCpuPathCount = sizeof(kCpuPaths) / sizeof(kCpuPaths[0]);

// Calls rows(begin, end, scratch) so that [0, height) is covered. All memory is taken before a thread starts: `floats` for
// each of them.
template <typename Rows>
static void split_rows(int height, size_t floats, int threads, Rows rows) {
    threads = threads < 1 ? 1 : threads > height ? height : threads;
    std::unique_ptr<float[]> scratch(new float[floats * threads]);
    std::vector<std::thread> workers;
    workers.reserve(threads);
    const auto edge = [=](int part) { return static_cast<int>(static_cast<int64_t>(height) * part / threads); };
    struct JoinAll {
        std::vector<std::thread>& workers;
        ~JoinAll() {
            for (auto& worker : workers) worker.join();
        }
    } join{workers};
    for (int part = 1; part < threads; ++part)
        workers.emplace_back(rows, edge(part), edge(part + 1), scratch.get() + floats * part);
    rows(0, edge(1), scratch.get());
}

void fuse_cpu(const CpuPath& path, const FuseArgs& args, int threads) {
    if (args.height <= 0 || args.width <= 0) return;
    const int step = by_sites(args) ? 2 : 1;  // both rows of a site are one thread's
    const size_t floats = scratch_floats(args.width) + 2 * static_cast<size_t>(args.logits_width);
    split_rows((args.height + step - 1) / step, floats, threads, [&](int begin, int end, float* scratch) {
        path.fuse_rows(args, begin * step, end * step < args.height ? end * step : args.height, scratch);
    });
}

void gather_cpu(const CpuPath& path, const GatherArgs& args, int threads) {
    if (args.height <= 0 || args.width <= 0) return;
    split_rows(args.height, scratch_floats(args.frame_width), threads,
               [&](int begin, int end, float* scratch) { path.gather_rows(args, begin, end, scratch); });
}

static size_t prepare_scratch_floats(const PrepareArgs& args) {
    const size_t samples = 3 * static_cast<size_t>(args.frame_width) + 1, width = args.width;
    const size_t taps = most_taps(args.frame_width, args.width);  // chroma has no more
    return 3 * samples + 2 * spare_samples(static_cast<int>(taps)) + (3 + 2 * (taps + 1)) * width;
}

void prepare_cpu(const CpuPath& path, const PrepareArgs& args, int threads) {
    if (args.height <= 0 || args.width <= 0) return;
    split_rows(args.height, prepare_scratch_floats(args), threads,
               [&](int begin, int end, float* scratch) { path.prepare_rows(args, begin, end, scratch); });
}

size_t mnet_scratch_floats(const MnetArgs& args) {
    const size_t columns = args.input.width / kMnetBlock;
    size_t maps = 1, models = 4;  // what is used up at once, then the rows that are kept
    for (const int dilation : kMnetDilations) maps += 2 * dilation + 1;
    const size_t pixels = (kMnetReach + 1) * kMnetColours * kMnetBlock * kMnetBlock;
    return scratch_floats(args.input.frame_width) +
           columns * (pixels + maps * kMnetWidth + models * (kMnetColours + 1));
}

void mnet_cpu(const CpuPath& path, const MnetArgs& args, int threads) {
    split_rows(args.input.height / kMnetBlock - 2 * kMnetReach, mnet_scratch_floats(args), threads,
               [&](int begin, int end, float* scratch) { path.mnet_rows(args, begin, end, scratch); });
}

}  // namespace shm

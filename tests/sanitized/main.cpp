// Runs every kernel on random sizes in buffers of exactly the right size, under address and undefined-behaviour
// sanitizers, and compares all results byte for byte. fuse_cuda.cu takes part through the stand-in cuda_runtime.h.
#include "cuda_runtime.h"
#include "fuse.h"
#include "mnet.h"
#include "prepare.h"
#include "prores_alpha.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <vector>

using namespace shm;

static std::mt19937 generator(1);

static int number(int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator); }

static void require(bool truth, const char* what) {
    if (truth) return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

static float any_float() {
    static const float special[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 1e-42f, -0.0f, 1e4f};
    return number(0, 9) ? std::normal_distribution<float>(0, 8)(generator) : special[number(0, 7)];
}

static std::vector<float> floats(size_t count) {
    std::vector<float> values(count);
    for (auto& value : values) value = any_float();
    return values;
}

static std::vector<uint8_t> bytes(size_t count) {
    std::vector<uint8_t> values(count);
    for (auto& value : values) value = static_cast<uint8_t>(number(0, 255));
    return values;
}

template <typename T>
static Plane plane(std::vector<T>& values, int row) {
    return {values.data(), static_cast<ptrdiff_t>(row * sizeof(T))};
}

// Every way to run an operation: CPU paths with one and three threads, the emulation, the CUDA file.
template <typename Args, typename Cpu, typename Emulated, typename Cuda>
static std::vector<std::function<void(const Args&)>> runners(Cpu cpu, Emulated emulated, Cuda cuda) {
    std::vector<std::function<void(const Args&)>> result;
    for (int i = 0; i < kCpuPathCount; ++i)
        for (int threads : {1, 3})
            if (kCpuPaths[i].supported()) result.push_back([=](const Args& a) { cpu(kCpuPaths[i], a, threads); });
    result.push_back([=](const Args& a) { emulated(a, 5, 3); });
    result.push_back([=](const Args& a) { require(cuda(a, 1, &fake) == nullptr, "cuda launch"); });
    return result;
}

// A random picture in buffers of exactly the right size: RGB (step 0) or planes.
struct Bytes {
    std::vector<uint8_t> pixels, u, v;
    Picture picture;
    Bytes(int height, int width, int step) {
        const int columns = (width + 1) / 2, sites = (height + 1) / 2 * columns;
        pixels = bytes((step ? 1 : 3) * height * width);
        picture = {plane(pixels, (step ? 1 : 3) * width), {}, {}, step};
        if (!step) return;
        u = bytes(step * sites);
        if (step == 1) v = bytes(sites);
        picture.u = plane(u, step * columns);
        picture.v = step == 1 ? plane(v, columns) : Plane{u.data() + (sites > 0), picture.u.stride};
    }
};

// With and without the exact alpha, whose absence lets the CPU paths skip what is certain.
static void check_fuse(int h, int w, int height, int width, int frame_step, bool exact) {
    auto logits = floats(3 * h * w), alpha_raw = floats(height * width);
    if (number(0, 1))  // areas of certainty
        for (int i = 0; i < h * w; ++i) logits[i] = i % w < w / 2 ? 20.0f : -20.0f;
    const int step = frame_step ? 1 : 0;
    Bytes frame(height, width, frame_step), background(height, width, step);
    std::vector<uint8_t> first;
    for (const auto& run : runners<FuseArgs>(fuse_cpu, fuse_emulated, fuse_cuda)) {
        Bytes composite(height, width, step);
        std::vector<uint8_t> alpha8(height * width);
        std::vector<float> alpha(height * width);
        run({logits.data(), h, w, height, width, plane(alpha_raw, width), frame.picture, background.picture,
             composite.picture, exact ? plane(alpha, width) : Plane{}, plane(alpha8, width)});
        auto made = composite.pixels;
        for (const auto* more : {&composite.u, &composite.v, &alpha8}) made.insert(made.end(), more->begin(), more->end());
        const auto* raw = reinterpret_cast<const uint8_t*>(alpha.data());
        made.insert(made.end(), raw, raw + alpha.size() * sizeof(float));
        if (first.empty()) first = made;
        require(first == made, "fuse: all runners agree");
    }
}

static void check_gather(int h, int w, int frame_height, int frame_width, int top, int left, int height, int width,
                         int step) {
    auto logits = floats(3 * h * w);
    Bytes frame(frame_height, frame_width, step);
    std::vector<float> first;
    for (const auto& run : runners<GatherArgs>(gather_cpu, gather_emulated, gather_cuda)) {
        std::vector<float> out(6 * height * width);
        run({logits.data(), h, w, frame.picture, frame_height, frame_width, top, left, height, width, out.data(),
             {0.0046f, 0, 0.00044f, -0.97f, 0.0046f, -0.00005f, -0.00013f, 0.3f, 0.0046f, 0.0005f, 0, -1.13f}});
        if (first.empty()) first = out;
        require(out.empty() || !memcmp(first.data(), out.data(), out.size() * sizeof(float)), "gather: runners agree");
    }
}

static void check_prepare(int frame_height, int frame_width, int height, int width, int step) {
    Bytes frame(frame_height, frame_width, step);
    std::vector<uint8_t> first;
    for (const auto& run : runners<PrepareArgs>(prepare_cpu, prepare_emulated, prepare_cuda)) {
        std::vector<uint8_t> out(3 * height * width);
        run({frame.picture, frame_height, frame_width, plane(out, 3 * width), height, width,
             {0.0046f, 0, 0.00044f, -0.97f, 0.0046f, -0.00005f, -0.00013f, 0.3f, 0.0046f, 0.0005f, 0, -1.13f}});
        if (first.empty()) first = out;
        require(first == out, "prepare: all runners agree");
    }
}

// Random blocks of a frame with random parameters. Paths agree within rounding, threads exactly.
static void check_mnet(int h, int w, int height, int width, int step) {
    auto logits = floats(3 * h * w);
    Bytes frame(height, width, step);
    const int rows = (height + kMnetBlock - 1) / kMnetBlock + 2 * kMnetReach;
    const int columns = (width + kMnetBlock - 1) / kMnetBlock + 2 * kMnetReach;
    std::vector<uint8_t> depth(rows * columns);
    const int likely = number(0, 20);
    for (int y = kMnetReach; y < rows - kMnetReach; ++y)
        for (int x = kMnetReach; x < columns - kMnetReach; ++x)
            if (number(0, 20) <= likely) depth[y * columns + x] = kMnetDepth;
    int deep = kMnetDepth;
    for (int reach : {1, 1, 2, 1}) {  // what is drawn reaches one block, and so does each layer, but for the second
        const auto before = depth;
        --deep;
        for (int i = 0; i < rows * columns; ++i)
            for (int dy = -reach; before[i] > deep && dy <= reach; ++dy)
                for (int dx = -reach; dx <= reach; ++dx) {
                    uint8_t& one = depth[i + dy * columns + dx];
                    one = one > deep ? one : static_cast<uint8_t>(deep);
                }
    }
    auto parameters = std::make_unique<MnetParameters>();
    auto* numbers = reinterpret_cast<float*>(parameters.get());
    for (size_t i = 0; i < sizeof(MnetParameters) / sizeof(float); ++i)
        numbers[i] = std::normal_distribution<float>(0, 0.2f)(generator);
    std::vector<float> first;
    for (int i = 0; i < kCpuPathCount; ++i)
        for (int threads : {1, 3}) {
            if (!kCpuPaths[i].supported()) continue;
            // told that every other block is 0.5 already, or nothing
            std::vector<float> alpha_raw(height * width, threads == 1 ? 0.0f : 0.5f);
            std::vector<uint8_t> stale((rows - 2 * kMnetReach) * (columns - 2 * kMnetReach));
            for (size_t k = 0; k < stale.size(); k += 2) stale[k] = 1;
            MnetArgs args = {{logits.data(), h, w, frame.picture, height, width, -kMnetReach * kMnetBlock,
                              -kMnetReach * kMnetBlock, rows * kMnetBlock, columns * kMnetBlock, nullptr,
                              {0.0046f, 0, 0.00044f, -0.97f, 0.0046f, 0, -0.00013f, 0.3f, 0.0046f, 0.0005f, 0, -1.13f}},
                             depth.data(), parameters.get(), plane(alpha_raw, width),
                             threads == 1 ? nullptr : stale.data()};
            mnet_cpu(kCpuPaths[i], args, threads);
            if (first.empty()) first = alpha_raw;
            for (int k = 0; k < height * width; ++k) {
                require(fabsf(first[k] - alpha_raw[k]) < 1e-3f, "mnet: paths and threads agree");
                const int block = (k / width / kMnetBlock + kMnetReach) * columns + k % width / kMnetBlock + kMnetReach;
                require(depth[block] == kMnetDepth || alpha_raw[k] == 0.5f, "mnet: 0.5 where nothing is drawn");
            }
        }
}

// Noise, which takes the most room, or runs, in buffers of exactly the right size; rows apart give the same bytes.
static void check_prores(int height, int width, int blocks, bool noise) {
    const int down = (height + 15) / 16, across = (width + 15) / 16, wide = width + number(0, 5);
    std::vector<uint16_t> alpha(height * width), apart(height * wide), sizes(down * across), again(down * across);
    for (auto& value : alpha) value = static_cast<uint16_t>(noise ? number(0, 65535) : number(0, 9) / 9 * 300);
    for (int y = 0; y < height; ++y) std::copy_n(&alpha[y * width], width, &apart[y * wide]);
    const size_t room = static_cast<size_t>(down) * across * 256 * kProresPixelBits / 8;
    std::vector<uint8_t> coded(room), other(room);
    prores_alpha({plane(alpha, width), height, width, blocks, coded.data(), sizes.data()});
    prores_alpha({plane(apart, wide), height, width, blocks, other.data(), again.data()});
    require(coded == other && sizes == again, "alpha of ProRes, rows apart");
}

// The host side of a launch: device and stream of the caller, device put back, errors returned, nothing for nothing.
static void check_launch() {
    std::vector<float> logits(3), alpha_raw(1), alpha(1);
    FuseArgs args{logits.data(), 1, 1, 1, 1, plane(alpha_raw, 1), {}, {}, {}, plane(alpha, 1), {}};
    fake = Fake();
    require(fuse_cuda(args, 1, &args) == nullptr && fake.launches == 1, "one launch");
    require(fake.launch_device == 1 && fake.device == 0 && fake.stream == &args, "device and stream");
    require(fuse_cuda(args, 7, nullptr) != nullptr && fake.device == 0, "unknown device");
    fake.launch_error = cudaErrorInvalidConfiguration;
    require(fuse_cuda(args, 1, nullptr) != nullptr && fake.device == 0, "failed launch");
    fake = Fake();
    args.width = 0;
    require(fuse_cuda(args, 1, nullptr) == nullptr && fake.launches == 0, "no launch for nothing");
    const char* why = "unset";
    require(cuda_device_count(&why) == 2 && why == nullptr, "device count");
}

int main() {
    for (int i = 0; i < 180; ++i)
        check_fuse(number(1, 20), number(1, 20), number(0, 40), number(0, 70), i % 3, number(0, 1));
    for (int i = 0; i < 180; ++i)
        check_gather(number(1, 20), number(1, 20), number(1, 40), number(1, 60), number(-70, 70), number(-70, 70),
                     number(0, 40), number(0, 60), i % 3);
    for (int i = 0; i < 180; ++i) {
        const int height = number(1, 60), width = number(1, 90);
        check_prepare(height, width, number(1, height), number(1, width), i % 3);
    }
    for (int i = 0; i < 60; ++i) check_mnet(number(1, 20), number(1, 20), number(1, 60), number(1, 90), i % 3);
    for (int i = 0; i < 80; ++i) check_prores(number(1, 40), number(1, 300), 1 << i % 4, i / 4 % 2);
    for (int step = 0; step < 3; ++step) {
        check_fuse(1, 32767, 2, 32767, step, false);  // the largest sides: sampling positions must not overflow
        check_fuse(32767, 1, 32767, 2, step, true);
        check_gather(3, 3, 5, 5, 32767, -32767, 3, 4, step);
        check_prepare(32767, 2, 3, 2, step);
        check_prepare(2, 32767, 1, 32766, step);
    }
    check_launch();
    puts("all agree");
    return 0;
}

// Scanned alpha: the difference to the pixel before, then how often the pixel is repeated. Before the first one stands
// 0xffff. Plain C++ for every processor: most of a matte is runs, and what is not is bound by the bits before it.
#include "prores_alpha.h"

#include <algorithm>
#include <cstring>

namespace shm {

namespace {

// Bits from the highest to the lowest of each byte.
class BitWriter {
  public:
    explicit BitWriter(uint8_t* out) : out_(out) {}

    void put(uint32_t value, int bits) {
        held_ = held_ << bits | value;
        for (count_ += bits; count_ >= 8; count_ -= 8) *out_++ = static_cast<uint8_t>(held_ >> (count_ - 8));
    }

    // Fills the last byte with zeros; returns where the next one goes.
    uint8_t* end() {
        if (count_) put(0, 8 - count_);
        return out_;
    }

  private:
    uint8_t* out_;
    uint64_t held_ = 0;
    int count_ = 0;
};

// 0, magnitude less one in 6 bits, sign; or 1 and the difference modulo 2^16, also for the 0 that only a first pixel has.
void put_difference(BitWriter& bits, uint16_t value, uint16_t before) {
    const int difference = static_cast<int16_t>(value - before);
    const int size = difference < 0 ? -difference : difference;
    if (size >= 1 && size <= 64)
        bits.put(static_cast<uint32_t>((size - 1) << 1 | (difference < 0)), 8);
    else
        bits.put(1u << 16 | static_cast<uint16_t>(difference), 17);
}

// 1 for no repetition; 0 and their number in 4 bits, or in 15 bits of which the first 4 are then 0.
void put_run(BitWriter& bits, int run) {
    if (run == 0)
        bits.put(1, 1);
    else
        bits.put(static_cast<uint32_t>(run), run < 16 ? 5 : 16);
}

// The first index from `begin` whose value is not `value`.
int end_of_run(const uint16_t* pixels, int begin, int count, uint16_t value) {
    const uint64_t wanted = 0x0001000100010001u * static_cast<uint64_t>(value);
    uint64_t four;
    for (; begin + 4 <= count; begin += 4) {
        std::memcpy(&four, pixels + begin, sizeof four);
        if (four != wanted) break;
    }
    while (begin < count && pixels[begin] == value) ++begin;
    return begin;
}

uint8_t* put_slice(const uint16_t* pixels, int count, uint8_t* out) {
    BitWriter bits(out);
    uint16_t before = 0xffff;
    for (int i = 0; i < count;) {
        put_difference(bits, pixels[i], before);
        before = pixels[i];
        const int next = end_of_run(pixels, i + 1, count, before);
        put_run(bits, next - i - 1);
        i = next;
    }
    return bits.end();
}

// The slice's pixels row after row; beyond the picture its last column and row are repeated, which costs least.
void copy_slice(const ProresAlphaArgs& args, int top, int left, int columns, uint16_t* pixels) {
    const int inside = std::min(columns, args.width - left);
    for (int row = 0; row < kProresBlock; ++row, pixels += columns) {
        const int y = std::min(top + row, args.height - 1);
        const auto* line = static_cast<const char*>(args.alpha.data) + args.alpha.stride * y;
        std::memcpy(pixels, line + left * sizeof(uint16_t), inside * sizeof(uint16_t));
        std::fill(pixels + inside, pixels + columns, pixels[inside - 1]);
    }
}

}  // namespace

void prores_alpha(const ProresAlphaArgs& args) {
    uint16_t pixels[kProresBlock * kProresBlock * kProresLongest];
    const int across = (args.width + kProresBlock - 1) / kProresBlock;
    uint8_t* out = args.out;
    uint16_t* size = args.sizes;
    for (int top = 0; top < args.height; top += kProresBlock) {
        int blocks = args.slice_blocks;
        for (int block = 0; block < across; block += blocks) {
            while (across - block < blocks) blocks /= 2;
            copy_slice(args, top, block * kProresBlock, blocks * kProresBlock, pixels);
            uint8_t* const begin = out;
            out = put_slice(pixels, blocks * kProresBlock * kProresBlock, begin);
            *size++ = static_cast<uint16_t>(out - begin);
        }
    }
}

}  // namespace shm

// What the CPU loops share.
//
// Each of them is compiled once per instruction set into a namespace of its own (SHM_TARGET), from which cpu_paths.cpp
// chooses at run time. Only static functions besides the entry points, no templates and no C++ standard library: a
// shared inline function compiled with AVX2 could be picked by the linker for every caller.
#pragma once

#include "fuse.h"

namespace shm {
namespace SHM_TARGET {

static char* at(const Plane& plane, int y, ptrdiff_t bytes) {
    return static_cast<char*>(plane.data) + plane.stride * y + bytes;
}

static const uint8_t* bytes_at(const Plane& plane, int y, int x) {
    return reinterpret_cast<const uint8_t*>(at(plane, y, x));
}

}  // namespace SHM_TARGET
}  // namespace shm

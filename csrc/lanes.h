// Vectors of SHM_LANES floats for loops that compilers do not vectorise well by themselves.
#pragma once

#include <string.h>

namespace shm {
namespace SHM_TARGET {

// SHM_PLAIN_LANES: the code of other compilers, for tests.
#if defined(__GNUC__) && !defined(SHM_PLAIN_LANES)
typedef float Lanes __attribute__((vector_size(4 * SHM_LANES)));
static inline Lanes splat(float value) { return Lanes{} + value; }
static inline Lanes multiply_add(Lanes a, float b, Lanes c) { return a * b + c; }
static inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) { return a * b + c; }
static inline Lanes add(Lanes a, Lanes b) { return a + b; }
static inline Lanes positive(Lanes a) { return a > 0.0f ? a : Lanes{}; }
#else
struct Lanes {
    float v[SHM_LANES];
};
static inline Lanes splat(float value) {
    Lanes result;
    for (int i = 0; i < SHM_LANES; ++i) result.v[i] = value;
    return result;
}
static inline Lanes multiply_add(Lanes a, Lanes b, Lanes c) {
    for (int i = 0; i < SHM_LANES; ++i) c.v[i] += a.v[i] * b.v[i];
    return c;
}
static inline Lanes multiply_add(Lanes a, float b, Lanes c) { return multiply_add(a, splat(b), c); }
static inline Lanes add(Lanes a, Lanes b) {
    for (int i = 0; i < SHM_LANES; ++i) a.v[i] += b.v[i];
    return a;
}
static inline Lanes positive(Lanes a) {
    for (int i = 0; i < SHM_LANES; ++i) a.v[i] = a.v[i] > 0.0f ? a.v[i] : 0.0f;
    return a;
}
#endif

static inline Lanes load(const float* from) {
    Lanes result;
    memcpy(&result, from, sizeof result);
    return result;
}

static inline void store(float* to, Lanes value) { memcpy(to, &value, sizeof value); }

}  // namespace SHM_TARGET
}  // namespace shm

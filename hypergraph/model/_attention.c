/* Attention at every neuron of a computation graph, forward and backward: what model/attention.py does with torch
 * operators, one neuron at a time in cache. Plain C without Python.h: loaded with ctypes, built if a compiler is there.
 */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

#define WIDTH 5 /* keys, queries and values are 5 hyperfeatures each */
#define SCALE ((REAL)0.44721359549995793928) /* 1 / sqrt(WIDTH) */

static const double INVERSE_FACTORIALS[] = {
    1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
};

INLINE int64_t longest(const int64_t *starts, int64_t neurons)
{
    int64_t most = 0;
    for (int64_t n = 0; n < neurons; n++)
        if (starts[n + 1] - starts[n] > most) most = starts[n + 1] - starts[n];
    return most;
}

#define REAL float
#define BITS uint32_t
#define NAME(name) name##_float32
#define LANES 8
#define TERMS 7
#define LOWEST -87.0f
#define MAGIC 12582912.0f
#define LN2_HIGH 0.693359375f
#define LN2_LOW -2.12194440e-4f
#define BIAS 127
#define MANTISSA 23
#define LOG logf
#include "_attention.inc"

#undef REAL
#undef BITS
#undef NAME
#undef LANES
#undef TERMS
#undef LOWEST
#undef MAGIC
#undef LN2_HIGH
#undef LN2_LOW
#undef BIAS
#undef MANTISSA
#undef LOG
#define REAL double
#define BITS uint64_t
#define NAME(name) name##_float64
#define LANES 4
#define TERMS 14
#define LOWEST -708.0
#define MAGIC 6755399441055744.0
#define LN2_HIGH 6.93147180369123816490e-01
#define LN2_LOW 1.90821492927058770002e-10
#define BIAS 1023
#define MANTISSA 52
#define LOG log
#include "_attention.inc"

/* The blocks of a hyperlayer, forward and backward: what model/hyperlayer.py does with torch operators, in one pass and
 * with attention one neuron at a time in cache. Plain C without Python.h: loaded with ctypes, built if a compiler is there.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* hyperfeatures of each block, as in model/blocks.py */
#define ACTIVATION 20
#define WIDTH 5 /* of a key, a query, a value */
#define LATENT 4
#define NOISE 5
#define ROWS_IN (ACTIVATION + 6 * WIDTH + 2 * LATENT)
#define ROWS_OUT (ACTIVATION + 2 * WIDTH + LATENT + NOISE)

#define RANGE ((REAL)5)                      /* of log sigma, as in model/channel.py */
#define SCALE ((REAL)0.44721359549995793928) /* 1 / sqrt(WIDTH) */

static const double INVERSE_FACTORIALS[] = {
    1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
};

/* What one call works on: some of the neurons and some of the weights, on every side of every member. */
struct part {
    int64_t members, sides, weights;
    const int64_t *slots, *starts;     /* as in graph.py */
    int64_t neuron, last_neuron;       /* of the graph: the first, and the first after the last */
    int64_t weight, last_weight;       /* likewise */
    int64_t draws_member;              /* elements between the draws of two members */
};

/* The most slots of one neuron. */
static int64_t longest(const int64_t *start, const int64_t *last)
{
    int64_t most = 0;
    for (; start < last; start++)
        if (start[1] - start[0] > most) most = start[1] - start[0];
    return most;
}

#define FLAVOUR(name, type) name##_##type
#include "_blocks_types.inc"
#undef FLAVOUR

/* The same again for machines with AVX2. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define FLAVOUR(name, type) name##_##type##_avx2
#include "_blocks_types.inc"
#undef FLAVOUR
#pragma GCC pop_options
int blocks_have_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
int blocks_have_avx2(void) { return 0; }
#endif

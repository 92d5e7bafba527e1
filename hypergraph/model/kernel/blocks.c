/* The blocks of a hyperlayer, forward and backward: what model/hyperlayer.py does with torch operators, in one pass and
 * with attention one neuron at a time in cache. Plain C without Python.h: loaded with ctypes, built if a compiler is there.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define INLINE static inline __attribute__((always_inline))
/* hyperfeatures of each block, as in model/dimensions.py */
#define ACTIVATION 20
#define HEAD 5 /* of a key, a query, a value */
#define LATENT 4
#define NOISE 5

/* Where each block begins in the hyperfeatures that come in, and in those that go out. */
enum { PROJECTIONS_IN = ACTIVATION, MEANS_IN = PROJECTIONS_IN + 6 * HEAD, SCALES_IN = MEANS_IN + LATENT, ROWS_IN = SCALES_IN + LATENT };
enum { RESULTS_OUT = ACTIVATION, LATENTS_OUT = RESULTS_OUT + 2 * HEAD, NOISE_OUT = LATENTS_OUT + LATENT, ROWS_OUT = NOISE_OUT + NOISE };

#define SCALE_RANGE ((REAL)5)                      /* of log sigma, as in model/channel.py */
#define SCORE_SCALE ((REAL)0.44721359549995793928) /* 1 / sqrt(HEAD) */

static const double INVERSE_FACTORIALS[] = {
    1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
};

/* What one thread works on: some of the neurons and some of the weights, on every side of every member. */
struct work_slice {
    int64_t members, sides, weights;
    const int64_t *slots, *starts;     /* as in ComputationGraph */
    int64_t first_neuron, end_neuron;  /* of the graph: the first, and the first after the last */
    int64_t first_weight, end_weight;  /* likewise */
    int64_t draws_stride;              /* elements between the draws of two members */
};

/* The most slots of one neuron. */
static int64_t longest(const int64_t *start, const int64_t *last)
{
    int64_t found = 0;
    for (; start < last; start++)
        if (start[1] - start[0] > found) found = start[1] - start[0];
    return found;
}

/* binding.py refuses a library whose version and size are not its own: it was built from other sources. */
int blocks_abi_version(void) { return 1; }
int blocks_struct_size(void) { return sizeof(struct work_slice); }

#define FLAVOUR(name, type) name##_##type
#include "types.inc"
#undef FLAVOUR

/* The same again for machines with AVX2. */
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define FLAVOUR(name, type) name##_##type##_avx2
#include "types.inc"
#undef FLAVOUR
#pragma GCC pop_options
int blocks_have_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
#else
int blocks_have_avx2(void) { return 0; }
#endif

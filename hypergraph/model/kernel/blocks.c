/* The hypernetwork, forward and backward: what model/hypernetwork.py does with torch operators, in one pass, in which the
 * hyperactivations of a member stay in cache. Plain C without Python.h: loaded with ctypes, built if a compiler is there.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define X86
#include <immintrin.h>
#endif
#ifdef _OPENMP
#include <omp.h>
#define THREAD omp_get_thread_num()
#define TEAM omp_get_num_threads()
#else
#define THREAD 0
#define TEAM 1
#endif

#define INLINE static inline __attribute__((always_inline))
#define ALIGNED __attribute__((aligned(64)))
#ifndef __clang__
#define SHUFFLE __builtin_shuffle
#endif

/* hyperfeatures of each block, as in model/dimensions.py */
enum { ACTIVATION = 20, POSITIONS = 30, HEAD = 5, LATENT = 4, NOISE = 5, LEARNED = 5, DRAWS = 2 * NOISE + LATENT };
enum { HYPERDEPTH = 4, ENDS = 2, READ_OUT = 2 };
/* where each block begins in what a linear map gives, and in what it reads */
enum { PROJECTIONS = ACTIVATION, CHANNEL = PROJECTIONS + 3 * ENDS * HEAD, GIVES = CHANNEL + 2 * LATENT };
enum { RESULTS = ACTIVATION, LATENTS = RESULTS + ENDS * HEAD, NOISES = LATENTS + LATENT, COMPUTED = NOISES + NOISE };
enum { GRADED = NOISES }; /* of what is read, noise has no gradient, and it comes last */
enum { CONSTANT = COMPUTED + LEARNED, POSITION = CONSTANT, WIDTH = POSITION + POSITIONS };
/* weights on one side that are worked on together; hyperfeatures that are read, in whole vectors, with a constant 1 */
enum { TILE = 32, RUN = 16, READS = 48, POSITIONS_PADDED = 32 };
/* the second hyperlayer reads activations that are the same for all weights: a constant, and so much of the rest */
enum { SECOND_READS = 32, READ_ROWS = ACTIVATION + SECOND_READS };
/* where the parts of the hyperweights begin */
enum { LAYER = GIVES * (WIDTH + 1), FIRST_LAYER = GIVES, READ_OUT_AT = FIRST_LAYER + (HYPERDEPTH - 1) * LAYER };
enum { SHARED = READ_OUT_AT + READ_OUT * (WIDTH + 1) };

#define SCALE_RANGE ((REAL)5)                      /* of log sigma, as in model/channel.py */
#define SCORE_SCALE ((REAL)0.44721359549995793928) /* 1 / sqrt(HEAD) */

static const double INVERSE_FACTORIALS[] = {
    1.0, 1.0, 1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
    1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0,
};

/* The network that is generated, as in ComputationGraph, and how. */
struct network {
    int64_t weights, groups, neurons, biases;
    const int64_t *slots, *starts;                /* slots of `groups` neurons, in the order of attention */
    const int64_t *target, *incoming, *biased;
    const double *log_odds;
    int64_t members, sides, threads, recompute;
    int64_t hyperweights_stride, draws_stride;    /* elements between two members */
};

/* A step of Adam, and one of its parameters, [member, rows, columns]; gradient is [member, columns]. Only the matrix whose
 * gradient is a product with the features has several rows. */
struct adam {
    int64_t members, features, threads;
    double rate, root, beta1, beta2, epsilon, max_norm;
};

struct parameter {
    int64_t rows, columns;
    const void *gradient;
    void *values, *means, *squares;
};

/* The most slots of one neuron. */
static int64_t longest(const struct network *net)
{
    int64_t found = 0;
    for (int64_t n = 0; n < net->groups; n++)
        if (net->starts[n + 1] - net->starts[n] > found) found = net->starts[n + 1] - net->starts[n];
    return found;
}

static int64_t tiles_of(const struct network *net) { return (net->weights + TILE - 1) / TILE; }

/* binding.py refuses a library whose version and size are not its own: it was built from other sources. */
int blocks_abi_version(void) { return 2; }
int blocks_struct_size(void) { return sizeof(struct network) + sizeof(struct adam) + sizeof(struct parameter); }

#define FLAVOUR(name, type) name##_##type
#include "types.inc"
#undef FLAVOUR

/* The same again for machines with AVX2, and for those with AVX-512. */
#ifdef X86
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#define FLAVOUR(name, type) name##_##type##_avx2
#include "types.inc"
#undef FLAVOUR
#pragma GCC target("avx512f,avx512dq,avx512bw,avx512vl")
#define FLAVOUR(name, type) name##_##type##_avx512
#include "types.inc"
#undef FLAVOUR
#pragma GCC pop_options
int blocks_have_avx2(void) { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }
int blocks_have_avx512(void)
{
    return blocks_have_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl");
}
#else
int blocks_have_avx2(void) { return 0; }
int blocks_have_avx512(void) { return 0; }
#endif

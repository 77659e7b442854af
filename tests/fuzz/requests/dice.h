/* Chance that a seed repeats: SplitMix64 (Steele, Lea, Flood, 2014). One thread's. */
#ifndef REQUESTS_DICE_H
#define REQUESTS_DICE_H

#include <stdbool.h>
#include <stdint.h>

struct dice {
    uint64_t state;
};

static inline uint64_t dice_next(struct dice *d) {
    uint64_t z = d->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}
/* Of [0, n); n > 0. */
static inline uint64_t dice_below(struct dice *d, uint64_t n) { return dice_next(d) % n; }
static inline bool dice_one_in(struct dice *d, uint64_t n) { return dice_below(d, n) == 0; }

#endif

#include "nearest.h"

size_t nearest_distance(struct str a, struct str b) {
    enum { MOST = 64 };
    size_t row[MOST + 1], an = a.n < MOST ? a.n : MOST, bn = b.n < MOST ? b.n : MOST;
    for (size_t j = 0; j <= bn; j++) row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t above = row[j], best = diagonal + ((a.p[i - 1] | 32) != (b.p[j - 1] | 32));
            if (above + 1 < best) best = above + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = above;
            row[j] = best;
        }
    }
    return row[bn];
}

bool nearest_is_close(struct str written, size_t distance) { return distance <= 1 + written.n / 3; }

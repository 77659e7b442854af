/* Patterns, each behind a line of "---", and last an event: those that are taken are compiled together, and find what the plain evaluator
 * finds; then half of them go, and again. */
#include "../../support/agreement.h"

static void check(bool good) {
    if (!good) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct agreement g;
    struct str rest = str_of((const char *)data, size);
    if (!g.set) check(agreement_init(&g));
    agreement_clear(&g);
    const char *cut;
    while (rest.n && (cut = memmem(rest.p, rest.n, "\n---\n", 5))) {
        check(agreement_add(&g, str_of(rest.p, (size_t)(cut - rest.p))));
        rest = str_skip(rest, (size_t)(cut - rest.p) + 5);
    }
    check(agreement_publish(&g) && agreement_check(&g, rest));
    for (size_t i = 0; i < g.work_count; i++) check(agreement_check(&g, rest));
    for (size_t n = g.count / 2; n; n--) {
        g.count--;
        matcher_set_remove(g.set, g.ids[g.count]);
        pattern_free(g.patterns[g.count]);
    }
    check(agreement_publish(&g) && agreement_check(&g, rest));
    return 0;
}

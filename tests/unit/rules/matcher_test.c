/* The compiled matcher against the plain evaluator: all of tests/cases one by one and together, and what a seeded generator makes of the
 * language. AGREEMENT_PAIRS and AGREEMENT_SEED in the environment make it a long run, and another one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agreement.h"
#include "os.h"

static struct agreement agreement;

static void generated_pairs(void **state) {
    (void)state;
    int64_t pairs = 0, seed = 0;
    assert_true(str_to_i64(str_from(os_env("AGREEMENT_PAIRS", "300000")), &pairs) && pairs > 0);
    assert_true(str_to_i64(str_from(os_env("AGREEMENT_SEED", "4")), &seed) && seed > 0);
    struct random_source r = {(uint64_t)seed * UINT64_C(0x9E3779B97F4A7C15)};
    struct buf text;
    buf_init(&text, 0);
    assert_true(agreement_init(&agreement));
    while (agreement.pairs < (uint64_t)pairs) {
        uint64_t at = r.state;
        if (!agreement_round(&agreement, &r, 100, &text))
            fail_msg("after %llu pairs (state %llx)", (unsigned long long)agreement.pairs, (unsigned long long)at);
    }
    print_message("%llu pairs, %llu matches\n", (unsigned long long)agreement.pairs, (unsigned long long)agreement.matches);
    assert_true(agreement.matches > agreement.pairs / 20); /* the pools do meet */
    buf_fini(&text);
    agreement_fini(&agreement);
}

/* ---- tests/cases ---------------------------------------------------------------------------------------------------------------- */

static struct str text_of(const struct node *v) { return v->kind == NODE_STRING ? v->text : v->raw; }

struct cases {
    struct arena arena;
    struct str events[4000], patterns[4000];
    size_t count;
};

static enum err read_cases(void *ctx, const char *path) {
    struct cases *c = ctx;
    struct buf *b = ARENA_NEW(&c->arena, struct buf);
    struct fault f;
    buf_init(b, 0);
    enum err e = os_read_file(path, 16 << 20, b, &f);
    struct str rest = arena_str(&c->arena, buf_str(b)), line;
    buf_fini(b);
    while (!e && str_cut(&rest, '\n', &line)) {
        struct node *n;
        if (!line.n || (e = doc_parse(&c->arena, line, &n, &f)) || !doc_get(n, STR("event"))) continue;
        assert_true(c->count < 4000);
        c->events[c->count] = text_of(doc_get(n, STR("event")));
        c->patterns[c->count++] = text_of(doc_get(n, STR("pattern")));
    }
    return e;
}

/* Each case by itself, and each event against dozens of patterns at once. */
static void the_cases(void **state) {
    (void)state;
    static const char *const suffixes[] = {".jsonl", NULL};
    static struct cases c;
    static struct fault f;
    arena_init(&c.arena, 0);
    assert_int_equal(os_each_file("tests/cases", suffixes, read_cases, &c, &f), ERR_OK);
    assert_true(c.count > 300);
    assert_true(agreement_init(&agreement));
    for (size_t i = 0; i < c.count; i++) {
        agreement_clear(&agreement);
        assert_true(agreement_add(&agreement, c.patterns[i]) && agreement_publish(&agreement));
        assert_int_equal(agreement.count, 1);
        assert_true(agreement_check(&agreement, c.events[i]));
    }
    for (size_t i = 0; i < c.count; i += AGREEMENT_RULES_MAX) {
        agreement_clear(&agreement);
        for (size_t k = i; k < c.count && k < i + AGREEMENT_RULES_MAX; k++) assert_true(agreement_add(&agreement, c.patterns[k]));
        assert_true(agreement_publish(&agreement));
        for (size_t k = 0; k < c.count; k++) assert_true(agreement_check(&agreement, c.events[k]));
    }
    agreement_fini(&agreement);
    arena_fini(&c.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_cases), cmocka_unit_test(generated_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

/* ---- many rules that share their values ----------------------------------------------------------------------------------------- */

enum { CROWD = 700, CROWD_EVENTS = 300 };

/* Two to four fields of one or a few values each, out of few; now and then something else than a string. */
static void crowd_pattern(struct random_source *r, struct buf *out) {
    static const char *const fields[] = {"a", "b", "c", "d"}, *const others[] = {"{\"prefix\":\"v\"}", "{\"exists\":false}", "7",
                                                                                 "{\"anything-but\":\"v1\"}"};
    uint32_t n = 2 + draw(r, 3), first = draw(r, 4);
    buf_clear(out);
    buf_addz(out, "{\"all\":[\"x\"]");
    for (uint32_t i = 0; i < n; i++) {
        buf_addf(out, ",\"%s\":[\"v%u\"", fields[(first + i) % 4], draw(r, 4));
        if (chance(r, 30)) buf_addf(out, ",\"v%u\"", draw(r, 4));
        if (chance(r, 5)) buf_addf(out, ",%s", PICK(r, others));
        buf_addz(out, "]");
    }
    buf_addz(out, "}");
}

static void crowd_event(struct random_source *r, struct buf *out) {
    static const char *const fields[] = {"a", "b", "c", "d"};
    buf_clear(out);
    buf_addz(out, chance(r, 90) ? "{\"all\":\"x\"" : "{\"all\":[\"y\",\"x\"]");
    for (uint32_t i = 0; i < 4; i++) {
        if (chance(r, 10)) continue;
        if (chance(r, 80))
            buf_addf(out, ",\"%s\":\"v%u\"", fields[i], draw(r, 5));
        else
            buf_addf(out, ",\"%s\":[\"v%u\",7,\"v%u\"]", fields[i], draw(r, 5), draw(r, 5));
    }
    buf_addz(out, "}");
}

static void many_rules_share_their_values(void **state) {
    (void)state;
    static struct pattern *patterns[CROWD];
    struct random_source r = {5};
    struct matcher_set *set = matcher_set_new();
    struct matcher_work *work = matcher_work_new(NULL);
    struct matcher *m;
    struct buf text;
    uint64_t matches = 0;
    buf_init(&text, 0);
    for (size_t i = 0; i < CROWD; i++) {
        uint32_t id;
        crowd_pattern(&r, &text);
        assert_int_equal(pattern_parse(buf_str(&text), &patterns[i], NULL), ERR_OK);
        assert_int_equal(matcher_set_add(set, patterns[i], &patterns[i], &id), ERR_OK);
    }
    assert_int_equal(matcher_set_publish(set, &m), ERR_OK);
    for (size_t k = 0; k < CROWD_EVENTS; k++) {
        struct arena a;
        struct node *root;
        struct matcher_found found;
        bool took[CROWD] = {0};
        arena_init(&a, 0);
        crowd_event(&r, &text);
        assert_int_equal(doc_parse(&a, buf_str(&text), &root, NULL), ERR_OK);
        assert_int_equal(matcher_match(m, work, buf_str(&text), &found), ERR_OK);
        for (size_t i = 0; i < found.count; i++) {
            size_t rule = (size_t)((struct pattern **)found.owners[i] - patterns);
            assert_false(took[rule]);
            took[rule] = true;
        }
        for (size_t i = 0; i < CROWD; i++) {
            bool expected;
            assert_int_equal(pattern_match(patterns[i], root, &a, &expected), ERR_OK);
            assert_int_equal(took[i], expected);
            matches += expected;
        }
        arena_fini(&a);
    }
    assert_true(matches > CROWD_EVENTS);
    for (size_t i = 0; i < CROWD; i++) pattern_free(patterns[i]);
    matcher_release(m);
    matcher_set_free(set);
    matcher_work_free(work);
    buf_fini(&text);
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
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_cases), cmocka_unit_test(many_rules_share_their_values),
                                       cmocka_unit_test(generated_pairs)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What is no verdict of a case: the questions about a pattern, bounds, and laws checked on generated input against a second, slower
 * way to find the answer. A failure prints the seed's step; the generator has no other state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "fold.h"
#include "pattern_ast.h"

static struct arena arena;
static uint64_t seed;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, 0);
    seed = 20260501;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}

static uint64_t any(void) { /* splitmix64 */
    uint64_t z = (seed += 0x9E3779B97F4A7C15u);
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}
static size_t below(size_t n) { return (size_t)(any() % n); }

static struct pattern *parse(struct str text) {
    static struct fault f;
    struct pattern *p;
    if (pattern_parse(text, &p, &f)) fail_msg("%.*s: %s", STR_ARG(text), f.message);
    return p;
}

static struct node *event_of(struct str text) {
    static struct fault f;
    struct node *root;
    if (doc_parse(&arena, text, &root, &f)) fail_msg("%.*s: %s", STR_ARG(text), f.message);
    return root;
}

/* ---- questions about a pattern ------------------------------------------------------------------------------------------------- */

static void check_values(const char *pattern, const char *path, bool constrained, const char *joined) {
    struct pattern *p = parse(str_from(pattern));
    struct str *values;
    size_t count;
    assert_int_equal(pattern_values(p, str_from(path), &arena, &values, &count), constrained);
    struct buf b;
    buf_init(&b, 0);
    for (size_t i = 0; constrained && i < count; i++) buf_addf(&b, "%.*s;", STR_ARG(values[i]));
    if (!str_eqz(buf_str(&b), joined)) fail_msg("%s: got %.*s, expected %s", pattern, STR_ARG(buf_str(&b)), joined);
    buf_fini(&b);
    pattern_free(p);
}

static void values_of_a_path_are_its_exact_strings(void **state) {
    (void)state;
    check_values("{\"source\":[\"aws.ec2\",\"aws.s3\"]}", "source", true, "aws.ec2;aws.s3;");
    check_values("{\"source\":[\"a\",{\"exactly\":\"b\"},\"a\",\"\\u0063\"]}", "source", true, "a;b;c;");
    check_values("{\"detail\":{\"x\":[\"a\"]}}", "detail.x", true, "a;");
    check_values("{\"detail.x\":[\"::1\"]}", "detail.x", true, "::1;");
    check_values("{\"detail\":{\"x\":[\"a\"]}}", "source", false, "");
    check_values("{\"source\":[\"a\",{\"prefix\":\"b\"}]}", "source", false, "");
    check_values("{\"source\":[{\"anything-but\":\"b\"}]}", "source", false, "");
    check_values("{\"source\":[\"a\",5]}", "source", false, "");
    check_values("{\"source\":[\"a\",null]}", "source", false, "");
    check_values("{\"source\":[\"a\",{\"exists\":false}]}", "source", false, "");
    check_values("{\"$or\":[{\"source\":[\"a\"]},{\"source\":[\"b\",\"a\"]}]}", "source", true, "a;b;");
    check_values("{\"source\":[\"c\"],\"$or\":[{\"source\":[\"a\"]},{\"x\":[\"b\"]}]}", "source", true, "a;c;");
    check_values("{\"$or\":[{\"source\":[\"a\"]},{\"x\":[\"b\"]}]}", "source", false, "");
}

static void conjunctions_and_fields_can_be_read(void **state) {
    (void)state;
    struct str text = STR("{\"a\":[1,{\"prefix\":\"x\"}],\"b\":{\"$or\":[{\"c\":[2]},{\"a\":[3],\"c\":[{\"exists\":false}]}]}}");
    struct pattern *p = parse(text);
    assert_true(str_eq(pattern_source(p), text));
    assert_ptr_not_equal(pattern_source(p).p, text.p);
    assert_int_equal(p->field_count, 4);
    assert_int_equal(p->path_count, 3);
    assert_int_equal(p->conjunction_count, 2);
    assert_int_equal(p->conjunctions[0].count, 2);
    assert_int_equal(p->conjunctions[1].count, 3);
    assert_ptr_equal(p->conjunctions[0].fields[0], p->conjunctions[1].fields[0]);
    const struct pattern_field *a = p->conjunctions[0].fields[0];
    assert_true(str_eqz(a->path, "a"));
    assert_int_equal(a->count, 2);
    assert_int_equal(a->alternatives[0].tests[0].kind, PATTERN_NUMBER);
    assert_int_equal(a->alternatives[1].tests[0].kind, PATTERN_PREFIX);
    assert_true(str_eqz(a->alternatives[1].raw, "{\"prefix\":\"x\"}"));
    assert_false(a->absent);
    const struct pattern_field *c = p->conjunctions[1].fields[1];
    assert_true(str_eqz(c->path, "b.c"));
    assert_true(c->absent);
    pattern_free(p);
}

static void pattern_outlives_its_text(void **state) {
    (void)state;
    char text[] = "{\"a\":[\"\\u0078y\",{\"wildcard\":\"p*q\"}],\"k\\u0065y\":[1]}";
    struct pattern *p = parse(str_from(text));
    memset(text, 'z', sizeof text);
    bool matched;
    assert_int_equal(pattern_match(p, event_of(STR("{\"a\":\"xy\",\"key\":1.0}")), &arena, &matched), ERR_OK);
    assert_true(matched);
    assert_int_equal(pattern_match(p, event_of(STR("{\"a\":\"p-q\",\"key\":1}")), &arena, &matched), ERR_OK);
    assert_true(matched);
    pattern_free(p);
    pattern_free(NULL);
}

static void pattern_of_ordinary_size_takes_no_whole_block(void **state) {
    (void)state;
    struct pattern *p = parse(STR("{\"source\":[\"aws.ec2\"],\"detail\":{\"state\":[\"running\",\"stopped\"]}}"));
    assert_in_range(p->arena.used_bytes, 1, 2048);
    pattern_free(p);
}

static void nobody_needs_to_want_the_fault(void **state) {
    (void)state;
    struct pattern *p;
    struct node *event;
    assert_int_equal(pattern_parse(STR("{\"a\":5}"), &p, NULL), ERR_PATTERN);
    assert_int_equal(pattern_parse(STR("{\"a\":[tru]}"), &p, NULL), ERR_PATTERN);
    assert_int_equal(pattern_parse(STR_NULL, &p, NULL), ERR_PATTERN);
    assert_null(p);
    assert_int_equal(pattern_test_event(STR("{}"), &arena, &event, NULL), ERR_VALIDATION);
}

static void refusal_of_bytes_that_are_no_utf8_is_utf8(void **state) {
    (void)state;
    struct pattern *p;
    static struct fault f;
    assert_int_equal(pattern_parse(STR("{\"a\":[\"\xFF\"]}"), &p, &f), ERR_PATTERN);
    assert_string_equal(f.message, "Event pattern is not valid. Reason: Unexpected byte 0xFF: expected well-formed UTF-8\n at [Source: "
                                   "(String)\"not UTF-8\"; line: 1, column: 8]");
}

static void test_event_needs_its_six_fields(void **state) {
    (void)state;
    struct str good = STR("{\"id\":\"1\",\"account\":\"2\",\"source\":\"s\",\"time\":\"t\",\"region\":\"r\",\"detail-type\":\"d\"}");
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "\"\"",
        "null",
        "{}",
        "{\"account\":\"2\",\"source\":\"s\",\"time\":\"t\",\"region\":\"r\",\"detail-type\":\"d\"}",
        "{\"id\":\"1\",\"source\":\"s\",\"time\":\"t\",\"region\":\"r\",\"detail-type\":\"d\"}",
        "{\"id\":\"1\",\"account\":\"2\",\"time\":\"t\",\"region\":\"r\",\"detail-type\":\"d\"}",
        "{\"id\":\"1\",\"account\":\"2\",\"source\":\"s\",\"region\":\"r\",\"detail-type\":\"d\"}",
        "{\"id\":\"1\",\"account\":\"2\",\"source\":\"s\",\"time\":\"t\",\"detail-type\":\"d\"}",
        "{\"id\":\"1\",\"account\":\"2\",\"source\":\"s\",\"time\":\"t\",\"region\":\"r\"}",
        "{\"id\":\"1\",\"account\":\"2\",\"source\":\"s\",\"time\":\"t\",\"region\":\"r\",\"detail-type\":\"d\"} x"};
    struct node *event;
    static struct fault f;
    assert_int_equal(pattern_test_event(good, &arena, &event, &f), ERR_OK);
    assert_true(str_eqz(doc_get(event, STR("id"))->text, "1"));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(pattern_test_event(str_from(bad[i]), &arena, &event, &f), ERR_VALIDATION);
        assert_null(event);
        assert_string_equal(f.message, "Parameter Event is not valid.");
    }
}

static void event_that_is_no_object_matches_nothing(void **state) {
    (void)state;
    struct pattern *p = parse(STR("{\"a\":[{\"exists\":false}]}"));
    bool matched;
    static const char *const events[] = {"[]", "[{}]", "null", "1", "\"a\""};
    for (size_t i = 0; i < sizeof events / sizeof events[0]; i++) {
        assert_int_equal(pattern_match(p, event_of(str_from(events[i])), &arena, &matched), ERR_OK);
        assert_false(matched);
    }
    pattern_free(p);
}

/* ---- bounds -------------------------------------------------------------------------------------------------------------------- */

static void repeat(struct buf *b, const char *z, size_t n) {
    while (n--) buf_addz(b, z);
}

static void long_text_is_refused(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    buf_addz(&b, "{\"a\":[\"");
    repeat(&b, "x", PATTERN_BYTES_MAX - 10);
    buf_addz(&b, "\"]}");
    assert_int_equal(b.n, PATTERN_BYTES_MAX);
    pattern_free(parse(buf_str(&b)));
    buf_addc(&b, ' ');
    struct pattern *p;
    static struct fault f;
    assert_int_equal(pattern_parse(buf_str(&b), &p, &f), ERR_PATTERN);
    assert_string_equal(f.message, "Event pattern is not valid. Reason: The text has 65537 bytes, expected at most 65536");
    buf_fini(&b);
}

static void ten_thousand_elements_and_deep_nesting_are_no_burden(void **state) {
    (void)state;
    struct pattern *p = parse(STR("{\"e\":{\"x\":[1],\"y\":[2],\"z\":[3]}}"));
    struct buf b;
    buf_init(&b, 0);
    buf_addz(&b, "{\"e\":[");
    repeat(&b, "{\"x\":1,\"y\":2},{\"y\":2,\"z\":3},{\"x\":1,\"z\":3},", 3333);
    buf_addz(&b, "{\"x\":1,\"y\":2,\"z\":4}]}");
    bool matched;
    assert_int_equal(pattern_match(p, event_of(buf_str(&b)), &arena, &matched), ERR_OK);
    assert_false(matched);
    b.n -= 4;
    buf_addz(&b, "3}]}");
    assert_int_equal(pattern_match(p, event_of(buf_str(&b)), &arena, &matched), ERR_OK);
    assert_true(matched);
    buf_clear(&b);
    buf_addz(&b, "{\"e\":");
    repeat(&b, "[", 998);
    buf_addz(&b, "{\"x\":1,\"y\":2,\"z\":3}");
    repeat(&b, "]", 998);
    buf_addz(&b, "}");
    assert_int_equal(pattern_match(p, event_of(buf_str(&b)), &arena, &matched), ERR_OK);
    assert_true(matched);
    buf_fini(&b);
    pattern_free(p);
}

/* Each of the keys a, a.a, a.a.a... leads on, so that fields in arrays have exponentially many ways together. */
static void too_many_ways_are_an_error_not_a_hang(void **state) {
    (void)state;
    struct buf pattern, event;
    buf_init(&pattern, 0);
    buf_init(&event, 0);
    buf_addz(&pattern, "{");
    buf_addz(&event, "{");
    for (int i = 0; i < 30; i++) {
        buf_addf(&pattern, "\"k%d.a.b\":[1],", i);
        buf_addf(&event, "\"k%d\":[{\"a.b\":[2,1]}],\"k%d.a\":{\"b\":[1,2]},", i, i);
    }
    buf_addz(&pattern, "\"z.p\":[1],\"z.q\":[1]}");
    buf_addz(&event, "\"z\":[{\"p\":1},{\"q\":1}]}");
    struct pattern *p = parse(buf_str(&pattern));
    bool matched = true;
    assert_int_equal(pattern_match(p, event_of(buf_str(&event)), &arena, &matched), ERR_LIMIT);
    assert_false(matched);
    pattern_free(p);
    buf_fini(&pattern);
    buf_fini(&event);
}

static void scratch_at_its_cap_is_an_error(void **state) {
    (void)state;
    struct pattern *p = parse(STR("{\"e\":{\"x\":[1],\"y\":[2]}}"));
    struct node *event = event_of(STR("{\"e\":[{\"x\":1,\"y\":2}]}"));
    struct arena tiny;
    arena_init(&tiny, 16);
    bool matched = true;
    assert_int_equal(pattern_match(p, event, &tiny, &matched), ERR_NOMEM);
    assert_false(matched);
    arena_fini(&tiny);
    pattern_free(p);
}

static void ordinary_match_takes_no_scratch(void **state) {
    (void)state;
    struct pattern *p =
        parse(STR("{\"source\":[\"a\"],\"detail\":{\"state\":[\"x\",{\"prefix\":\"y\"}]},\"resources\":[{\"suffix\":\"z\"}]}"));
    struct node *event = event_of(STR("{\"source\":\"a\",\"resources\":[\"xz\"],\"detail\":{\"state\":\"yy\"}}"));
    struct arena none;
    arena_init(&none, 1);
    bool matched = false;
    assert_int_equal(pattern_match(p, event, &none, &matched), ERR_OK);
    assert_true(matched);
    arena_fini(&none);
    pattern_free(p);
}

/* ---- consistency, against the enumeration of all choices ----------------------------------------------------------------------- */

enum { LEAVES = 300, HOPS = 8 };
struct leaf {
    char path[64];
    const struct node *value;
    size_t hops; /* arrays on the way, and the element taken in each */
    struct {
        const struct node *array;
        size_t index;
    } hop[HOPS];
};
static struct leaf leaves[LEAVES];
static size_t leaf_count;

static bool later_twin(const struct node *m) {
    for (const struct node *other = m->next; other; other = other->next)
        if (str_eq(other->key, m->key)) return true;
    return false;
}

static void flatten(const struct node *v, struct leaf way, bool root) {
    if (v->kind == NODE_OBJECT) {
        for (const struct node *m = v->child; m; m = m->next) {
            if (later_twin(m)) continue;
            struct leaf next = way;
            int n = snprintf(next.path, sizeof next.path, "%s%s%.*s", way.path, root ? "" : ".", STR_ARG(m->key));
            assert_in_range(n, 0, sizeof next.path - 1);
            flatten(m, next, false);
        }
    } else if (v->kind == NODE_ARRAY) {
        size_t i = 0;
        for (const struct node *m = v->child; m; m = m->next, i++) {
            struct leaf next = way;
            assert_true(next.hops < HOPS);
            next.hop[next.hops].array = v;
            next.hop[next.hops++].index = i;
            flatten(m, next, false);
        }
    } else {
        assert_true(leaf_count < LEAVES);
        way.value = v;
        leaves[leaf_count++] = way;
    }
}

static bool agree(const struct leaf *a, const struct leaf *b) {
    for (size_t i = 0; i < a->hops; i++)
        for (size_t k = 0; k < b->hops; k++)
            if (a->hop[i].array == b->hop[k].array && a->hop[i].index != b->hop[k].index) return false;
    return true;
}

static bool choose(const struct pattern_conjunction *c, size_t at, const struct leaf **chosen, size_t count) {
    if (at == c->count) return true;
    const struct pattern_field *f = c->fields[at];
    bool there = false;
    for (size_t i = 0; i < leaf_count; i++) {
        if (!str_eqz(f->path, leaves[i].path)) continue;
        there = true;
        bool good = pattern_field_takes(f, leaves[i].value);
        for (size_t k = 0; good && k < count; k++) good = agree(chosen[k], &leaves[i]);
        chosen[count] = &leaves[i];
        if (good && choose(c, at + 1, chosen, count + 1)) return true;
    }
    return !there && f->absent && choose(c, at + 1, chosen, count);
}

static bool each_alone(const struct pattern_conjunction *c) {
    for (size_t i = 0; i < c->count; i++) {
        const struct pattern_conjunction one = {&c->fields[i], 1};
        if (!choose(&one, 0, (const struct leaf *[1]){NULL}, 0)) return false;
    }
    return true;
}

static const char *const keys[] = {"a", "b", "c", "a.b", "b.a", ""};

static void add_value(struct buf *b, size_t depth) {
    size_t kind = depth >= 4 ? 0 : depth == 0 ? 2 + below(2) : below(5);
    if (kind == 0) {
        buf_addf(b, "%zu", below(2));
        return;
    }
    bool object = kind >= 3;
    buf_addc(b, object ? '{' : '[');
    for (size_t i = 0, n = below(4); i < n; i++) {
        if (i) buf_addc(b, ',');
        if (object) buf_addf(b, "\"%s\":", keys[below(8) ? below(2) : below(6)]);
        add_value(b, depth + 1);
    }
    buf_addc(b, object ? '}' : ']');
}

static void add_fields(struct buf *b, size_t n) {
    for (size_t i = 0; i < n; i++) {
        buf_addf(b, "%s\"%s", i ? "," : "", keys[!below(4)]);
        for (size_t k = below(8) ? 1 : below(3); k > 0; k--) buf_addf(b, ".%s", keys[below(2)]);
        size_t value = below(2); /* apart: the order in which arguments are evaluated is the compiler's */
        buf_addf(b, "\":[%zu%s]", value, below(6) ? "" : ",{\"exists\":false}");
    }
}

static void verdict_equals_that_of_all_choices(void **state) {
    (void)state;
    struct buf pattern, event;
    buf_init(&pattern, 0);
    buf_init(&event, 0);
    size_t matches = 0, torn = 0;
    for (size_t i = 0; i < 60000; i++) {
        arena_reset(&arena);
        buf_clear(&pattern);
        buf_clear(&event);
        buf_addz(&pattern, "{");
        add_fields(&pattern, 1 + below(4));
        if (below(4) == 0) {
            buf_addz(&pattern, ",\"$or\":[{");
            add_fields(&pattern, 1 + below(2));
            buf_addz(&pattern, "},{");
            add_fields(&pattern, 1 + below(2));
            buf_addz(&pattern, "}]");
        }
        buf_addz(&pattern, "}");
        buf_addz(&event, "{\"a\":");
        add_value(&event, 0);
        buf_addz(&event, ",\"b\":");
        add_value(&event, 0);
        buf_addz(&event, "}");
        struct pattern *p = parse(buf_str(&pattern));
        struct node *root = event_of(buf_str(&event));
        leaf_count = 0;
        flatten(root, (struct leaf){.path = ""}, true);
        bool want = false, got;
        for (size_t k = 0; k < p->conjunction_count && !want; k++)
            want = choose(&p->conjunctions[k], 0, (const struct leaf *[16]){NULL}, 0);
        assert_int_equal(pattern_match(p, root, &arena, &got), ERR_OK);
        if (got != want) fail_msg("step %zu: %.*s %.*s: %d", i, STR_ARG(buf_str(&pattern)), STR_ARG(buf_str(&event)), got);
        matches += got;
        torn += !got && each_alone(&p->conjunctions[0]);
        pattern_free(p);
    }
    print_message("%zu matches, %zu refused for the arrays only\n", matches, torn);
    assert_true(matches > 5000 && torn > 200); /* or the generator has gone dull */
    buf_fini(&pattern);
    buf_fini(&event);
}

/* ---- wildcards, against backtracking ------------------------------------------------------------------------------------------- */

static bool backtrack(const char *w, size_t wn, const char *s, size_t n) {
    if (!wn) return !n;
    if (*w == '*') {
        for (size_t skip = 0; skip <= n; skip++)
            if (backtrack(w + 1, wn - 1, s + skip, n - skip)) return true;
        return false;
    }
    return n && *w == *s && backtrack(w + 1, wn - 1, s + 1, n - 1);
}

static struct str any_wildcard(char *out, size_t most) {
    size_t n = below(most + 1);
    for (size_t i = 0; i < n; i++) {
        out[i] = "ab*"[below(3)];
        if (out[i] == '*' && i && out[i - 1] == '*') out[i] = 'a';
    }
    return str_of(out, n);
}

static void wildcard_equals_backtracking(void **state) {
    (void)state;
    for (size_t i = 0; i < 100000; i++) {
        char text[16], s[16];
        struct str w = any_wildcard(text, 9);
        size_t n = below(11);
        for (size_t k = 0; k < n; k++) s[k] = "ab"[below(2)];
        struct wildcard compiled;
        if (i % 1000 == 0) arena_reset(&arena);
        assert_int_equal(wildcard_read(w, &arena, &compiled), ERR_OK);
        if (wildcard_match(&compiled, str_of(s, n)) != backtrack(w.p, w.n, s, n))
            fail_msg("step %zu: %.*s on %.*s", i, STR_ARG(w), (int)n, s);
    }
}

/* How many of the distinct non-empty prefixes of both patterns the string fits. */
static size_t prefixes_that_fit(struct str a, struct str b, const char *s, size_t n) {
    size_t count = 0;
    for (size_t i = 1; i <= a.n; i++) count += backtrack(a.p, i, s, n);
    for (size_t i = 1; i <= b.n; i++) count += !(i <= a.n && memcmp(a.p, b.p, i) == 0) && backtrack(b.p, i, s, n);
    return count;
}

static void complexity_equals_the_best_of_all_short_strings(void **state) {
    (void)state;
    for (size_t i = 0; i < 150; i++) {
        char text[2][8], s[8];
        struct str w[2] = {any_wildcard(text[0], 4), any_wildcard(text[1], 4)};
        size_t best = 0, got;
        for (size_t n = 0; n <= 7; n++)
            for (size_t code = 0, codes = (size_t[]){1, 3, 9, 27, 81, 243, 729, 2187}[n]; code < codes; code++) {
                for (size_t k = 0, rest = code; k < n; k++, rest /= 3) s[k] = "abx"[rest % 3];
                size_t count = prefixes_that_fit(w[0], w[1], s, n);
                if (count > best) best = count;
            }
        struct wildcard compiled[2];
        arena_reset(&arena);
        for (size_t k = 0; k < 2; k++) assert_int_equal(wildcard_read(w[k], &arena, &compiled[k]), ERR_OK);
        assert_int_equal(wildcard_complexity((const struct wildcard *[]){&compiled[0], &compiled[1]}, 2, 30, &arena, &got), ERR_OK);
        if (got != best) fail_msg("step %zu: %.*s and %.*s: %zu, expected %zu", i, STR_ARG(w[0]), STR_ARG(w[1]), got, best);
        assert_int_equal(wildcard_complexity((const struct wildcard *[]){&compiled[0], &compiled[1]}, 2, 3, &arena, &got), ERR_OK);
        assert_int_equal(got, best > 3 ? 4 : best);
    }
}

static size_t complexity_of(const char *text) {
    struct wildcard w;
    const struct wildcard *set = &w;
    size_t complexity;
    assert_int_equal(wildcard_read(str_from(text), &arena, &w), ERR_OK);
    assert_int_equal(wildcard_complexity(&set, 1, 30, &arena, &complexity), ERR_OK);
    return complexity;
}

static void complexity_is_the_engines_count(void **state) {
    (void)state;
    assert_int_equal(complexity_of("*:*:*:*:*:event-bus/*"), 11);
    assert_int_equal(complexity_of("abc"), 1);
    assert_int_equal(complexity_of("abc*"), 2);
    assert_int_equal(complexity_of("*"), 1);
    assert_int_equal(complexity_of(""), 0);
    assert_int_equal(complexity_of("*a*a*a*"), 7);
}

/* Wildcards whose sets of positions are very many must end soon, one way or the other. */
static void complexity_of_a_hostile_set_is_bounded(void **state) {
    (void)state;
    enum { MANY = 1500 };
    static struct wildcard w[MANY];
    static const struct wildcard *set[MANY];
    for (size_t i = 0; i < MANY; i++) {
        char text[64];
        size_t n = 0;
        text[n++] = '*';
        for (size_t k = 0; k < 20; k++) text[n++] = (char)('a' + below(20));
        assert_int_equal(wildcard_read(arena_str(&arena, str_of(text, n)), &arena, &w[i]), ERR_OK);
        set[i] = &w[i];
    }
    size_t complexity;
    assert_int_equal(wildcard_complexity(set, MANY, 10, &arena, &complexity), ERR_OK);
    assert_true(complexity <= 11);
}

/* ---- numbers, against 128-bit integers ----------------------------------------------------------------------------------------- */

/* m * 10^e in one of its many spellings. */
static struct str spell(char *out, size_t size, int64_t m, int e) {
    char digits[64];
    int zeros = (int)below(4), n = snprintf(digits, sizeof digits, "%lld%.*s", (long long)(m < 0 ? -m : m), zeros, "000");
    int point = 1 + (int)below((size_t)n); /* digits before the decimal point */
    int exponent = e - zeros + n - point;
    if (digits[0] == '0' && n > 1) point = 1, exponent = 0; /* no leading zeros before others; zero has any exponent */
    int written =
        snprintf(out, size, "%s%.*s%s%s", m < 0 || (m == 0 && below(2)) ? "-" : "", point, digits, point < n ? "." : "", digits + point);
    char e_sign = "eE"[below(2)];
    if (exponent || below(2))
        written += snprintf(out + written, size - (size_t)written, "%c%s%d", e_sign, exponent >= 0 && below(2) ? "+" : "", exponent);
    return str_of(out, (size_t)written);
}

static void number_order_equals_that_of_integers(void **state) {
    (void)state;
    size_t equal = 0;
    for (size_t i = 0; i < 200000; i++) {
        char text[2][128];
        struct number n[2];
        __int128 value[2];
        for (size_t k = 0; k < 2; k++) {
            int64_t most = (int64_t[]){3, 1000, 1000000000, 1000000000000000000}[below(4)];
            int64_t m = (int64_t)below((size_t)most);
            if (below(2)) m = -m;
            int e = (int)below(4);
            value[k] = (__int128)m * (int[]){1, 10, 100, 1000}[e];
            n[k] = number_read(spell(text[k], sizeof text[k], m, e));
            struct node *v = event_of(n[k].text);
            assert_int_equal(v->kind, NODE_NUMBER);
        }
        if (i % 1000 == 0) arena_reset(&arena);
        int want = (value[0] > value[1]) - (value[0] < value[1]), got = number_compare(&n[0], &n[1]);
        if ((got > 0) - (got < 0) != want)
            fail_msg("step %zu: %.*s and %.*s: %d, expected %d", i, STR_ARG(n[0].text), STR_ARG(n[1].text), got, want);
        equal += want == 0;
    }
    assert_true(equal > 1000);
}

static void numbers_that_doubles_print_are_held(void **state) {
    (void)state;
    for (size_t i = 0; i < 20000; i++) {
        uint64_t bits = any();
        double d;
        memcpy(&d, &bits, sizeof d);
        if (!(d - d >= 0)) continue; /* inf, nan */
        char text[64];
        int digits = 1, n;
        do n = snprintf(text, sizeof text, "%.*e", digits - 1, d);
        while ((strtod(text, NULL) < d || strtod(text, NULL) > d) && ++digits);
        struct number number = number_read(str_of(text, (size_t)n));
        if (!number_is_held(&number)) fail_msg("step %zu: %s is not held", i, text);
        if (digits < 17) continue;
        text[n - 5 - (text[n - 5] != 'e')] ^= 1; /* another last digit: another number, maybe of the same double */
        struct number other = number_read(str_of(text, (size_t)n));
        double again = strtod(text, NULL);
        if (number_is_held(&other) && again <= d && again >= d) fail_msg("step %zu: %s is held, too", i, text);
    }
}

static void very_long_numbers_compare_by_all_digits(void **state) {
    (void)state;
    char a[3000], b[3000];
    memset(a, '7', sizeof a);
    memset(b, '7', sizeof b);
    a[500] = b[2] = '.';
    memcpy(a + 2994, "6e-498", 6);
    struct number x = number_read(str_of(a, sizeof a)), y = number_read(str_of(b, 2995));
    assert_true(number_compare(&x, &y) < 0);
    a[2994] = '7';
    x = number_read(str_of(a, sizeof a));
    assert_int_equal(number_compare(&x, &y), 0);
    assert_false(number_is_held(&x));
    struct number huge = number_read(STR("1e99999999999999999999999")), tiny = number_read(STR("-1e-99999999999999999999999"));
    struct number zero = number_read(STR("0e99999999999999999999999"));
    assert_true(number_compare(&huge, &x) > 0);
    assert_true(number_compare(&tiny, &zero) < 0);
    assert_true(number_compare(&zero, &huge) < 0);
}

/* ---- folding ------------------------------------------------------------------------------------------------------------------- */

static void folding_is_done_once_and_for_all_characters(void **state) {
    (void)state;
    size_t folded = 0;
    for (uint32_t c = 0; c <= 0x10FFFF; c++) {
        uint32_t f = fold_char(c);
        if (fold_char(f) != f) fail_msg("U+%04X folds to U+%04X, which folds on", c, f);
        folded += f != c;
    }
    assert_int_equal(folded, 1454); /* entries of status C and S in Unicode 14.0 */
    assert_int_equal(fold_char(0x10FFFF), 0x10FFFF);
}

int main(void) {
#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(values_of_a_path_are_its_exact_strings),
        TEST(conjunctions_and_fields_can_be_read),
        TEST(pattern_outlives_its_text),
        TEST(pattern_of_ordinary_size_takes_no_whole_block),
        TEST(nobody_needs_to_want_the_fault),
        TEST(refusal_of_bytes_that_are_no_utf8_is_utf8),
        TEST(test_event_needs_its_six_fields),
        TEST(event_that_is_no_object_matches_nothing),
        TEST(long_text_is_refused),
        TEST(ten_thousand_elements_and_deep_nesting_are_no_burden),
        TEST(too_many_ways_are_an_error_not_a_hang),
        TEST(scratch_at_its_cap_is_an_error),
        TEST(ordinary_match_takes_no_scratch),
        TEST(verdict_equals_that_of_all_choices),
        TEST(wildcard_equals_backtracking),
        TEST(complexity_equals_the_best_of_all_short_strings),
        TEST(complexity_is_the_engines_count),
        TEST(complexity_of_a_hostile_set_is_bounded),
        TEST(number_order_equals_that_of_integers),
        TEST(numbers_that_doubles_print_are_held),
        TEST(very_long_numbers_compare_by_all_digits),
        TEST(folding_is_done_once_and_for_all_characters),
    };
    return cmocka_run_group_tests_name("rules/pattern", tests, NULL, NULL);
}

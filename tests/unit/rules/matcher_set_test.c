/* Sets that change: whatever was added, removed, published and compiled anew in whatever order, the newest matcher tells what the plain
 * evaluator tells of the rules that are there, and the older ones what they always told. MATCHER_CHANGES in the environment makes it long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "agreement.h"
#include "os.h"

enum { RULES_MAX = 200, EVENTS = 24, OLD = 4 };

struct rule {
    struct pattern *pattern; /* NULL: none */
    uint32_t id;
    bool takes[EVENTS];
};
struct old { /* a matcher, and what it told when it was new */
    struct matcher *matcher;
    bool took[EVENTS][RULES_MAX];
};
struct shop {
    struct matcher_set *set;
    struct matcher_work *work;
    struct random_source r;
    struct buf events[EVENTS];
    struct rule rules[RULES_MAX];
    struct pattern *gone[RULES_MAX * 8]; /* removed while a compaction goes on: freed behind it */
    size_t gone_count;
    struct old old[OLD];
    struct matcher *newest;
    struct matcher_compaction *compaction;
    struct buf text;
};

static void set_up(struct shop *s, uint64_t seed) {
    *s = (struct shop){.set = matcher_set_new(), .work = matcher_work_new(NULL), .r = {seed * UINT64_C(0x9E3779B97F4A7C15)}};
    assert_non_null(s->set);
    assert_non_null(s->work);
    for (size_t i = 0; i < EVENTS; i++) {
        buf_init(&s->events[i], 0);
        gen_object(&s->r, &s->events[i], 4);
    }
    buf_init(&s->text, 0);
    matcher_set_foreground(s->set, 16);
}

static void free_gone(struct shop *s) {
    while (s->gone_count) pattern_free(s->gone[--s->gone_count]);
}

static void tear_down(struct shop *s) {
    if (s->compaction) matcher_compact_end(NULL, s->compaction);
    matcher_set_free(s->set);
    free_gone(s);
    for (size_t i = 0; i < RULES_MAX; i++) pattern_free(s->rules[i].pattern);
    for (size_t i = 0; i < OLD; i++) matcher_release(s->old[i].matcher);
    matcher_release(s->newest);
    for (size_t i = 0; i < EVENTS; i++) buf_fini(&s->events[i]);
    buf_fini(&s->text);
    matcher_work_free(s->work);
}

static void add_rule(struct shop *s, struct rule *rule) {
    buf_clear(&s->text);
    if (chance(&s->r, 30))
        buf_addf(&s->text, "{\"fresh-%x\":[{\"exists\":false}],\"a\":[{\"exists\":true}]}", draw(&s->r, 1 << 30));
    else
        gen_pattern(&s->r, &s->text, 1);
    if (pattern_parse(buf_str(&s->text), &rule->pattern, NULL)) return;
    assert_int_equal(matcher_set_add(s->set, rule->pattern, rule, &rule->id), ERR_OK);
    for (size_t i = 0; i < EVENTS; i++) {
        struct arena a;
        struct node *root;
        arena_init(&a, 0);
        assert_int_equal(doc_parse(&a, buf_str(&s->events[i]), &root, NULL), ERR_OK);
        assert_int_equal(pattern_match(rule->pattern, root, &a, &rule->takes[i]), ERR_OK);
        arena_fini(&a);
    }
}

static void change_rule(struct shop *s) {
    struct rule *rule = &s->rules[draw(&s->r, RULES_MAX)];
    if (rule->pattern) {
        matcher_set_remove(s->set, rule->id);
        if (s->compaction && s->gone_count < RULES_MAX * 8)
            s->gone[s->gone_count++] = rule->pattern;
        else
            pattern_free(rule->pattern);
        *rule = (struct rule){0};
    }
    if (chance(&s->r, 70)) add_rule(s, rule);
}

/* What the matcher finds for an event, by rule. */
static void find(struct shop *s, const struct matcher *m, size_t event, bool took[RULES_MAX]) {
    struct matcher_found found;
    memset(took, 0, RULES_MAX * sizeof *took);
    assert_int_equal(matcher_match(m, s->work, buf_str(&s->events[event]), &found), ERR_OK);
    for (size_t i = 0; i < found.count; i++) {
        size_t rule = (size_t)((struct rule *)found.owners[i] - s->rules);
        assert_true(rule < RULES_MAX && !took[rule]);
        took[rule] = true;
    }
}

static void publish(struct shop *s) {
    bool took[RULES_MAX];
    matcher_release(s->newest);
    assert_int_equal(matcher_set_publish(s->set, &s->newest), ERR_OK);
    assert_int_equal(matcher_count(s->newest), matcher_set_count(s->set));
    size_t event = draw(&s->r, EVENTS);
    find(s, s->newest, event, took);
    for (size_t i = 0; i < RULES_MAX; i++) assert_int_equal(took[i], s->rules[i].pattern && s->rules[i].takes[event]);
}

/* One of the old matchers still tells the same; another takes its place. */
static void look_back(struct shop *s) {
    bool took[RULES_MAX];
    struct old *o = &s->old[draw(&s->r, OLD)];
    for (size_t i = 0; o->matcher && i < EVENTS; i++) {
        find(s, o->matcher, i, took);
        assert_memory_equal(took, o->took[i], sizeof took);
    }
    matcher_release(o->matcher);
    o->matcher = matcher_share(s->newest);
    for (size_t i = 0; i < EVENTS; i++) find(s, o->matcher, i, o->took[i]);
}

static void compact_some_more(struct shop *s) {
    if (!s->compaction) {
        assert_int_equal(matcher_compact_begin(s->set, &s->compaction), ERR_OK);
    } else {
        if (chance(&s->r, 90)) assert_int_equal(matcher_compact_run(s->compaction), ERR_OK);
        matcher_compact_end(s->set, s->compaction);
        s->compaction = NULL;
        free_gone(s);
    }
}

static void changes_in_any_order(void **state) {
    (void)state;
    static struct shop s;
    int64_t changes = 0;
    size_t bytes_most = 0;
    assert_true(str_to_i64(str_from(os_env("MATCHER_CHANGES", "20000")), &changes) && changes > 0);
    set_up(&s, 7);
    for (int64_t i = 0; i < changes; i++) {
        change_rule(&s);
        if (chance(&s.r, 60)) publish(&s);
        if (s.newest && chance(&s.r, 2)) look_back(&s);
        if (chance(&s.r, 3)) compact_some_more(&s);
        if (s.newest && matcher_bytes(s.newest) > bytes_most) bytes_most = matcher_bytes(s.newest);
    }
    print_message("%lld changes, at most %zu bytes\n", (long long)changes, bytes_most);
    assert_true(bytes_most < 2 << 20); /* of 200 rules at a time; names that no rule has any more do not pile up */
    tear_down(&s);
}

static void an_empty_set_finds_nothing(void **state) {
    (void)state;
    struct matcher_set *set = matcher_set_new();
    struct matcher_work *work = matcher_work_new(NULL);
    struct matcher_found found;
    struct matcher *m;
    assert_int_equal(matcher_set_publish(set, &m), ERR_OK);
    assert_int_equal(matcher_match(m, work, STR("{\"a\":1}"), &found), ERR_OK);
    assert_int_equal(found.count, 0);
    assert_int_equal(matcher_match(m, work, STR("{\"a\":1"), &found), ERR_SYNTAX);
    assert_int_equal(matcher_match(m, work, STR(""), &found), ERR_SYNTAX);
    matcher_release(m);
    matcher_set_free(set);
    matcher_work_free(work);
}

/* A hundred thousand rules on one field: few bytes each, and a change is quick. */
static void a_big_set(void **state) {
    (void)state;
    enum { BIG = 100000 };
    struct matcher_set *set = matcher_set_new();
    struct matcher_work *work = matcher_work_new(NULL);
    struct pattern **patterns = calloc(BIG, sizeof *patterns);
    uint32_t *ids = calloc(BIG, sizeof *ids);
    struct matcher_found found;
    struct matcher *m;
    char text[64];
    for (int i = 0; i < BIG; i++) {
        int n = snprintf(text, sizeof text, "{\"detail\":{\"id\":[\"id-%d\"]}}", i);
        assert_int_equal(pattern_parse(str_of(text, (size_t)n), &patterns[i], NULL), ERR_OK);
        assert_int_equal(matcher_set_add(set, patterns[i], &patterns[i], &ids[i]), ERR_OK);
    }
    assert_int_equal(matcher_set_publish(set, &m), ERR_OK);
    assert_true(matcher_bytes(m) < (size_t)40 << 20);
    for (int i = 0; i < BIG; i += 997) {
        struct matcher *next;
        matcher_set_remove(set, ids[i]);
        assert_int_equal(matcher_set_publish(set, &next), ERR_OK);
        int n = snprintf(text, sizeof text, "{\"detail\":{\"id\":\"id-%d\"}}", i);
        assert_int_equal(matcher_match(m, work, str_of(text, (size_t)n), &found), ERR_OK);
        assert_true(found.count == 1 && found.owners[0] == &patterns[i]);
        assert_int_equal(matcher_match(next, work, str_of(text, (size_t)n), &found), ERR_OK);
        assert_int_equal(found.count, 0);
        assert_int_equal(matcher_set_add(set, patterns[i], &patterns[i], &ids[i]), ERR_OK);
        matcher_release(next);
    }
    matcher_release(m);
    matcher_set_free(set);
    for (int i = 0; i < BIG; i++) pattern_free(patterns[i]);
    free(patterns);
    free(ids);
    matcher_work_free(work);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(an_empty_set_finds_nothing), cmocka_unit_test(changes_in_any_order),
                                       cmocka_unit_test(a_big_set)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

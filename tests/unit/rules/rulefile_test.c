/* Rule files. tests/cases/rulefile/whole.yaml has every key there is; whole.txt is what it declares. mistakes.jsonl: each line is a test of
 * its own,
 * {"name", "text", "problems": ["LINE:COLUMN: PATH: message"]}, all problems of the text in order. The reference (rules/RULEFILES.md) is
 * read too: each key has its row, and each example holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "doc.h"
#include "os.h"
#include "rulefile.h"

enum { CASES_LEAST = 80, CASES_MOST = 1000 };

static struct arena cases; /* what the cases point into */
static struct CMUnitTest tests[CASES_MOST];
static size_t test_count;

static struct str load(const char *path) {
    static struct fault f;
    struct buf b;
    buf_init(&b, 0);
    if (os_read_file(path, 1 << 20, &b, &f)) fprintf(stderr, "%s\n", f.message), abort();
    struct str text = arena_str(&cases, buf_str(&b));
    buf_fini(&b);
    return text;
}

static struct rulefile read_text(struct str text, struct arena *a) {
    static struct fault f;
    struct rulefile file;
    arena_init(a, 0);
    if (rulefile_read(text, STR("/d"), STR("us-east-1"), a, &file, &f)) fail_msg("%s", f.message);
    return file;
}

static void write_problems(const struct problems *p, struct buf *out) {
    for (size_t i = 0; i < p->count; i++)
        buf_addf(out, "%d:%d: %.*s: %.*s\n", p->items[i].line, p->items[i].column, STR_ARG(p->items[i].path), STR_ARG(p->items[i].message));
}

static void same(const struct buf *got, struct str wanted) {
    if (!str_eq(buf_str(got), wanted)) fail_msg("got\n%.*s\nexpected\n%.*s", STR_ARG(buf_str(got)), STR_ARG(wanted));
}

/* ---- mistakes -------------------------------------------------------------------------------------------------------------------------
 */
static void run_mistake(void **state) {
    const struct node *c = *state;
    struct arena a;
    struct buf got, wanted;
    buf_init(&got, 0);
    buf_init(&wanted, 0);
    struct rulefile file = read_text(doc_get(c, STR("text"))->text, &a);
    write_problems(&file.problems, &got);
    for (const struct node *n = doc_get(c, STR("problems"))->child; n; n = n->next) buf_addf(&wanted, "%.*s\n", STR_ARG(n->text));
    assert_true(wanted.n > 0);
    assert_int_equal(file.problems.total, file.problems.count);
    same(&got, buf_str(&wanted));
    buf_fini(&got);
    buf_fini(&wanted);
    arena_fini(&a);
}

static bool add_mistakes(void) {
    struct str rest = load("tests/cases/rulefile/mistakes.jsonl"), line;
    while (str_cut(&rest, '\n', &line)) {
        struct node *c;
        if (!line.n) continue;
        if (test_count == CASES_MOST || doc_parse(&cases, line, &c, NULL)) return false;
        if (!doc_get(c, STR("name")) || !doc_get(c, STR("text")) || !doc_get(c, STR("problems"))) return false;
        struct str name = arena_str(&cases, doc_get(c, STR("name"))->text);
        tests[test_count++] = (struct CMUnitTest){.name = name.p, .test_func = run_mistake, .initial_state = c};
    }
    return test_count >= CASES_LEAST;
}

/* ---- what is right
 * -------------------------------------------------------------------------------------------------------------------------- */
static void the_whole_format_becomes_operations(void **state) {
    (void)state;
    struct arena a;
    struct buf got;
    buf_init(&got, 0);
    struct rulefile file = read_text(load("tests/cases/rulefile/whole.yaml"), &a);
    write_problems(&file.problems, &got);
    for (size_t i = 0; i < file.count; i++) {
        const struct declared *d = &file.items[i];
        buf_addf(&got, "%.*s %.*s [%.*s] %.*s\n  ", STR_ARG(d->account), STR_ARG(d->operation), STR_ARG(d->update), STR_ARG(d->what));
        buf_add(&got, d->request);
        buf_addc(&got, '\n');
    }
    same(&got, load("tests/cases/rulefile/whole.txt"));
    buf_fini(&got);
    arena_fini(&a);
}

static void nothing_declares_nothing(void **state) {
    (void)state;
    static const char *const texts[] = {"", "# nothing\n", "{}", "accounts:\n", "accounts: {}\n"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct arena a;
        struct rulefile file = read_text(str_from(texts[i]), &a);
        assert_int_equal(file.count, 0);
        assert_int_equal(file.problems.total, 0);
        arena_fini(&a);
    }
}

static void every_dead_letter_queue_comes_before_those_that_name_it(void **state) {
    (void)state;
    struct arena a;
    struct rulefile file =
        read_text(STR("accounts: {\"111122223333\": {queues: {a: {dead-letter: {queue: b, max-receives: 1}}, b: {dead-letter: {queue: c, "
                      "max-receives: 1}}, c: ,\n"
                      " r: {dead-letter: {queue: s, max-receives: 1}}, s: {dead-letter: {queue: r, max-receives: 1}}}}}"),
                  &a);
    static const char *const order[] = {"account", "queue c", "queue b", "queue a", "queue r", "queue s"};
    assert_int_equal(file.problems.total, 0);
    assert_int_equal(file.count, sizeof order / sizeof order[0]);
    for (size_t i = 0; i < file.count; i++)
        if (!str_starts(file.items[i].what, str_from(order[i]))) fail_msg("%zu is %.*s", i, STR_ARG(file.items[i].what));
    arena_fini(&a);
}

static void a_file_past_its_memory_is_refused(void **state) {
    (void)state;
    struct arena a;
    struct rulefile file;
    struct fault f;
    arena_init(&a, 20000);
    assert_int_equal(rulefile_read(load("tests/cases/rulefile/whole.yaml"), STR("/d"), STR("us-east-1"), &a, &file, &f), ERR_NOMEM);
    assert_string_equal(f.message, "the rule file takes too much memory");
    arena_fini(&a);
}

/* ---- the reference
 * ---------------------------------------------------------------------------------------------------------------------------- */
static struct str between(struct str text, const char *begin, const char *end) {
    const char *from = text.n ? memmem(text.p, text.n, begin, strlen(begin)) : NULL;
    if (!from) return STR_NULL;
    from += strlen(begin);
    size_t rest = (size_t)(text.p + text.n - from);
    const char *to = memmem(from, rest, end, strlen(end));
    return str_of(from, to ? (size_t)(to - from) : rest);
}

/* What stands around a key of the section. */
static const struct {
    const char *section, *before, *after;
} frames[] = {
    {"", "", "\n"},
    {"account", "accounts: {\"111122223333\": {\n", "\n}}\n"},
    {"key", "accounts: {\"111122223333\": {keys: [{\n", "\n}]}}\n"},
    {"bus", "accounts: {\"111122223333\": {buses: {b: {\n", "\n}}}}\n"},
    {"statement", "accounts: {\"111122223333\": {buses: {b: {policy: [{\n", "\n}]}}}}\n"},
    {"archive", "accounts: {\"111122223333\": {buses: {b: {archives: {a: {\n", "\n}}}}}}\n"},
    {"rule", "accounts: {\"111122223333\": {buses: {b: {rules: {r: {\n", "\n}}}}}}\n"},
    {"target", "accounts: {\"111122223333\": {buses: {b: {rules: {r: {schedule: rate(1 day), targets: {t: {\n", "\n}}}}}}}}\n"},
    {"transformer",
     "accounts: {\"111122223333\": {buses: {b: {rules: {r: {schedule: rate(1 day), targets: {t: {queue: q, input-transformer: {\n",
     "\n}}}}}}}}}\n"},
    {"retry", "accounts: {\"111122223333\": {buses: {b: {rules: {r: {schedule: rate(1 day), targets: {t: {queue: q, retry: {\n",
     "\n}}}}}}}}}\n"},
    {"stream", "accounts: {\"111122223333\": {streams: {s: {\n", "\n}}}}\n"},
    {"queue", "accounts: {\"111122223333\": {queues: {q: {\n", "\n}}}}\n"},
    {"redrive", "accounts: {\"111122223333\": {queues: {q: {dead-letter: {\n", "\n}}}}}\n"},
    {"function", "accounts: {\"111122223333\": {functions: {f: {\n", "\n}}}}\n"},
    {"topic", "accounts: {\"111122223333\": {topics: {t: {\n", "\n}}}}\n"},
    {"subscription", "accounts: {\"111122223333\": {topics: {t: {subscriptions: [{\n", "\n}]}}}}\n"},
    {"log", "accounts: {\"111122223333\": {logs: {l: {\n", "\n}}}}\n"},
    {"connection", "accounts: {\"111122223333\": {connections: {c: {\n", "\n}}}}\n"},
    {"basic", "accounts: {\"111122223333\": {connections: {c: {basic: {\n", "\n}}}}}\n"},
    {"api-key", "accounts: {\"111122223333\": {connections: {c: {api-key: {\n", "\n}}}}}\n"},
    {"oauth", "accounts: {\"111122223333\": {connections: {c: {oauth: {\n", "\n}}}}}\n"},
    {"parameter", "accounts: {\"111122223333\": {connections: {c: {basic: {username: u, password: p}, headers: {x: {\n", "\n}}}}}}\n"},
    {"api-destination", "accounts: {\"111122223333\": {api-destinations: {d: {\n", "\n}}}}\n"},
};

/* Does the example stand in its place without a word about the example? What is missing beside it is another's matter. */
static void example_holds(const struct rulefile_key *k, struct str example) {
    struct arena a;
    struct buf text;
    size_t i = 0;
    buf_init(&text, 0);
    while (i < sizeof frames / sizeof frames[0] && strcmp(frames[i].section, k->section) != 0) i++;
    if (i == sizeof frames / sizeof frames[0]) fail_msg("section %s has no frame", k->section);
    buf_addz(&text, frames[i].before);
    buf_add(&text, example);
    buf_addz(&text, frames[i].after);
    struct rulefile file = read_text(buf_str(&text), &a);
    char member[64], inside[64], item[64];
    snprintf(member, sizeof member, ".%s", k->key);
    snprintf(inside, sizeof inside, ".%s.", k->key);
    snprintf(item, sizeof item, ".%s[", k->key);
    for (size_t p = 0; p < file.problems.count; p++) {
        const struct problem *problem = &file.problems.items[p];
        bool of_example = !problem->path.n || str_ends(problem->path, str_from(member)) || between(problem->path, inside, "").p ||
                          between(problem->path, item, "").p;
        if (of_example && !memmem(problem->message.p, problem->message.n, "FIFO", 4))
            fail_msg("%.*s: %.*s: %.*s", STR_ARG(example), STR_ARG(problem->path), STR_ARG(problem->message));
    }
    buf_fini(&text);
    arena_fini(&a);
}

static void the_reference_has_every_key_with_an_example_that_holds(void **state) {
    (void)state;
    struct str reference = load("rules/RULEFILES.md");
    for (const struct rulefile_key *k = rulefile_keys; k->section; k++) {
        char begin[80];
        snprintf(begin, sizeof begin, "\n## %s\n", *k->section ? k->section : "The file");
        struct str section = between(reference, begin, "\n## ");
        snprintf(begin, sizeof begin, "\n| `%s` |", k->key);
        struct str row = between(section, begin, "\n"), piece, example = STR_NULL;
        if (!row.n) fail_msg("%s of section '%s' is not in the reference", k->key, k->section);
        int columns = 0;
        for (struct str rest = row; str_cut(&rest, '|', &piece); columns++)
            if (piece.n > 3) example = piece;
        assert_int_equal(columns, 5);
        assert_true(str_starts(example, STR(" `")) && str_ends(example, STR("` ")));
        example = str_of(example.p + 2, example.n - 4);
        assert_true(str_starts(example, str_from(k->key)));
        example_holds(k, example);
    }
}

static void the_references_file_is_right(void **state) {
    (void)state;
    struct arena a;
    struct buf got;
    buf_init(&got, 0);
    struct str text = between(load("rules/RULEFILES.md"), "```yaml\n", "```");
    assert_true(text.n > 500);
    struct rulefile file = read_text(text, &a);
    write_problems(&file.problems, &got);
    same(&got, STR(""));
    assert_true(file.count >= 10);
    buf_fini(&got);
    arena_fini(&a);
}

static void every_key_is_in_the_whole_file(void **state) {
    (void)state;
    struct str text = load("tests/cases/rulefile/whole.yaml");
    for (const struct rulefile_key *k = rulefile_keys; k->section; k++) {
        char key[64];
        snprintf(key, sizeof key, "%s:", k->key);
        if (!between(text, key, "\n").p) fail_msg("%s", key);
    }
}

int main(void) {
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(the_whole_format_becomes_operations),
        cmocka_unit_test(every_key_is_in_the_whole_file),
        cmocka_unit_test(nothing_declares_nothing),
        cmocka_unit_test(every_dead_letter_queue_comes_before_those_that_name_it),
        cmocka_unit_test(a_file_past_its_memory_is_refused),
        cmocka_unit_test(the_reference_has_every_key_with_an_example_that_holds),
        cmocka_unit_test(the_references_file_is_right),
    };
    arena_init(&cases, 0);
    if (!add_mistakes()) {
        fprintf(stderr, "tests/cases/rulefile/mistakes.jsonl: not all cases, or too few (%zu)\n", test_count);
        return 1;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) tests[test_count++] = plain[i];
    int failed = _cmocka_run_group_tests("rules/rulefile", tests, test_count, NULL, NULL);
    arena_fini(&cases);
    return failed;
}

/* Templates. tests/cases/template/cases.jsonl: each line is a test of its own, {"name", "text", "expect": [...]}: what reading the text
 * gives, a line each, in order: problem LINE:COLUMN: PATH: message     warning LINE:COLUMN: PATH: message output NAME=VALUE OPERATION
 * [UPDATE] what REQUEST whole.yaml has every property there is; whole.txt is what it declares. tests/cases/broken has files that are wrong,
 * as people break them: NAME.yaml or NAME.json, and NAME.expect with every problem and warning, as `busctl validate` writes them behind the
 * file's name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "doc.h"
#include "os.h"
#include "template.h"

enum { CASES_LEAST = 150, CASES_MOST = 2000 };

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

static struct rulefile read_as(struct str text, struct rulefile_parameter *parameters, size_t count, struct arena *a) {
    static struct fault f;
    struct rulefile file;
    struct rulefile_options options = {.dir = STR("/d"),
                                       .region = STR("us-east-1"),
                                       .account = STR("111122223333"),
                                       .stack = STR("shop"),
                                       .parameters = parameters,
                                       .parameter_count = count};
    arena_init(a, 0);
    if (rulefile_read_as(text, &options, a, &file, &f)) fail_msg("%s", f.message);
    return file;
}

static void write_problems(const char *before, const char *kind, const struct problems *p, struct buf *out) {
    for (size_t i = 0; i < p->count; i++)
        buf_addf(out, "%s%d:%d: %.*s%s%s%.*s\n", before, p->items[i].line, p->items[i].column, STR_ARG(p->items[i].path),
                 p->items[i].path.n ? ": " : "", kind, STR_ARG(p->items[i].message));
}

static void write_all(const struct rulefile *file, struct buf *out) {
    write_problems("problem ", "", &file->problems, out);
    write_problems("warning ", "", &file->warnings, out);
    for (size_t i = 0; i < file->output_count; i++)
        buf_addf(out, "output %.*s=%.*s\n", STR_ARG(file->outputs[i].name), STR_ARG(file->outputs[i].value));
    for (size_t i = 0; i < file->count && !file->problems.total; i++) {
        const struct declared *d = &file->items[i];
        buf_addf(out, "%.*s [%.*s] %.*s ", STR_ARG(d->operation), STR_ARG(d->update), STR_ARG(d->what));
        buf_add(out, d->request);
        buf_addc(out, '\n');
    }
}

static void same(const struct buf *got, struct str wanted) {
    if (!str_eq(buf_str(got), wanted)) fail_msg("got\n%.*s\nexpected\n%.*s", STR_ARG(buf_str(got)), STR_ARG(wanted));
}

/* ---- cases ----------------------------------------------------------------------------------------------- */
static void run_case(void **state) {
    const struct node *c = *state, *given = doc_get(c, STR("parameters"));
    struct rulefile_parameter parameters[8];
    size_t count = 0;
    struct arena a;
    struct buf got, wanted;
    buf_init(&got, 0);
    buf_init(&wanted, 0);
    for (const struct node *n = given ? given->child : NULL; n && count < 8; n = n->next)
        parameters[count++] = (struct rulefile_parameter){n->key, n->text, false};
    struct rulefile file = read_as(doc_get(c, STR("text"))->text, parameters, count, &a);
    write_all(&file, &got);
    for (const struct node *n = doc_get(c, STR("expect"))->child; n; n = n->next) buf_addf(&wanted, "%.*s\n", STR_ARG(n->text));
    assert_true(file.is_template);
    same(&got, buf_str(&wanted));
    for (size_t i = 0; i < count; i++) assert_true(parameters[i].used);
    buf_fini(&got);
    buf_fini(&wanted);
    arena_fini(&a);
}

static bool add_cases(void) {
    struct str rest = load("tests/cases/template/cases.jsonl"), line;
    while (str_cut(&rest, '\n', &line)) {
        struct node *c;
        if (!line.n) continue;
        if (test_count == CASES_MOST || doc_parse(&cases, line, &c, NULL)) return false;
        if (!doc_get(c, STR("name")) || !doc_get(c, STR("text")) || !doc_get(c, STR("expect"))) return false;
        struct str name = arena_str(&cases, doc_get(c, STR("name"))->text);
        tests[test_count++] = (struct CMUnitTest){.name = name.p, .test_func = run_case, .initial_state = c};
    }
    return true;
}

/* ---- broken files ---------------------------------------------------------------------------------------- */
static void run_broken(void **state) {
    const char *path = *state;
    struct arena a;
    struct buf got;
    char expect[512];
    buf_init(&got, 0);
    const char *dot = strrchr(path, '.');
    snprintf(expect, sizeof expect, "%.*s.expect", (int)(dot - path), path);
    struct rulefile file = read_as(load(path), NULL, 0, &a);
    write_problems("", "", &file.problems, &got);
    write_problems("", "warning: ", &file.warnings, &got);
    assert_true(file.problems.total > 0);
    same(&got, load(expect));
    buf_fini(&got);
    arena_fini(&a);
}

static enum err add_broken(void *ctx, const char *path) {
    (void)ctx;
    struct str name = arena_str(&cases, str_from(path));
    if (test_count < CASES_MOST)
        tests[test_count++] = (struct CMUnitTest){.name = name.p, .test_func = run_broken, .initial_state = (void *)name.p};
    return ERR_OK;
}

/* ---- the whole format ------------------------------------------------------------------------------------ */
static void the_whole_template_becomes_operations(void **state) {
    (void)state;
    struct arena a;
    struct buf got;
    buf_init(&got, 0);
    struct rulefile file = read_as(load("tests/cases/template/whole.yaml"), NULL, 0, &a);
    write_all(&file, &got);
    same(&got, load("tests/cases/template/whole.txt"));
    buf_fini(&got);
    arena_fini(&a);
}

static bool holds(struct str text, const char *words) { return memmem(text.p, text.n, words, strlen(words)) != NULL; }

static void every_property_is_in_the_whole_template(void **state) {
    (void)state;
    enum { NOTED, TEXT, NUMBER, NUMBER_TEXT, FLAG, FLAG_TEXT, DOCUMENT, ANY, SECTION, SECTIONS, SECTION_TEXT, TEXTS, TEXT_MAP, TAGS };
    static const struct {
        const char *section, *key;
        int kind, required;
        const char *sub;
        long long least, most;
    } properties[] = {
#define P(section, key, kind) {section, key, kind, 0, NULL, 0, 0},
#define R(section, key, kind) {section, key, kind, 1, NULL, 0, 0},
#define N(section, key, kind, least, most) {section, key, kind, 0, NULL, least, most},
#define S(section, key, kind, sub) {section, key, kind, 0, sub, 0, 0},
#include "template_properties.def"
#undef P
#undef R
#undef N
#undef S
    };
    struct str text = load("tests/cases/template/whole.yaml");
    for (size_t i = 0; i < sizeof properties / sizeof properties[0]; i++) {
        char key[80];
        snprintf(key, sizeof key, "%s:", properties[i].key);
        if (!holds(text, key)) fail_msg("%s of %s", key, properties[i].section);
    }
}

/* What the reference names a type of, with its attributes, is one. */
static void the_reference_has_the_types_that_there_are(void **state) {
    (void)state;
    struct str rest = load("rules/RULEFILES.md"), line;
    size_t types = 0;
    while (str_cut(&rest, '\n', &line)) {
        if (!str_starts(line, STR("| `AWS::"))) continue;
        for (size_t at = str_find(line, '`', 0); at < line.n; at = str_find(line, '`', at + 1)) {
            size_t end = str_find(line, '`', at + 1);
            struct str type = str_of(line.p + at + 1, end - at - 1);
            at = end;
            if (!str_starts(type, STR("AWS::")) || end >= line.n) continue;
            struct arena a;
            struct buf text;
            buf_init(&text, 0);
            buf_addf(&text, "Resources: {X: {Type: %.*s}}\n", STR_ARG(type));
            struct rulefile file = read_as(buf_str(&text), NULL, 0, &a);
            for (size_t i = 0; i < file.warnings.count; i++)
                if (holds(file.warnings.items[i].message, "means nothing")) fail_msg("%.*s", STR_ARG(type));
            types++;
            buf_fini(&text);
            arena_fini(&a);
        }
    }
    assert_int_equal(types, 16);
}

static void json_and_yaml_say_the_same(void **state) {
    (void)state;
    struct arena a, b;
    struct buf yaml, json;
    struct rulefile one = read_as(STR("Resources: {Q: {Type: AWS::SQS::Queue, Properties: {DelaySeconds: 5, Tags: []}}}"), NULL, 0, &a);
    struct rulefile other =
        read_as(STR("{\"Resources\":{\"Q\":{\"Type\":\"AWS::SQS::Queue\",\"Properties\":{\"DelaySeconds\":5,\"Tags\":[]}}}}"), NULL, 0, &b);
    buf_init(&yaml, 0);
    buf_init(&json, 0);
    write_all(&one, &yaml);
    write_all(&other, &json);
    assert_true(yaml.n > 20);
    same(&json, buf_str(&yaml));
    buf_fini(&yaml);
    buf_fini(&json);
    arena_fini(&a);
    arena_fini(&b);
}

static void templates_are_told_from_rule_files(void **state) {
    (void)state;
    static const char *const templates[] = {
        "Resources: {}",        "Description: x\nResources:\n",           "{\"Description\": \"x\", \"Resources\": {}}",
        "Transform: x\n",       "AWSTemplateFormatVersion: 2010-09-09\n", "Parameters: {A: {B: [accounts, 1]}}\nResources: {}",
        "Parameters:\n  A: [\n"};
    static const char *const others[] = {"",
                                         "accounts: {}",
                                         "{accounts: {Resources: {}}}",
                                         "- Resources",
                                         "Resources",
                                         "x: {Resources: 1}",
                                         "Description: x\n",
                                         "x: Resources\n",
                                         "[{Resources: {}}]",
                                         "accounts: [\n"};
    for (size_t i = 0; i < sizeof templates / sizeof templates[0]; i++)
        if (!template_is(str_from(templates[i]))) fail_msg("%s", templates[i]);
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (template_is(str_from(others[i]))) fail_msg("%s", others[i]);
}

static void stacks_are_named_by_their_files(void **state) {
    (void)state;
    static const char *const names[][2] = {{"/etc/bus/orders.yaml", "orders"},
                                           {"orders", "orders"},
                                           {"a.b_c.json", "a-b-c"},
                                           {"./1.yaml", "stack-1"},
                                           {".yaml", "stack--yaml"}};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct str name = rulefile_stack_name(str_from(names[i][0]), &cases);
        if (!str_eqz(name, names[i][1])) fail_msg("%s gives %.*s", names[i][0], STR_ARG(name));
    }
}

static void arguments_are_split(void **state) {
    (void)state;
    const char *path;
    struct rulefile_parameter p;
    struct fault f;
    assert_true(str_eqz(rulefile_split_path("111122223333=a=b.yaml", &path), "111122223333"));
    assert_string_equal(path, "a=b.yaml");
    assert_null(rulefile_split_path("dir=x/a.yaml", &path).p);
    assert_string_equal(path, "dir=x/a.yaml");
    assert_int_equal(rulefile_parameter_parse("A=b=c", &p, &f), ERR_OK);
    assert_true(str_eqz(p.key, "A") && str_eqz(p.value, "b=c"));
    assert_int_equal(rulefile_parameter_parse("=x", &p, &f), ERR_USAGE);
    assert_int_equal(rulefile_parameter_parse("x", &p, &f), ERR_USAGE);
}

static void a_template_past_its_memory_is_refused_with_a_place(void **state) {
    (void)state;
    struct str text = load("tests/cases/template/whole.yaml");
    struct rulefile_options options = {.dir = STR("/d"), .region = STR("us-east-1"), .account = STR("111122223333"), .stack = STR("shop")};
    bool done = false;
    for (size_t bytes = 12000; !done; bytes += 4001) {
        struct arena a;
        struct rulefile file;
        struct fault f;
        arena_init(&a, bytes);
        enum err err = rulefile_read_as(text, &options, &a, &file, &f);
        done = !err;
        if (err) assert_int_equal(err, ERR_NOMEM);
        if (err) assert_true(f.line >= 1 && f.column >= 1);
        arena_fini(&a);
    }
}

int main(void) {
    static const struct CMUnitTest plain[] = {
        cmocka_unit_test(the_whole_template_becomes_operations),
        cmocka_unit_test(every_property_is_in_the_whole_template),
        cmocka_unit_test(the_reference_has_the_types_that_there_are),
        cmocka_unit_test(json_and_yaml_say_the_same),
        cmocka_unit_test(templates_are_told_from_rule_files),
        cmocka_unit_test(stacks_are_named_by_their_files),
        cmocka_unit_test(arguments_are_split),
        cmocka_unit_test(a_template_past_its_memory_is_refused_with_a_place),
    };
    static const char *const suffixes[] = {".yaml", ".json", NULL};
    struct fault f;
    arena_init(&cases, 0);
    if (!add_cases() || os_each_file("tests/cases/broken", suffixes, add_broken, NULL, &f) || test_count < CASES_LEAST) {
        fprintf(stderr, "tests/cases/template, tests/cases/broken: not all cases, or too few (%zu)\n", test_count);
        return 1;
    }
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) tests[test_count++] = plain[i];
    int failed = _cmocka_run_group_tests("rules/template", tests, test_count, NULL, NULL);
    arena_fini(&cases);
    return failed;
}

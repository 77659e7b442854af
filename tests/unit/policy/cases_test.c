/* Runs tests/cases/policy: each line is a test of its own. A line is {"name", "policy", "request": {"account", "arn", "service", "action",
 * "resource", "keys": {name: [values]}}, "verdict": "allow" | "deny" | "silent"}, or {"name", "policy" or "text", "error", "where", "line",
 * "column"} with the whole message of the refusal. "kind": "identity" reads the document as an access key's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>
#include <jansson.h>

#include "evaluate.h"
#include "os.h"

enum { CASES_LEAST = 200, CASES_MOST = 2000, KEYS_MOST = 8, VALUES_MOST = 8 };

static struct CMUnitTest tests[CASES_MOST];
static size_t test_count;

static struct str text_of(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return v ? str_of(json_string_value(v), json_string_length(v)) : STR_NULL;
}

static enum policy_kind kind_of(const json_t *c) { return json_object_get(c, "kind") ? POLICY_IDENTITY : POLICY_RESOURCE; }

/* The document's text: freed with free(). */
static char *document_of(const json_t *c) {
    const char *text = json_string_value(json_object_get(c, "text"));
    char *copy = text ? strdup(text) : json_dumps(json_object_get(c, "policy"), JSON_COMPACT);
    assert_non_null(copy);
    return copy;
}

static void check_verdict(const json_t *c, const char *document) {
    static const char *const names[] = {[POLICY_SILENT] = "silent", [POLICY_ALLOW] = "allow", [POLICY_DENY] = "deny"};
    struct str values[KEYS_MOST][VALUES_MOST];
    struct policy_key keys[KEYS_MOST];
    const json_t *r = json_object_get(c, "request");
    struct policy_request request = {.principal_account = text_of(r, "account"),
                                     .principal_arn = text_of(r, "arn"),
                                     .service = text_of(r, "service"),
                                     .action = text_of(r, "action"),
                                     .resource = text_of(r, "resource"),
                                     .keys = keys};
    const char *name;
    json_t *list, *value;
    json_object_foreach(json_object_get(r, "keys"), name, list) {
        size_t i;
        assert_true(request.key_count < KEYS_MOST && json_array_size(list) <= VALUES_MOST);
        json_array_foreach(list, i, value) values[request.key_count][i] = str_of(json_string_value(value), json_string_length(value));
        keys[request.key_count] = (struct policy_key){str_from(name), values[request.key_count], json_array_size(list)};
        request.key_count++;
    }
    struct policy *p;
    static struct fault f;
    if (policy_parse(str_from(document), kind_of(c), &p, &f)) fail_msg("refused: %s", f.message);
    enum policy_verdict verdict = policy_eval(p, &request);
    policy_free(p);
    assert_string_equal(names[verdict], json_string_value(json_object_get(c, "verdict")));
}

static void check_error(const json_t *c, const char *document) {
    struct policy *p;
    static struct fault f;
    enum err err = policy_parse(str_from(document), kind_of(c), &p, &f);
    policy_free(p);
    assert_int_equal(err, ERR_VALIDATION);
    assert_null(p);
    assert_int_equal(f.code, ERR_VALIDATION);
    assert_string_equal(f.message, json_string_value(json_object_get(c, "error")));
    assert_string_equal(f.where, json_string_value(json_object_get(c, "where")));
    assert_int_equal(f.line, json_integer_value(json_object_get(c, "line")));
    assert_int_equal(f.column, json_integer_value(json_object_get(c, "column")));
}

static void run_case(void **state) {
    const json_t *c = *state;
    char *document = document_of(c);
    if (json_object_get(c, "error"))
        check_error(c, document);
    else
        check_verdict(c, document);
    free(document);
}

static bool is_case(const json_t *c) {
    bool verdict = json_object_get(c, "verdict") && json_object_get(c, "request"),
         error = json_object_get(c, "error") && json_object_get(c, "where");
    return json_object_get(c, "name") && verdict != error && (!json_object_get(c, "policy") != !json_object_get(c, "text"));
}

static enum err add_file(void *ctx, const char *path) {
    struct fault *f = ctx;
    struct buf b;
    buf_init(&b, 0);
    enum err err = os_read_file(path, 16 << 20, &b, f);
    struct str rest = buf_str(&b), line;
    for (int number = 1; !err && str_cut(&rest, '\n', &line); number++) {
        if (!line.n) continue;
        json_t *c = json_loadb(line.p, line.n, JSON_REJECT_DUPLICATES, NULL); /* stays to the end of the process */
        if (!c || !is_case(c) || test_count == CASES_MOST)
            err = fault_at(f, ERR_SYNTAX, path, number, 0, "not a case, or too many");
        else
            tests[test_count++] =
                (struct CMUnitTest){.name = json_string_value(json_object_get(c, "name")), .test_func = run_case, .initial_state = c};
    }
    buf_fini(&b);
    return err;
}

int main(void) {
    static const char *const suffixes[] = {".jsonl", NULL};
    static struct fault f;
    if (os_each_file("tests/cases/policy", suffixes, add_file, &f, &f) || test_count < CASES_LEAST) {
        fprintf(stderr, "%s:%d: %s (%zu cases)\n", f.where, f.line, f.message, test_count);
        return 1;
    }
    int failed = _cmocka_run_group_tests("policy/cases", tests, test_count, NULL, NULL);
    for (size_t i = 0; i < test_count; i++) json_decref(tests[i].initial_state);
    return failed;
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "path.h"

#define EVENT                                                                                                                              \
    "{\"detail-type\":\"T\",\"resources\":[\"a\",\"b\"],\"a_b\":1,\"d\":{\"items\":[{\"sku\":\"x\",\"q\":[1,2]},{\"sku\":\"y\"},{\"no\":"  \
    "0}],"                                                                                                                                 \
    "\"o\":{\"k\":\"v\"},\"nil\":null,\"f\":1.50,\"k\":1,\"k\":2,\"\xC3\xA9\":\"e\",\"none\":[],\"0\":\"zero\"}}"

static const struct {
    const char *path, *value, *first; /* NULL: not there */
} rows[] = {
    {"$", EVENT, EVENT},
    {"$.detail-type", "\"T\"", "\"T\""},
    {"$.a_b", "1", "1"},
    {"$.resources", "[\"a\",\"b\"]", "[\"a\",\"b\"]"},
    {"$.resources[0]", "\"a\"", "\"a\""},
    {"$.resources[1]", "\"b\"", "\"b\""},
    {"$.resources[2]", NULL, NULL},
    {"$.resources[99999999999]", NULL, NULL},
    {"$.resources[*]", "[\"a\",\"b\"]", "\"a\""},
    {"$.resources.*", "[\"a\",\"b\"]", "\"a\""},
    {"$.d.items[0].sku", "\"x\"", "\"x\""},
    {"$.d.items[0].q[1]", "2", "2"},
    {"$.d.items[1].q", NULL, NULL},
    {"$.d.items[*].sku", "[\"x\",\"y\"]", "\"x\""},
    {"$.d.items[*].q[*]", "[1,2]", "1"},
    {"$.d.items[*].q", "[[1,2]]", "[1,2]"},
    {"$.d.items.sku", NULL, NULL}, /* an array has no members */
    {"$.d.o", "{\"k\":\"v\"}", "{\"k\":\"v\"}"},
    {"$.d.o.*", "[\"v\"]", "\"v\""},
    {"$.d.o[0]", NULL, NULL}, /* an object has no indices */
    {"$.d.o.k.x", NULL, NULL},
    {"$.d.nil", "null", "null"},
    {"$.d.nil.*", "[]", NULL},
    {"$.d.f", "1.50", "1.50"}, /* numbers keep their text */
    {"$.d.k", "2", "2"},       /* of two members the last one wins */
    {"$.d.\xC3\xA9", "\"e\"", "\"e\""},
    {"$.d.0", "\"zero\"", "\"zero\""},
    {"$.d.none", "[]", "[]"},
    {"$.d.none[*]", "[]", NULL},
    {"$.missing", NULL, NULL},
    {"$.missing[*].x", "[]", NULL},
    {"$[0]", NULL, NULL},
};

static void paths_find_what_is_there(void **state) {
    (void)state;
    struct arena a;
    struct node *root;
    arena_init(&a, 0);
    assert_int_equal(doc_parse(&a, STR(EVENT), &root, NULL), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct path *p;
        struct fault f;
        if (path_parse(str_from(rows[i].path), &p, &f)) fail_msg("%s", f.message);
        const struct node *found[] = {path_eval(p, root, &a), path_first(p, root)};
        const char *const wanted[] = {rows[i].value, rows[i].first};
        for (int k = 0; k < 2; k++) {
            struct buf out;
            buf_init(&out, 0);
            if (found[k]) doc_minify(&out, found[k]);
            if (!found[k] != !wanted[k] || (wanted[k] && !str_eqz(buf_str(&out), wanted[k])))
                fail_msg("%s: %s is %.*s, expected %s", rows[i].path, k ? "the first" : "the value", STR_ARG(buf_str(&out)),
                         wanted[k] ? wanted[k] : "nothing");
            buf_fini(&out);
        }
        path_free(p);
    }
    arena_fini(&a);
}

static void everything_else_is_refused_at_its_character(void **state) {
    (void)state;
    static const struct {
        const char *path, *message;
    } bad[] = {
        {"", "'' is not a path: at character 1 '$' is expected"},
        {"detail", "'detail' is not a path: at character 1 '$' is expected"},
        {".detail", "'.detail' is not a path: at character 1 '$' is expected"},
        {"$detail", "'$detail' is not a path: at character 2 '.' or '[' is expected"},
        {"$ ", "'$ ' is not a path: at character 2 '.' or '[' is expected"},
        {"$.", "'$.' is not a path: at character 3 a name is expected (letters, digits, '_' and '-')"},
        {"$..a", "'$..a' is not a path: at character 3 a name is expected (letters, digits, '_' and '-')"},
        {"$.a.", "'$.a.' is not a path: at character 5 a name is expected (letters, digits, '_' and '-')"},
        {"$.a b", "'$.a b' is not a path: at character 4 '.' or '[' is expected"},
        {"$.a*", "'$.a*' is not a path: at character 4 '.' or '[' is expected"},
        {"$.**", "'$.**' is not a path: at character 4 '.' or '[' is expected"},
        {"$[", "'$[' is not a path: at character 2 '[' is not closed by ']'"},
        {"$.a[0", "'$.a[0' is not a path: at character 4 '[' is not closed by ']'"},
        {"$[]", "'$[]' is not a path: at character 3 an index (0, 1, 2...) or * is expected"},
        {"$[-1]", "'$[-1]' is not a path: at character 3 an index (0, 1, 2...) or * is expected"},
        {"$['a']", "'$['a']' is not a path: at character 3 an index (0, 1, 2...) or * is expected"},
        {"$[0:2]", "'$[0:2]' is not a path: at character 3 an index (0, 1, 2...) or * is expected"},
        {"$[?(@.a)]", "'$[?(@.a)]' is not a path: at character 3 an index (0, 1, 2...) or * is expected"},
        {"$[99999999999999999999]", "'$[99999999999999999999]' is not a path: at character 3 an index (0, 1, 2...) or * is expected"},
        {"$[0]a", "'$[0]a' is not a path: at character 5 '.' or '[' is expected"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct path *p;
        struct fault f;
        assert_int_equal(path_parse(str_from(bad[i].path), &p, &f), ERR_VALIDATION);
        assert_null(p);
        assert_string_equal(f.message, bad[i].message);
    }
    path_free(NULL);
}

static void sixty_four_steps_and_no_more(void **state) {
    (void)state;
    char text[1 + 2 * (PATH_STEPS_MAX + 1)] = "$";
    struct path *p;
    struct fault f;
    for (int i = 0; i <= PATH_STEPS_MAX; i++) memcpy(text + 1 + 2 * i, ".a", 2);
    assert_int_equal(path_parse(str_of(text, 1 + 2 * PATH_STEPS_MAX), &p, &f), ERR_OK);
    path_free(p);
    assert_int_equal(path_parse(str_of(text, sizeof text), &p, &f), ERR_VALIDATION);
    assert_non_null(strstr(f.message, "at character 130 the path has more than 64 steps"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_find_what_is_there),
        cmocka_unit_test(everything_else_is_refused_at_its_character),
        cmocka_unit_test(sixty_four_steps_and_no_more),
    };
    return cmocka_run_group_tests_name("rules/path", tests, NULL, NULL);
}

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "parameters.h"

#define EVENT                                                                                                                              \
    "{\"id\":\"i\",\"detail\":{\"s\":\"a \\\"b\\\"\\n\",\"n\":1.50,\"t\":true,\"o\":{ \"x\" : [1, 2] "                                     \
    "},\"z\":null,\"l\":[{\"v\":1},{\"v\":\"w\"}]}}"

static struct arena arena;
static struct fault fault;
static int start(void **state) {
    (void)state;
    arena_init(&arena, 0);
    return 0;
}
static int end(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}

static enum err make(const char *json, struct parameters **p) {
    struct node *root;
    assert_int_equal(doc_parse(&arena, str_from(json), &root, NULL), ERR_OK);
    return parameters_new(root, STR("t"), &arena, p, &fault);
}

static void fills(const char *http, const char *expected) {
    struct parameters *p;
    struct node *event;
    assert_int_equal(make(http, &p), ERR_OK);
    assert_int_equal(doc_parse(&arena, STR(EVENT), &event, NULL), ERR_OK);
    struct str got = parameters_fill(p, event, &arena);
    if (!str_eqz(got, expected)) fail_msg("%.*s", STR_ARG(got));
    parameters_free(p);
}

static void values_of_the_event_take_the_places_of_paths(void **state) {
    (void)state;
    fills("{\"PathParameterValues\":[\"$.detail.s\",\"fixed\",\"$.detail.n\",\"$.detail.none\"]}",
          "{\"path\":[\"a \\\"b\\\"\\n\",\"fixed\",\"1.50\",\"\"]}");
    fills("{\"HeaderParameters\":{\"a\":\"$.detail.t\",\"b\":\"$.detail.o\",\"c\":\"$.detail.z\"},\"QueryStringParameters\":{\"l\":\"$."
          "detail.l[*].v\",\"p\":\"$5\"}}",
          "{\"headers\":{\"a\":\"true\",\"b\":\"{\\\"x\\\":[1,2]}\",\"c\":\"\"},\"query\":{\"l\":\"[1,\\\"w\\\"]\",\"p\":\"$5\"}}");
    fills("{\"PathParameterValues\":[]}", "{}");
}

static void there_may_be_none(void **state) {
    (void)state;
    struct parameters *p;
    assert_int_equal(parameters_new(NULL, STR("t"), &arena, &p, &fault), ERR_OK);
    assert_null(p);
    assert_int_equal(make("{}", &p), ERR_OK);
    assert_null(p);
    parameters_free(NULL);
}

static void what_is_no_path_is_refused_with_its_place(void **state) {
    (void)state;
    struct parameters *p;
    assert_int_equal(make("{\"PathParameterValues\":[\"$.ok\"],\"QueryStringParameters\":{\"l\":\"$.x[\"}}", &p), ERR_VALIDATION);
    assert_non_null(strstr(fault.message, "Parameter HttpParameters.QueryStringParameters of target t is not valid. Reason: '$.x[': "));
    assert_null(p);
}

int main(void) {
#define T(f) cmocka_unit_test_setup_teardown(f, start, end)
    const struct CMUnitTest tests[] = {T(values_of_the_event_take_the_places_of_paths), T(there_may_be_none),
                                       T(what_is_no_path_is_refused_with_its_place)};
    return cmocka_run_group_tests_name("flow/parameters", tests, NULL, NULL);
}

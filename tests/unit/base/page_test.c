/* Tokens of pages: what goes in comes out, for the same request only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "hash.h"
#include "page.h"

struct listing {
    struct str prefix, next_token;
    struct opt_i64 limit;
};
static const struct shape text = {.type = SHAPE_STRING}, number = {.type = SHAPE_INTEGER};
static const struct member members[] = {MEMBER(struct listing, prefix, "NamePrefix", &text, OPTIONAL, ""),
                                        MEMBER(struct listing, next_token, "NextToken", &text, OPTIONAL, ""),
                                        MEMBER(struct listing, limit, "Limit", &number, OPTIONAL, ""), MEMBER_END};
static const struct shape shape = {.type = SHAPE_STRUCT, .size = sizeof(struct listing), .members = members};
static const struct operation list_rules = {.service = "events", .name = "ListRules", .in = &shape},
                              list_buses = {.service = "events", .name = "ListEventBuses", .in = &shape};

struct asked {
    struct arena arena;
    struct listing in;
    struct call call;
};

static struct call *ask(struct asked *a, const struct operation *op, const char *account, const char *prefix, int64_t limit, struct str token) {
    arena_init(&a->arena, 0);
    a->in = (struct listing){str_from(prefix), token, {limit > 0, limit}};
    a->call = (struct call){.operation = op, .account = str_from(account), .arena = &a->arena, .in = &a->in};
    return &a->call;
}

#define A1 "111111111111"
static void a_place_comes_back_for_the_same_request(void **state) {
    (void)state;
    static const struct str places[] = {{"r1", 2}, {"", 0}, {"a\0b/ü", 7}};
    for (size_t i = 0; i < 3; i++) {
        struct asked one, two;
        struct str after, token = page_end(ask(&one, &list_rules, A1, "r", 3, STR_NULL), true, places[i]);
        assert_non_null(token.p);
        assert_int_equal(page_begin(ask(&two, &list_rules, A1, "r", 50, token), token, &after), ERR_OK); /* another limit is no other request */
        assert_true(after.p && str_eq(after, places[i]));
        arena_fini(&one.arena);
        arena_fini(&two.arena);
    }
}

static void no_token_is_the_start_and_no_more_is_no_token(void **state) {
    (void)state;
    struct asked a;
    struct str after = STR("x");
    assert_int_equal(page_begin(ask(&a, &list_rules, A1, "r", 0, STR_NULL), STR_NULL, &after), ERR_OK);
    assert_null(after.p);
    assert_null(page_end(&a.call, false, STR("r1")).p);
    arena_fini(&a.arena);
}

static void refused(const struct operation *op, const char *account, const char *prefix, struct str token) {
    struct asked a;
    struct str after;
    assert_int_equal(page_begin(ask(&a, op, account, prefix, 0, token), token, &after), ERR_VALIDATION);
    assert_string_equal(a.call.fault.message, "Parameter NextToken is not valid.");
    assert_string_equal(a.call.fault.where, "nextToken");
    assert_null(after.p);
    arena_fini(&a.arena);
}

static void a_token_of_another_request_is_refused(void **state) {
    (void)state;
    struct asked a;
    struct str token = page_end(ask(&a, &list_rules, A1, "r", 3, STR_NULL), true, STR("r1"));
    refused(&list_buses, A1, "r", token);
    refused(&list_rules, "222222222222", "r", token);
    refused(&list_rules, A1, "q", token);
    refused(&list_rules, A1, NULL, token);
    arena_fini(&a.arena);
}

static void what_was_not_made_here_is_refused(void **state) {
    (void)state;
    struct asked a;
    struct str token = page_end(ask(&a, &list_rules, A1, "r", 3, STR_NULL), true, STR("r1"));
    for (size_t i = 0; i < token.n; i++) { /* every character counts */
        char changed[128];
        assert_true(str_copyz(changed, sizeof changed, token));
        changed[i] = changed[i] == 'A' ? 'B' : 'A';
        refused(&list_rules, A1, "r", str_from(changed));
        refused(&list_rules, A1, "r", str_of(token.p, i));
    }
    refused(&list_rules, A1, "r", STR("nonsense"));
    refused(&list_rules, A1, "r", STR("MTpyMQ==")); /* the form of version 1: base64 of 1:r1 */
    arena_fini(&a.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_place_comes_back_for_the_same_request),
        cmocka_unit_test(no_token_is_the_start_and_no_more_is_no_token),
        cmocka_unit_test(a_token_of_another_request_is_refused),
        cmocka_unit_test(what_was_not_made_here_is_refused),
    };
    return cmocka_run_group_tests_name("base/page", tests, NULL, NULL);
}

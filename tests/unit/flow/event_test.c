#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "clock.h"
#include "event.h"

#define ID "0f8fad5b-d9cb-469f-a165-70867728950e"

struct made {
    struct arena arena;
    struct settings settings;
    struct event event;
    struct fault fault;
    struct entry entry;
};

static void made_init(struct made *m) {
    arena_init(&m->arena, 0);
    settings_default(&m->settings);
    fault_clear(&m->fault);
    m->entry = (struct entry){.has_id = true, .source = STR("shop"), .detail_type = STR("Order"), .detail = STR("{}"), .time_ms = 1777593600000};
    assert_true(id_parse(STR(ID), &m->entry.id));
}

static enum err build(struct made *m) {
    return event_build(&m->entry, STR("111122223333"), STR("us-east-1"), 1790000000999, &m->settings, &m->arena, &m->event, &m->fault);
}

static void assert_text(struct str s, const char *text) {
    assert_int_equal(s.n, strlen(text));
    assert_memory_equal(s.p, text, s.n);
}

static void the_envelope_has_the_services_key_order_and_is_minified(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    struct str resources[] = {STR("arn:a"), STR("arn:b")};
    m.entry.detail = STR(" {\n \"b\" : [ 1 , 2.50 , true , null ] ,\t\"a\": { \"x y\" : \" kept  blanks \" } } ");
    m.entry.resources = resources;
    m.entry.resource_count = 2;
    assert_int_equal(build(&m), ERR_OK);
    assert_text(m.event.json, "{\"version\":\"0\",\"id\":\"" ID "\",\"detail-type\":\"Order\",\"source\":\"shop\",\"account\":\"111122223333\","
                              "\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"us-east-1\",\"resources\":[\"arn:a\",\"arn:b\"],"
                              "\"detail\":{\"b\":[1,2.50,true,null],\"a\":{\"x y\":\" kept  blanks \"}}}");
    arena_fini(&m.arena);
}

static void an_absent_time_is_now_and_absent_resources_are_empty(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    m.entry.time_ms = -1;
    assert_int_equal(build(&m), ERR_OK);
    assert_text(m.event.json, "{\"version\":\"0\",\"id\":\"" ID "\",\"detail-type\":\"Order\",\"source\":\"shop\",\"account\":\"111122223333\","
                              "\"time\":\"2026-09-21T14:13:20Z\",\"region\":\"us-east-1\",\"resources\":[],\"detail\":{}}");
    assert_int_equal(m.event.accepted_ms, 1790000000999);
    arena_fini(&m.arena);
}

/* Every node of the built tree against the tree that a reader makes of the bytes: kinds, keys, texts; and the envelope's raw bytes. */
static void assert_same_tree(const struct node *built, const struct node *read, bool envelope) {
    assert_int_equal(built->kind, read->kind);
    assert_int_equal(built->count, read->count);
    assert_true(str_eq(built->key, read->key));
    if (built->kind == NODE_STRING || built->kind == NODE_NUMBER) assert_true(str_eq(built->text, read->text));
    if (envelope) assert_true(str_eq(built->raw, read->raw));
    const struct node *b = built->child, *r = read->child;
    for (; b && r; b = b->next, r = r->next) assert_same_tree(b, r, envelope && !str_eqz(b->key, "detail"));
    assert_ptr_equal(b, NULL);
    assert_ptr_equal(r, NULL);
}

static void assert_tree_is_that_of_the_bytes(struct made *m) {
    struct node *root;
    struct fault fault;
    assert_int_equal(build(m), ERR_OK);
    assert_int_equal(doc_parse(&m->arena, m->event.json, &root, &fault), ERR_OK);
    assert_same_tree(m->event.root, root, true);
    const char *from = m->event.json.p, *to = from + m->event.json.n;
    for (const struct node *n = m->event.root->child; n; n = n->next) assert_true(n->raw.p >= from && n->raw.p + n->raw.n <= to);
    assert_true(str_eq(doc_get(m->event.root, STR("detail"))->raw, doc_get(root, STR("detail"))->raw));
}

static void the_tree_is_that_of_the_bytes(void **state) {
    (void)state;
    struct str one[] = {STR("arn:one")}, odd[] = {STR(""), STR("a\"b"), STR("back\\slash"), STR("\\\""), STR("\xc3\xa9\x01\n]\",["), STR("last")};
    const struct {
        struct str source, type, detail;
        struct str *resources;
        size_t count;
    } rows[] = {
        {STR("s"), STR("t"), STR("{}"), NULL, 0},
        {STR("s"), STR("t"), STR("{ \"a\" : [ ] }"), one, 1},
        {STR("say \"hi\""), STR("tab\there"), STR("{\"a\":{\"b\":[{\"c\":\"\\u00e9\\n\"}]},\"n\":-1.5e3}"), odd, 6},
        {STR("ends with \\"), STR("\\\"\\"), STR("{\"detail\":{\"detail\":1}}"), odd, 5},
        {STR("\x7f\x1f"), STR("\xf0\x9f\x9a\x80"), STR("{\"a\":\"\\ud83d\\ude80\",\"a\":2}"), odd + 3, 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct made m;
        made_init(&m);
        m.entry.source = rows[i].source;
        m.entry.detail_type = rows[i].type;
        m.entry.detail = rows[i].detail;
        m.entry.resources = rows[i].resources;
        m.entry.resource_count = rows[i].count;
        assert_tree_is_that_of_the_bytes(&m);
        arena_fini(&m.arena);
    }
}

static void refusals_come_in_the_order_source_detail_type_detail(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    m.entry.source = m.entry.detail_type = m.entry.detail = STR_NULL;
    assert_int_equal(build(&m), ERR_INVALID_ARGUMENT);
    assert_string_equal(m.fault.message, "Parameter Source is not valid. Reason: Source is a required argument.");
    m.entry.source = STR("");
    assert_int_equal(build(&m), ERR_INVALID_ARGUMENT);
    assert_string_equal(m.fault.message, "Parameter Source is not valid. Reason: Source is a required argument.");
    m.entry.source = STR("s");
    assert_int_equal(build(&m), ERR_INVALID_ARGUMENT);
    assert_string_equal(m.fault.message, "Parameter DetailType is not valid. Reason: DetailType is a required argument.");
    m.entry.detail_type = STR("t");
    assert_int_equal(build(&m), ERR_INVALID_ARGUMENT);
    assert_string_equal(m.fault.message, "Parameter Detail is not valid. Reason: Detail is a required argument.");
    static const char *const bad[] = {"{", "x", "\"text\"", "[]", "[{}]", "1", "null", "{} {}", "{\"a\":\"\xff\"}", "{\"a\":\"\\ud800\"}"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        m.entry.detail = str_from(bad[i]);
        assert_int_equal(build(&m), ERR_MALFORMED_DETAIL);
        assert_string_equal(m.fault.message, "Detail is malformed.");
    }
    m.entry.detail = STR("{}");
    assert_int_equal(build(&m), ERR_OK);
    arena_fini(&m.arena);
}

static void text_that_is_not_utf8_is_refused(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    struct str resources[] = {STR("fine"), STR("\xc0\x80")};
    m.entry.source = STR("\xff");
    assert_int_equal(build(&m), ERR_VALIDATION);
    m.entry.source = STR("s");
    m.entry.detail_type = STR("\xed\xa0\x80");
    assert_int_equal(build(&m), ERR_VALIDATION);
    m.entry.detail_type = STR("t");
    m.entry.resources = resources;
    m.entry.resource_count = 2;
    assert_int_equal(build(&m), ERR_VALIDATION);
    assert_string_equal(m.fault.message, "Source, DetailType and Resources must be UTF-8.");
    arena_fini(&m.arena);
}

static void size_counts_time_texts_and_resources_in_bytes(void **state) {
    (void)state;
    struct str resources[] = {STR("12345"), STR("\xc3\xa9")};
    struct entry e = {.source = STR("abc"), .detail_type = STR("\xc3\xa9"), .detail = STR("{ }"), .time_ms = -1};
    assert_int_equal(event_entry_bytes(&e), 3 + 2 + 3);
    e.time_ms = 0;
    assert_int_equal(event_entry_bytes(&e), 14 + 3 + 2 + 3);
    e.resources = resources;
    e.resource_count = 2;
    assert_int_equal(event_entry_bytes(&e), 14 + 3 + 2 + 3 + 5 + 2);
}

static void an_entry_of_exactly_the_limit_is_taken_and_one_byte_more_is_not(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    enum { LIMIT = 1024 };
    char detail[LIMIT + 1];
    m.settings.entry_bytes = LIMIT;
    size_t n = LIMIT - 14 - 4 - 5;
    memset(detail, ' ', sizeof detail);
    detail[0] = '{';
    detail[n - 1] = '}';
    m.entry.detail = str_of(detail, n);
    assert_int_equal(build(&m), ERR_OK);
    assert_text(doc_get(m.event.root, STR("detail"))->raw, "{}");
    m.entry.detail_type = STR("Orders");
    assert_int_equal(build(&m), ERR_VALIDATION);
    assert_string_equal(m.fault.message, "Total size of the entries in the request is over the limit.");
    arena_fini(&m.arena);
}

/* "a":{ 999 times inside detail: detail itself is level 1. */
static struct str nested(struct buf *text, int levels) {
    buf_clear(text);
    for (int i = 0; i < levels; i++) buf_addz(text, "{\"a\":");
    buf_addz(text, "1");
    for (int i = 0; i < levels; i++) buf_addc(text, '}');
    return buf_str(text);
}

static void a_thousand_levels_are_taken_and_one_more_is_malformed(void **state) {
    (void)state;
    struct made m;
    struct buf text;
    made_init(&m);
    buf_init(&text, 0);
    m.entry.detail = nested(&text, 1000);
    assert_int_equal(build(&m), ERR_OK);
    m.entry.detail = nested(&text, 1001);
    assert_int_equal(build(&m), ERR_MALFORMED_DETAIL);
    buf_fini(&text);
    arena_fini(&m.arena);
}

static void without_memory_it_says_so(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    struct buf text;
    buf_init(&text, 0);
    buf_addz(&text, "{\"a\":[0");
    for (int i = 0; i < 20000; i++) buf_addz(&text, ",1");
    buf_addz(&text, "]}");
    m.entry.detail = buf_str(&text);
    int refused = 0;
    for (size_t cap = 1024; cap <= (size_t)1 << 22; cap *= 2) {
        arena_fini(&m.arena);
        arena_init(&m.arena, cap);
        enum err err = build(&m);
        assert_true(err == ERR_OK || err == ERR_NOMEM);
        refused += err == ERR_NOMEM;
    }
    assert_true(refused > 0);
    arena_fini(&m.arena);
    arena_init(&m.arena, 0);
    assert_int_equal(build(&m), ERR_OK);
    buf_fini(&text);
    arena_fini(&m.arena);
}

static void a_scheduled_event_is_the_services(void **state) {
    (void)state;
    struct made m;
    made_init(&m);
    assert_int_equal(event_build_scheduled(STR("111122223333"), STR("us-east-1"), STR("arn:aws:events:us-east-1:111122223333:rule/r"), 1777593600000, 1777593601000,
                                           &m.settings, &m.arena, &m.event, &m.fault),
                     ERR_OK);
    struct buf want;
    buf_init(&want, 0);
    buf_addf(&want, "{\"version\":\"0\",\"id\":\"%.*s\",\"detail-type\":\"Scheduled Event\",\"source\":\"aws.events\",\"account\":\"111122223333\","
                    "\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"us-east-1\",\"resources\":[\"arn:aws:events:us-east-1:111122223333:rule/r\"],"
                    "\"detail\":{}}", STR_ARG(m.event.id));
    assert_true(str_eq(m.event.json, buf_str(&want)));
    assert_int_equal(m.event.accepted_ms, 1777593601000);
    buf_fini(&want);
    arena_fini(&m.arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_envelope_has_the_services_key_order_and_is_minified),
        cmocka_unit_test(an_absent_time_is_now_and_absent_resources_are_empty),
        cmocka_unit_test(the_tree_is_that_of_the_bytes),
        cmocka_unit_test(refusals_come_in_the_order_source_detail_type_detail),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(size_counts_time_texts_and_resources_in_bytes),
        cmocka_unit_test(an_entry_of_exactly_the_limit_is_taken_and_one_byte_more_is_not),
        cmocka_unit_test(a_thousand_levels_are_taken_and_one_more_is_malformed),
        cmocka_unit_test(without_memory_it_says_so),
        cmocka_unit_test(a_scheduled_event_is_the_services),
    };
    return cmocka_run_group_tests_name("flow/event", tests, NULL, NULL);
}

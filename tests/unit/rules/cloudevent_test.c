#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "cloudevent.h"
#include "json.h"

#define STRUCTURED "application/cloudevents+json; charset=UTF-8"
#define BATCH "application/cloudevents-batch+json"
#define NEEDED "\"specversion\":\"1.0\",\"id\":\"a-1\",\"source\":\"/shop\",\"type\":\"order.made\""
#define KEPT "\"cloudevents\":{\"specversion\":\"1.0\",\"id\":\"a-1\""

static struct arena arena;
static struct fault fault;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, 0);
    fault_clear(&fault);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}

static enum err read_json(const char *type, const char *body, struct entry **entries, size_t *count) {
    struct cloudevent_message m = {.content_type = str_from(type), .body = str_from(body)};
    fault_clear(&fault);
    return cloudevents_read(&m, STR("orders"), &arena, entries, count, &fault);
}

static void check_detail(const struct entry *e, const char *wanted) { assert_string_equal(arena_str(&arena, e->detail).p, wanted); }

static struct entry *one(const char *body) {
    struct entry *e;
    size_t count;
    if (read_json(STRUCTURED, body, &e, &count)) fail_msg("%s: %s", body, fault.message);
    assert_int_equal(count, 1);
    return e;
}

static void structured_attributes_have_their_places(void **state) {
    (void)state;
    struct entry *e =
        one("{" NEEDED ",\"subject\":\"o/7\",\"time\":\"2026-05-01T12:00:00.25+02:00\",\"datacontenttype\":\"application/json\","
            "\"dataschema\":\"urn:s\",\"tenant\":\"x\\\"y\",\"urgent\":true,\"n\":-5,\"absent\":null,\"data\":{\"k\" : [1, 2.50]}}");
    assert_true(str_eqz(e->source, "/shop") && str_eqz(e->detail_type, "order.made") && str_eqz(e->bus, "orders") && e->has_id);
    assert_int_equal(e->time_ms, INT64_C(1777629600250));
    assert_int_equal(e->resource_count, 1);
    assert_true(str_eqz(e->resources[0], "o/7"));
    check_detail(e, "{\"k\":[1,2.50]," KEPT ",\"subject\":\"o/7\",\"time\":\"2026-05-01T12:00:00.25+02:00\",\"datacontenttype\":"
                    "\"application/json\",\"dataschema\":\"urn:s\",\"tenant\":\"x\\\"y\",\"urgent\":true,\"n\":-5}}");
}

static void data_of_every_kind_becomes_an_object(void **state) {
    (void)state;
    static const struct {
        const char *data, *detail;
    } rows[] = {
        {"", "{" KEPT ",\"data_in\":\"none\"}}"},
        {",\"data\":null", "{" KEPT ",\"data_in\":\"none\"}}"},
        {",\"data\":{}", "{" KEPT "}}"},
        {",\"data\":[1]", "{\"data\":[1]," KEPT ",\"data_in\":\"data\"}}"},
        {",\"data\":\"<a/>\"", "{\"data\":\"<a/>\"," KEPT ",\"data_in\":\"data\"}}"},
        {",\"data\":{\"data\":1}", "{\"data\":1," KEPT "}}"},
        {",\"data_base64\":\"AAH/\"", "{\"data_base64\":\"AAH/\"," KEPT ",\"data_in\":\"data_base64\"}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        char body[400];
        snprintf(body, sizeof body, "{" NEEDED "%s}", rows[i].data);
        struct entry *e = one(body);
        check_detail(e, rows[i].detail);
        assert_int_equal(e->time_ms, -1);
        assert_int_equal(e->resource_count, 0);
    }
}

static void an_id_is_of_bus_source_and_id(void **state) {
    (void)state;
    struct entry *first = one("{" NEEDED "}"), *again = one("{" NEEDED ",\"data\":1}"),
                 *other = one("{\"specversion\":\"1.0\",\"id\":\"a-1\",\"source\":\"/shoq\",\"type\":\"order.made\"}"), *elsewhere;
    struct cloudevent_message m = {.content_type = STR(STRUCTURED), .body = STR("{" NEEDED "}")};
    size_t count;
    char text[ID_TEXT_SIZE];
    assert_int_equal(cloudevents_read(&m, STR("other"), &arena, &elsewhere, &count, &fault), ERR_OK);
    assert_memory_equal(&first->id, &again->id, sizeof first->id);
    assert_memory_not_equal(&first->id, &other->id, sizeof first->id);
    assert_memory_not_equal(&first->id, &elsewhere->id, sizeof first->id);
    id_text(first->id, text);
    assert_int_equal(text[14], '8');
    /* printf 'orders\0/shop\0a-1' | sha256sum, with version and variant set */
    assert_string_equal(text, "14e89bfd-7837-8f5c-8b07-05f90344944b");
}

static void refusals_say_what_is_wrong(void **state) {
    (void)state;
    static const struct {
        const char *type, *body;
        enum err err;
        const char *part;
    } rows[] = {
        {STRUCTURED, "[]", ERR_VALIDATION, "A CloudEvent is a JSON object."},
        {STRUCTURED, "{", ERR_SYNTAX, "expected"},
        {STRUCTURED, "{\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", ERR_VALIDATION, "'specversion' is missing"},
        {STRUCTURED, "{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", ERR_VALIDATION, "specversion is '0.3'"},
        {STRUCTURED, "{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}", ERR_VALIDATION, "'id' is missing or empty"},
        {STRUCTURED, "{\"specversion\":\"1.0\",\"id\":\"1\",\"type\":\"t\"}", ERR_VALIDATION, "'source' is missing or empty"},
        {STRUCTURED, "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\"}", ERR_VALIDATION, "'type' is missing or empty"},
        {STRUCTURED, "{" NEEDED ",\"id\":\"2\"}", ERR_VALIDATION, "'id' is there twice"},
        {STRUCTURED, "{" NEEDED ",\"x\":1,\"x\":1}", ERR_VALIDATION, "'x' is there twice"},
        {STRUCTURED, "{" NEEDED ",\"subject\":\"\"}", ERR_VALIDATION, "'subject' is empty"},
        {STRUCTURED, "{" NEEDED ",\"subject\":5}", ERR_VALIDATION, "'subject' is to be a string"},
        {STRUCTURED, "{" NEEDED ",\"subject\":\"a\\u0000b\"}", ERR_VALIDATION, "control characters"},
        {STRUCTURED, "{" NEEDED ",\"time\":\"yesterday\"}", ERR_VALIDATION, "time is 'yesterday'; RFC 3339"},
        {STRUCTURED, "{" NEEDED ",\"time\":\"1969-12-31T23:59:59Z\"}", ERR_VALIDATION, "before 1970"},
        {STRUCTURED, "{" NEEDED ",\"Tenant\":\"x\"}", ERR_VALIDATION, "'Tenant' cannot be an attribute's name"},
        {STRUCTURED, "{" NEEDED ",\"data_in\":\"x\"}", ERR_VALIDATION, "'data_in' cannot be an attribute's name"},
        {STRUCTURED, "{" NEEDED ",\"x\":{}}", ERR_VALIDATION, "whole number of 32 bits"},
        {STRUCTURED, "{" NEEDED ",\"x\":2147483648}", ERR_VALIDATION, "whole number of 32 bits"},
        {STRUCTURED, "{" NEEDED ",\"x\":1.5}", ERR_VALIDATION, "whole number of 32 bits"},
        {STRUCTURED, "{" NEEDED ",\"data\":1,\"data_base64\":\"\"}", ERR_VALIDATION, "data twice"},
        {STRUCTURED, "{" NEEDED ",\"data_base64\":\"?\"}", ERR_VALIDATION, "no base64"},
        {STRUCTURED, "{" NEEDED ",\"data\":{\"cloudevents\":1}}", ERR_VALIDATION, "member 'cloudevents' of its own"},
        {BATCH, "{}", ERR_VALIDATION, "A batch is a JSON array"},
        {BATCH, "[]", ERR_VALIDATION, "The batch is empty."},
        {BATCH, "[{" NEEDED "},{" NEEDED ",\"time\":\"x\"}]", ERR_VALIDATION, "events.2: time is 'x'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct entry *e;
        size_t count;
        enum err err = read_json(rows[i].type, rows[i].body, &e, &count);
        if (err != rows[i].err) fail_msg("%s: %d, not %d: %s", rows[i].body, (int)err, (int)rows[i].err, fault.message);
        if (!strstr(fault.message, rows[i].part)) fail_msg("%s: '%s' has no '%s'", rows[i].body, fault.message, rows[i].part);
    }
}

static void batches_keep_their_order_and_have_a_bound(void **state) {
    (void)state;
    struct entry *e;
    size_t count;
    assert_int_equal(read_json(BATCH, "[{" NEEDED "},{" NEEDED ",\"data\":7}]", &e, &count), ERR_OK);
    assert_int_equal(count, 2);
    check_detail(&e[1], "{\"data\":7," KEPT ",\"data_in\":\"data\"}}");
    struct buf many;
    buf_init(&many, 0);
    for (int i = 0; i <= CLOUDEVENTS_BATCH_MAX; i++) buf_addz(&many, i ? ",{}" : "[{}");
    buf_addc(&many, ']');
    buf_addc(&many, 0);
    assert_int_equal(read_json(BATCH, many.p, &e, &count), ERR_TOO_LARGE);
    assert_string_equal(fault.message, "A batch has at most 1000 events, this one has 1001.");
    buf_fini(&many);
}

static void memory_has_a_bound(void **state) {
    (void)state;
    struct arena small;
    struct entry *e;
    size_t count;
    struct buf body;
    buf_init(&body, 0);
    buf_addz(&body, "{" NEEDED ",\"data\":[0");
    for (int i = 0; i < 20000; i++) buf_addz(&body, ",1");
    buf_addz(&body, "]}");
    struct cloudevent_message m = {.content_type = STR(STRUCTURED), .body = buf_str(&body)};
    arena_init(&small, 256 << 10);
    assert_int_equal(cloudevents_read(&m, STR("b"), &small, &e, &count, &fault), ERR_TOO_LARGE);
    arena_fini(&small);
    buf_fini(&body);
}

/* ---- binary mode ------------------------------------------------------------------------------------------------------------------ */
static enum err read_binary(const char *type, const char *name, const char *value, struct str body, struct entry **e) {
    struct cloudevent_header headers[] = {{STR("CE-SpecVersion"), STR("1.0")}, {STR("Host"), STR("h")},
                                          {STR("ce-id"), STR("a-1")},          {STR("Ce-Source"), STR("/shop")},
                                          {STR("ce-type"), STR("order.made")}, {str_from(name), str_from(value)}};
    struct cloudevent_message m = {.content_type = str_from(type), .headers = headers, .header_count = name ? 6 : 5, .body = body};
    size_t count;
    fault_clear(&fault);
    assert_int_equal(cloudevent_mode_of(&m), CLOUDEVENT_BINARY);
    enum err err = cloudevents_read(&m, STR("orders"), &arena, e, &count, &fault);
    if (!err) assert_int_equal(count, 1);
    return err;
}

static void binary_bodies_are_read_by_their_type(void **state) {
    (void)state;
    static const struct {
        const char *type;
        struct str body;
        const char *detail;
    } rows[] = {
        {"application/json", {"{\"a\": 1}", 8}, "{\"a\":1," KEPT ",\"datacontenttype\":\"application/json\"}}"},
        {"application/vnd.x+JSON; charset=utf-8",
         {"[]", 2},
         "{\"data\":[]," KEPT ",\"datacontenttype\":\"application/vnd.x+JSON; charset=utf-8\",\"data_in\":\"data\"}}"},
        {"text/plain",
         {"caf\xc3\xa9\n", 6},
         "{\"data\":\"caf\xc3\xa9\\n\"," KEPT ",\"datacontenttype\":\"text/plain\",\"data_in\":\"data\"}}"},
        {"text/plain; charset=latin1",
         {"\xe9", 1},
         "{\"data_base64\":\"6Q==\"," KEPT ",\"datacontenttype\":\"text/plain; charset=latin1\",\"data_in\":\"data_base64\"}}"},
        {"image/svg+xml", {"<a/>", 4}, "{\"data\":\"<a/>\"," KEPT ",\"datacontenttype\":\"image/svg+xml\",\"data_in\":\"data\"}}"},
        {"application/octet-stream",
         {"{}", 2},
         "{\"data_base64\":\"e30=\"," KEPT ",\"datacontenttype\":\"application/octet-stream\",\"data_in\":\"data_base64\"}}"},
        {NULL, {"{}", 2}, "{\"data_base64\":\"e30=\"," KEPT ",\"data_in\":\"data_base64\"}}"},
        {NULL, {"", 0}, "{" KEPT ",\"data_in\":\"none\"}}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct entry *e;
        if (read_binary(rows[i].type, NULL, NULL, rows[i].body, &e)) fail_msg("%s", fault.message);
        check_detail(e, rows[i].detail);
    }
}

static void binary_headers_are_unquoted_and_unescaped_once(void **state) {
    (void)state;
    struct entry *e;
    assert_int_equal(read_binary(NULL, "ce-Note", "\"a\\\"b%20Euro%20%E2%82%AC%2520\"", STR(""), &e), ERR_OK);
    check_detail(e, "{" KEPT ",\"note\":\"a\\\"b Euro \xe2\x82\xac%20\",\"data_in\":\"none\"}}");
    static const struct {
        const char *name, *value, *part;
    } rows[] = {{"ce-id", "2", "'id' is there twice"},
                {"ce-a_b", "x", "'ce-a_b' names no attribute"},
                {"ce-datacontenttype", "x", "told by Content-Type"},
                {"ce-x", "%FF", "no UTF-8"},
                {"ce-x", "%0a", "control characters"}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(read_binary(NULL, rows[i].name, rows[i].value, STR(""), &e), ERR_VALIDATION);
        if (!strstr(fault.message, rows[i].part)) fail_msg("'%s' has no '%s'", fault.message, rows[i].part);
    }
    assert_int_equal(read_binary("application/json", NULL, NULL, STR("{"), &e), ERR_SYNTAX);
}

static void modes_are_told_by_their_types(void **state) {
    (void)state;
    static const struct {
        const char *type;
        enum cloudevent_mode mode;
    } rows[] = {{" Application/CloudEvents+JSON ;x=y", CLOUDEVENT_STRUCTURED},
                {BATCH, CLOUDEVENT_BATCH},
                {"application/cloudevents+xml", CLOUDEVENT_FOREIGN},
                {"application/json", CLOUDEVENT_NONE},
                {NULL, CLOUDEVENT_NONE}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(cloudevent_mode_of(&(struct cloudevent_message){.content_type = str_from(rows[i].type)}), rows[i].mode);
}

/* ---- out ------------------------------------------------------------------------------------------------------------------------------
 */
#define ENVELOPE(id, resources)                                                                                                            \
    "{\"version\":\"0\",\"id\":\"" id "\",\"detail-type\":\"Order Made\",\"source\":\"my shop\",\"account\":\"111122223333\","             \
    "\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"us-east-1\",\"resources\":" resources ",\"detail\":"

static void check_out(const char *event, struct str data, const char *wanted) {
    struct node *root;
    struct str out;
    assert_int_equal(doc_parse(&arena, str_from(event), &root, &fault), ERR_OK);
    assert_int_equal(cloudevent_write(root, data, &arena, &out, &fault), ERR_OK);
    assert_string_equal(out.p, wanted);
}

static void any_event_goes_out(void **state) {
    (void)state;
    check_out(ENVELOPE("e-1", "[\"r1\",\"r2\"]") "{\"a\":1}}", STR_NULL,
              "{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"my%20shop\",\"type\":\"Order Made\",\"time\":\"2026-05-01T00:00:00Z\","
              "\"subject\":\"r1\",\"datacontenttype\":\"application/json\",\"busaccount\":\"111122223333\",\"busregion\":\"us-east-1\","
              "\"data\":{\"a\":1}}");
    check_out(ENVELOPE("e-1", "[]") "{\"a\":1},\"replay-name\":\"r\"}", STR("\"made\""),
              "{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"my%20shop\",\"type\":\"Order Made\",\"time\":\"2026-05-01T00:00:00Z\","
              "\"datacontenttype\":\"application/json\",\"busaccount\":\"111122223333\",\"busregion\":\"us-east-1\",\"replayname\":\"r\","
              "\"data\":\"made\"}");
}

static void what_looks_like_attributes_but_is_none_is_data(void **state) {
    (void)state;
    static const char *const details[] = {"{\"cloudevents\":1}", "{\"cloudevents\":{\"specversion\":\"1.0\"}}",
                                          "{\"cloudevents\":{\"specversion\":\"0.3\",\"id\":\"x\"}}"};
    for (size_t i = 0; i < sizeof details / sizeof details[0]; i++) {
        char event[600], wanted[600];
        snprintf(event, sizeof event, ENVELOPE("e-1", "[]") "%s}", details[i]);
        snprintf(
            wanted, sizeof wanted,
            "{\"specversion\":\"1.0\",\"id\":\"e-1\",\"source\":\"my%%20shop\",\"type\":\"Order Made\",\"time\":\"2026-05-01T00:00:00Z\","
            "\"datacontenttype\":\"application/json\",\"busaccount\":\"111122223333\",\"busregion\":\"us-east-1\",\"data\":%s}",
            details[i]);
        check_out(event, STR_NULL, wanted);
    }
}

static void ours_cannot_be_forged_and_odd_members_stay_in(void **state) {
    (void)state;
    check_out(ENVELOPE("e-1", "[]") "{\"b\":2," KEPT ",\"busaccount\":\"9\",\"Odd\":1,\"list\":[],\"no\":null,\"n\":5,\"time\":\"x\"}}}",
              STR_NULL,
              "{\"specversion\":\"1.0\",\"id\":\"a-1\",\"source\":\"my%20shop\",\"type\":\"Order Made\",\"time\":\"2026-05-01T00:00:00Z\","
              "\"busid\":\"e-1\",\"busaccount\":\"111122223333\",\"busregion\":\"us-east-1\",\"n\":5,\"data\":{\"b\":2}}");
}

static void what_came_in_goes_out_as_it_was(void **state) {
    (void)state;
    static const char *const tails[] = {
        ",\"subject\":\"s\",\"datacontenttype\":\"application/json\",\"dataschema\":\"urn:s\",\"tenant\":\"x\",\"data\":{\"k\":1}}",
        ",\"data\":[1]}",
        ",\"data\":\"t\"}",
        ",\"data\":false}",
        ",\"data\":{}}",
        ",\"data_base64\":\"AAH/\"}",
        "}",
    };
    for (size_t i = 0; i < sizeof tails / sizeof tails[0]; i++) {
        char body[500], event[1500], wanted[900];
        snprintf(body, sizeof body, "{" NEEDED ",\"time\":\"2026-05-01T00:00:00.123Z\"%s", tails[i]);
        struct entry *e = one(body);
        snprintf(event, sizeof event,
                 "{\"version\":\"0\",\"id\":\"e-1\",\"detail-type\":\"order.made\",\"source\":\"/shop\",\"account\":\"1\",\"time\":"
                 "\"2026-05-01T00:00:00Z\",\"region\":\"r\",\"resources\":[],\"detail\":%.*s}",
                 STR_ARG(e->detail));
        struct node *in, *out;
        struct str text;
        assert_int_equal(doc_parse(&arena, str_from(event), &in, &fault), ERR_OK);
        assert_int_equal(cloudevent_write(in, STR_NULL, &arena, &text, &fault), ERR_OK);
        assert_int_equal(doc_parse(&arena, text, &out, &fault), ERR_OK);
        assert_int_equal(doc_parse(&arena, str_from(body), &in, &fault), ERR_OK);
        assert_int_equal(out->count, in->count + 3); /* busid, busaccount, busregion */
        for (const struct node *n = in->child; n; n = n->next) {
            const struct node *same = doc_get(out, n->key);
            snprintf(wanted, sizeof wanted, "%.*s", STR_ARG(n->raw));
            if (!same || !str_eqz(same->raw, wanted)) fail_msg("%s: %.*s came out otherwise: %.*s", body, STR_ARG(n->key), STR_ARG(text));
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(structured_attributes_have_their_places, setup, teardown),
        cmocka_unit_test_setup_teardown(data_of_every_kind_becomes_an_object, setup, teardown),
        cmocka_unit_test_setup_teardown(an_id_is_of_bus_source_and_id, setup, teardown),
        cmocka_unit_test_setup_teardown(refusals_say_what_is_wrong, setup, teardown),
        cmocka_unit_test_setup_teardown(batches_keep_their_order_and_have_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(memory_has_a_bound, setup, teardown),
        cmocka_unit_test_setup_teardown(binary_bodies_are_read_by_their_type, setup, teardown),
        cmocka_unit_test_setup_teardown(binary_headers_are_unquoted_and_unescaped_once, setup, teardown),
        cmocka_unit_test(modes_are_told_by_their_types),
        cmocka_unit_test_setup_teardown(any_event_goes_out, setup, teardown),
        cmocka_unit_test_setup_teardown(what_looks_like_attributes_but_is_none_is_data, setup, teardown),
        cmocka_unit_test_setup_teardown(ours_cannot_be_forged_and_odd_members_stay_in, setup, teardown),
        cmocka_unit_test_setup_teardown(what_came_in_goes_out_as_it_was, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* CloudEvents in, out, and there and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "cloudevent.h"

#define HEADER(name, value) {{name, sizeof(name) - 1}, {value, sizeof(value) - 1}}
#define STRUCTURED HEADER("Content-Type", "application/cloudevents+json; charset=utf-8")
#define BATCH HEADER("content-type", "application/cloudevents-batch+json")

static struct arena arena;
static struct fault fault;
static struct entry *entries;
static size_t count;

static int begin(void **state) {
    (void)state;
    arena_init(&arena, 0);
    fault_clear(&fault);
    return 0;
}
static int end(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}

static enum err reads(const struct cloudevent_header *headers, size_t n, const char *body) {
    return cloudevent_read(headers, n, str_from(body), STR("b"), &arena, &entries, &count, &fault);
}
#define READ(body, ...) reads((const struct cloudevent_header[]){__VA_ARGS__}, sizeof((const struct cloudevent_header[]){__VA_ARGS__}) / sizeof(struct cloudevent_header), body)
#define IS(got, wanted)                                                                                                 \
    do                                                                                                                  \
        if (!str_eqz(got, wanted)) fail_msg("got %.*s\nnot %s", STR_ARG(got), wanted);                                  \
    while (0)

static void structured(void **state) {
    (void)state;
    assert_int_equal(READ("{\"specversion\":\"1.0\",\"id\":\"6b221e6e-bbae-424d-855f-bbeea79ec52f\",\"source\":\"/shop\",\"type\":\"order\",\"subject\":\"o/1\",\"time\":"
                          "\"2026-05-01T02:00:00.5+02:00\",\"dataschema\":null,\"tries\":3,\"late\":true,\"data\":{\"total\":1e2,\"x\":[1, 2]}}",
                          STRUCTURED),
                     ERR_OK);
    assert_int_equal(count, 1);
    IS(entries->source, "/shop");
    IS(entries->detail_type, "order");
    IS(entries->bus, "b");
    IS(entries->resources[0], "o/1");
    assert_int_equal(entries->time_ms, INT64_C(1777593600500));
    IS(entries->detail, "{\"total\":1e2,\"x\":[1, 2],\"cloudevent\":{\"id\":\"6b221e6e-bbae-424d-855f-bbeea79ec52f\",\"subject\":\"o/1\",\"tries\":3,\"late\":true}}");
    char id[ID_TEXT_SIZE];
    id_text(entries->id, id);
    assert_string_equal(id, "6b221e6e-bbae-424d-855f-bbeea79ec52f");
}

static void binary(void **state) {
    (void)state;
    assert_int_equal(READ("{\"n\":1}", HEADER("ce-specversion", "1.0"), HEADER("CE-ID", "7"), HEADER("ce-source", "s"), HEADER("ce-type", "caf%C3%A9"),
                          HEADER("ce-myext", "x"), HEADER("Content-Type", "application/json")),
                     ERR_OK);
    IS(entries->detail_type, "caf\xc3\xa9");
    IS(entries->detail, "{\"n\":1,\"cloudevent\":{\"id\":\"7\",\"myext\":\"x\",\"datacontenttype\":\"application/json\"}}");
    struct id first = entries->id;
    assert_int_equal(READ("a \"b\"", HEADER("ce-specversion", "1.0"), HEADER("ce-id", "7"), HEADER("ce-source", "s"), HEADER("ce-type", "t"),
                          HEADER("Content-Type", "text/plain")),
                     ERR_OK);
    IS(entries->detail, "{\"data\":\"a \\\"b\\\"\",\"cloudevent\":{\"id\":\"7\",\"datacontenttype\":\"text/plain\"}}");
    assert_memory_equal(first.b, entries->id.b, sizeof first.b); /* source and id alone make it */
    assert_int_equal(READ("\xff\x01", HEADER("ce-specversion", "1.0"), HEADER("ce-id", "8"), HEADER("ce-source", "s"), HEADER("ce-type", "t"),
                          HEADER("Content-Type", "application/octet-stream")),
                     ERR_OK);
    IS(entries->detail, "{\"data_base64\":\"/wE=\",\"cloudevent\":{\"id\":\"8\",\"datacontenttype\":\"application/octet-stream\"}}");
    assert_memory_not_equal(first.b, entries->id.b, sizeof first.b);
    assert_int_equal(READ("", HEADER("ce-specversion", "1.0"), HEADER("ce-id", "8"), HEADER("ce-source", "s"), HEADER("ce-type", "t")), ERR_OK);
    IS(entries->detail, "{\"cloudevent\":{\"id\":\"8\"}}");
}

static void batches(void **state) {
    (void)state;
#define E(id) "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"s\",\"type\":\"t\",\"data\":[1]}"
    assert_int_equal(READ("[" E("1") "," E("2") "]", BATCH), ERR_OK);
    assert_int_equal(count, 2);
    IS(entries[1].detail, "{\"data\":[1],\"cloudevent\":{\"id\":\"2\"}}");
    assert_int_equal(READ("[" E("1") ",{\"specversion\":\"1.0\",\"id\":\"2\",\"type\":\"t\"}]", BATCH), ERR_MALFORMED);
    assert_string_equal(fault.message, "event 2: source is missing");
}

static void mistakes(void **state) {
    (void)state;
#define BODY(more) "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"" more "}"
    static const struct {
        const char *body, *sentence;
    } rows[] = {
        {"{}", "specversion is missing"},
        {"[]", "a CloudEvent is a JSON object"},
        {"{\"specversion\":\"0.3\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\"}", "specversion is '0.3'; 1.0 is taken"},
        {"{\"specversion\":\"1.0\",\"id\":\"\",\"source\":\"s\",\"type\":\"t\"}", "id is missing"},
        {BODY(",\"time\":\"today\""), "time is not of the form 2026-05-01T00:00:00Z: 'today'"},
        {BODY(",\"Upper\":\"x\""), "attribute 'Upper': a name is made of a to z and 0 to 9, and has less than 64 characters"},
        {BODY(",\"x\":{}"), "attribute 'x' must be a string, a number or a boolean"},
        {BODY(",\"x\":1,\"x\":2"), "attribute 'x' is there twice"},
        {BODY(",\"data\":1,\"data_base64\":\"\""), "data and data_base64 exclude each other"},
        {BODY(",\"data_base64\":1"), "data_base64 must be a string"},
        {BODY(",\"data\":{\"cloudevent\":1}"), "data has a member 'cloudevent', where the other attributes go"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(READ(rows[i].body, STRUCTURED), ERR_MALFORMED);
        assert_string_equal(fault.message, rows[i].sentence);
    }
    assert_int_equal(READ("{", STRUCTURED), ERR_MALFORMED);
    assert_int_equal(READ("[]", BATCH), ERR_MALFORMED);
    assert_string_equal(fault.message, "a batch has 1 to 1000 events");
    assert_int_equal(READ("{}", BATCH), ERR_MALFORMED);
    assert_int_equal(READ("{", HEADER("ce-specversion", "1.0"), HEADER("ce-id", "8"), HEADER("ce-source", "s"), HEADER("ce-type", "t")), ERR_MALFORMED);
    assert_int_equal(READ("{}", HEADER("content-type", "application/json")), ERR_MALFORMED);
}

static void writes(const char *event, const char *wanted) {
    struct node *root;
    struct buf out;
    buf_init(&out, 0);
    assert_int_equal(doc_parse(&arena, str_from(event), &root, &fault), ERR_OK);
    assert_true(cloudevent_write(root, &out));
    IS(buf_str(&out), wanted);
    buf_fini(&out);
}

#define HEAD "{\"version\":\"0\",\"id\":\"i\",\"detail-type\":\"t\",\"source\":\"s\",\"account\":\"1\",\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"r\",\"resources\":"
#define OUT(id) "{\"specversion\":\"1.0\",\"id\":\"" id "\",\"source\":\"s\",\"type\":\"t\",\"time\":\"2026-05-01T00:00:00Z\",\"account\":\"1\",\"region\":\"r\","
static void out(void **state) {
    (void)state;
    writes(HEAD "[],\"detail\":{\"n\":1}}", OUT("i") "\"datacontenttype\":\"application/json\",\"data\":{\"n\":1}}");
    writes(HEAD "[\"a\",\"b\"],\"detail\":{}}", OUT("i") "\"subject\":\"a\",\"datacontenttype\":\"application/json\",\"data\":{}}");
    /* there and back */
    writes(HEAD "[\"o\"],\"detail\":{\"n\":1,\"cloudevent\":{\"id\":\"7\",\"subject\":\"o\",\"tries\":3}}}",
           OUT("7") "\"datacontenttype\":\"application/json\",\"subject\":\"o\",\"tries\":3,\"data\":{\"n\":1}}");
    writes(HEAD "[],\"detail\":{\"data\":[1],\"cloudevent\":{\"id\":\"7\",\"datacontenttype\":\"text/json\"}}}", OUT("7") "\"datacontenttype\":\"text/json\",\"data\":[1]}");
    writes(HEAD "[],\"detail\":{\"data_base64\":\"/w==\",\"cloudevent\":{\"id\":\"7\"}}}",
           OUT("7") "\"datacontenttype\":\"application/json\",\"data_base64\":\"/w==\"}");
    writes(HEAD "[],\"detail\":{\"cloudevent\":{\"id\":\"7\"}}}", OUT("7") "\"datacontenttype\":\"application/json\"}");
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {T(structured), T(binary), T(batches), T(mistakes), T(out)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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
    IS(entries->detail, "{\"total\":1e2,\"x\":[1, 2],\"cloudevent\":{\"id\":\"6b221e6e-bbae-424d-855f-bbeea79ec52f\",\"subject\":\"o/1\",\"time\":\"2026-05-01T02:00:00.5+02:00\",\"tries\":3,\"late\":true}}");
    char id[ID_TEXT_SIZE];
    id_text(entries->id, id);
    assert_string_equal(id, "e6f2fea1-ba5d-8c80-9e2b-f05b0b21ee4a"); /* SHA-256 of "b", "/shop" and the id, NULs between them */
}

/* Two sources may use one id, and one event may be put on two buses: neither is the other's duplicate. */
static void only_the_same_event_has_the_same_id(void **state) {
    (void)state;
    static const struct cloudevent_header headers[] = {STRUCTURED};
    static const struct {
        const char *bus, *id, *source;
        bool same;
    } rows[] = {{"b", "6b221e6e-bbae-424d-855f-bbeea79ec52f", "s", true},
                {"c", "6b221e6e-bbae-424d-855f-bbeea79ec52f", "s", false},
                {"b", "6b221e6e-bbae-424d-855f-bbeea79ec52f", "t", false},
                {"b", "6b221e6e-bbae-424d-855f-bbeea79ec520", "s", false}};
    struct id first = {{0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct str body = arena_printf(&arena, "{\"specversion\":\"1.0\",\"id\":\"%s\",\"source\":\"%s\",\"type\":\"t%zu\"}", rows[i].id, rows[i].source, i);
        assert_int_equal(cloudevent_read(headers, 1, body, str_from(rows[i].bus), &arena, &entries, &count, &fault), ERR_OK);
        if (!i) first = entries->id;
        assert_int_equal(memcmp(first.b, entries->id.b, sizeof first.b) == 0, rows[i].same);
    }
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
        {BODY(",\"x\":{}"), "attribute 'x' must be a string, a boolean or a whole number of 32 bits"},
        {BODY(",\"x\":1.5"), "attribute 'x' must be a string, a boolean or a whole number of 32 bits"},
        {BODY(",\"x\":2147483648"), "attribute 'x' must be a string, a boolean or a whole number of 32 bits"},
        {BODY(",\"x\":\"a\\u0000\""), "attribute 'x' is not UTF-8, or holds control characters"},
        {BODY(",\"time\":\"1969-12-31T23:59:59Z\""), "time lies before 1970"},
        {BODY(",\"x\":1,\"x\":2"), "attribute 'x' is there twice"},
        {BODY(",\"data\":1,\"data_base64\":\"\""), "data and data_base64 exclude each other"},
        {BODY(",\"data_base64\":1"), "data_base64 must be a string of base64, with padding"},
        {BODY(",\"data_base64\":\"?\""), "data_base64 must be a string of base64, with padding"},
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

/* What a producer writes into detail.cloudevent by hand changes nothing that rules and policies have judged. */
static void what_is_forged_stays_out(void **state) {
    (void)state;
    writes(HEAD "[],\"detail\":{\"n\":1,\"cloudevent\":{\"id\":\"7\",\"source\":\"aws.x\",\"type\":\"x\",\"account\":\"9\",\"data\":2,\"Odd\":1,\"l\":[],"
                "\"time\":\"x\",\"subject\":4,\"ok\":true}}}",
           OUT("7") "\"datacontenttype\":\"application/json\",\"ok\":true,\"data\":{\"n\":1}}");
    writes(HEAD "[],\"detail\":{\"cloudevent\":5}}", OUT("i") "\"datacontenttype\":\"application/json\",\"data\":{\"cloudevent\":5}}");
    writes(HEAD "[],\"detail\":{\"cloudevent\":{\"id\":\"\"}}}", OUT("i") "\"datacontenttype\":\"application/json\",\"data\":{\"cloudevent\":{\"id\":\"\"}}}");
    writes("{\"id\":\"i\",\"source\":\"my <shop>\",\"detail-type\":\"t\",\"detail\":{}}",
           "{\"specversion\":\"1.0\",\"id\":\"i\",\"source\":\"my%20%3Cshop%3E\",\"type\":\"t\",\"datacontenttype\":\"application/json\",\"data\":{}}");
}

static void all_data_comes_back_as_it_was(void **state) {
    (void)state;
    static const char *const data[] = {"",
                                       ",\"data\":{}",
                                       ",\"data\":{\"a\":1,\"data\":2}",
                                       ",\"data\":{\"data\":[1]}",
                                       ",\"data\":{\"data_base64\":\"AA==\"}",
                                       ",\"data\":[1,{\"b\":null}]",
                                       ",\"data\":\"text\"",
                                       ",\"data\":false",
                                       ",\"data_base64\":\"/wE=\""};
    for (size_t i = 0; i < sizeof data / sizeof data[0]; i++) {
        struct node *in, *event, *back;
        struct buf out;
        struct str body = arena_printf(&arena,
                                       "{\"specversion\":\"1.0\",\"id\":\"1\",\"source\":\"s\",\"type\":\"t\",\"time\":\"2026-05-01T00:00:00.25Z\",\"subject\":\"x\","
                                       "\"datacontenttype\":\"text/x\",\"dataschema\":\"urn:s\",\"n\":-3%s}",
                                       data[i]);
        assert_int_equal(READ(body.p, STRUCTURED), ERR_OK);
        struct str text = arena_printf(&arena, HEAD "[],\"detail\":%.*s}", STR_ARG(entries->detail));
        buf_init(&out, 0);
        assert_int_equal(doc_parse(&arena, text, &event, &fault), ERR_OK);
        assert_true(cloudevent_write(event, &out));
        assert_int_equal(doc_parse(&arena, buf_str(&out), &back, &fault), ERR_OK);
        assert_int_equal(doc_parse(&arena, body, &in, &fault), ERR_OK);
        assert_int_equal(back->count, in->count + 2); /* account and region */
        for (const struct node *n = in->child; n; n = n->next) {
            const struct node *same = doc_get(back, n->key);
            if (!same || !str_eq(same->raw, n->raw)) fail_msg("%s: %.*s of %.*s", body.p, STR_ARG(n->key), STR_ARG(buf_str(&out)));
        }
        buf_fini(&out);
    }
}

static void headers_are_unquoted(void **state) {
    (void)state;
    assert_int_equal(READ("", HEADER("ce-specversion", "1.0"), HEADER("ce-id", "\"a\\\"b %41%2541\""), HEADER("ce-source", "s"), HEADER("ce-type", "t")), ERR_OK);
    IS(entries->detail, "{\"cloudevent\":{\"id\":\"a\\\"b A%41\"}}");
    assert_int_equal(READ("", HEADER("ce-specversion", "1.0"), HEADER("ce-id", "%0a"), HEADER("ce-source", "s"), HEADER("ce-type", "t")), ERR_MALFORMED);
}

static void memory_has_a_bound(void **state) {
    (void)state;
    static const struct cloudevent_header headers[] = {STRUCTURED};
    struct arena small;
    struct buf body;
    buf_init(&body, 0);
    buf_addz(&body, BODY(",\"data\":[0"));
    body.n--; /* the brace */
    for (int i = 0; i < 20000; i++) buf_addz(&body, ",1");
    buf_addz(&body, "]}");
    arena_init(&small, 256 << 10);
    assert_int_equal(cloudevent_read(headers, 1, buf_str(&body), STR("b"), &small, &entries, &count, &fault), ERR_TOO_LARGE);
    arena_fini(&small);
    buf_fini(&body);
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, begin, end)
    const struct CMUnitTest tests[] = {T(structured), T(binary), T(batches), T(mistakes), T(out), T(only_the_same_event_has_the_same_id), T(what_is_forged_stays_out),
                                       T(all_data_comes_back_as_it_was), T(headers_are_unquoted), T(memory_has_a_bound)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

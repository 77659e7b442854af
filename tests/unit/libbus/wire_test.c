#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "wire.h"

static const struct str secret = {"secret", 6};

/* A signed frame: header, mac, body. */
static struct buf frame_of(enum wire_kind kind, struct str key_id, struct str body) {
    struct wire_signature s = {.key_id = key_id, .session = "session", .counter = 0x0102030405060708u, .timestamp_ms = 1767225600123};
    uint8_t header[WIRE_HEADER_MAX];
    size_t n = wire_sign(kind, &s, secret, body, header);
    struct buf b;
    buf_init(&b, 0);
    buf_add(&b, str_of((char *)header, n));
    buf_add(&b, body);
    return b;
}

static struct buf put_body(const struct wire_entry *entries, size_t count) {
    struct buf b;
    buf_init(&b, 0);
    wire_put_begin(&b);
    for (size_t i = 0; i < count; i++) {
        size_t before = b.n;
        wire_put_add(&b, &entries[i]);
        assert_int_equal(b.n - before, wire_put_size(&entries[i]));
    }
    wire_put_end(&b, count);
    assert_false(b.failed);
    return b;
}

static void assert_str(struct str a, struct str b) {
    assert_int_equal(a.p == NULL, b.p == NULL);
    assert_true(str_eq(a, b));
}

static void request_round_trip_and_mac_covers_header_and_body(void **state) {
    (void)state;
    struct buf frame = frame_of(WIRE_CALL, STR("AKIDEXAMPLE"), STR("\x01X{}"));
    struct wire_request q;
    struct fault fault;
    assert_int_equal(wire_read_request(buf_str(&frame), &q, &fault), ERR_OK);
    assert_int_equal(q.kind, WIRE_CALL);
    assert_str(q.signature.key_id, STR("AKIDEXAMPLE"));
    assert_memory_equal(q.signature.session, "session", 8);
    assert_true(q.signature.counter == 0x0102030405060708u);
    assert_true(q.signature.timestamp_ms == 1767225600123);
    assert_str(q.body, STR("\x01X{}"));
    uint8_t mac[32];
    hash_hmac_sha256(secret, q.signed_header, q.body, mac);
    assert_memory_equal(mac, q.signature.mac, 32);
    for (size_t i = 0; i < frame.n; i++) { /* no bit of the frame is outside the mac, except the mac itself */
        frame.p[i] ^= 1;
        struct wire_request changed;
        if (wire_read_request(buf_str(&frame), &changed, &fault) == ERR_OK) {
            hash_hmac_sha256(secret, changed.signed_header, changed.body, mac);
            assert_false(hash_equal_ct(mac, changed.signature.mac, 32));
        }
        frame.p[i] ^= 1;
    }
    buf_fini(&frame);
}

static void put_round_trip_keeps_absent_empty_and_full_apart(void **state) {
    (void)state;
    struct str resources[3] = {STR("arn:aws:ec2:a"), STR(""), STR("arn:b")};
    struct wire_entry in[3] = {
        {.id = id_random(), .has_id = true, .time_ms = 42, .bus = STR("orders"), .source = STR("shop"), .detail_type = STR("Order"),
         .trace_header = STR("Root=1"), .resources = resources, .resource_count = 3, .detail = STR("{\"a\":\"\xc3\xa4\"}")},
        {.time_ms = -1, .source = STR("")},
        {.time_ms = 0, .detail = STR("{}")},
    };
    struct buf body = put_body(in, 3);
    struct arena arena;
    arena_init(&arena, 0);
    struct wire_entry *out;
    size_t count;
    struct fault fault;
    assert_int_equal(wire_read_put(buf_str(&body), &arena, &out, &count, &fault), ERR_OK);
    assert_int_equal(count, 3);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(out[i].has_id, in[i].has_id);
        assert_memory_equal(&out[i].id, &in[i].id, sizeof in[i].id);
        assert_true(out[i].time_ms == in[i].time_ms);
        assert_str(out[i].bus, in[i].bus);
        assert_str(out[i].source, in[i].source);
        assert_str(out[i].detail_type, in[i].detail_type);
        assert_str(out[i].trace_header, in[i].trace_header);
        assert_str(out[i].detail, in[i].detail);
        assert_int_equal(out[i].resource_count, in[i].resource_count);
        for (size_t k = 0; k < in[i].resource_count; k++) assert_str(out[i].resources[k], in[i].resources[k]);
    }
    arena_fini(&arena);
    buf_fini(&body);
}

static void call_round_trip(void **state) {
    (void)state;
    struct buf body;
    struct str operation, json;
    struct fault fault;
    buf_init(&body, 0);
    wire_call_body(&body, STR("events.PutRule"), STR("{\"Name\":\"r\"}"));
    assert_int_equal(wire_read_call(buf_str(&body), &operation, &json, &fault), ERR_OK);
    assert_str(operation, STR("events.PutRule"));
    assert_str(json, STR("{\"Name\":\"r\"}"));
    buf_fini(&body);
    assert_int_equal(wire_read_call(STR(""), &operation, &json, &fault), ERR_MALFORMED);
    assert_int_equal(wire_read_call(STR("\x05""abc"), &operation, &json, &fault), ERR_MALFORMED);
    assert_int_equal(wire_read_call(STR("\x01X\"\xff\""), &operation, &json, &fault), ERR_MALFORMED);
}

static void answers_round_trip(void **state) {
    (void)state;
    struct arena arena;
    struct buf frame;
    struct fault fault;
    struct wire_answer a;
    arena_init(&arena, 0);
    buf_init(&frame, 0);

    wire_answer(&frame, STR("{\"RuleArn\":\"x\"}"));
    assert_int_equal(wire_read_answer(buf_str(&frame), &arena, &a, &fault), ERR_OK);
    assert_int_equal(a.kind, WIRE_ANSWER);
    assert_str(a.json, STR("{\"RuleArn\":\"x\"}"));

    buf_clear(&frame);
    fault_at(&fault, ERR_VALIDATION, "eventPattern", 3, 7, "it is not right");
    wire_error(&frame, &fault, 1767225600999);
    assert_int_equal(wire_read_answer(buf_str(&frame), &arena, &a, &fault), ERR_OK);
    assert_int_equal(a.kind, WIRE_ERROR);
    assert_int_equal(a.error.err, ERR_VALIDATION);
    assert_str(a.error.type, STR("ValidationException"));
    assert_str(a.error.where, STR("eventPattern"));
    assert_str(a.error.message, STR("it is not right"));
    assert_int_equal(a.error.line, 3);
    assert_int_equal(a.error.column, 7);
    assert_true(a.error.daemon_ms == 1767225600999);

    buf_clear(&frame);
    struct wire_result in[2] = {{.id = id_random(), .duplicate = true}, {.err = ERR_THROTTLING, .id = id_random(), .message = STR("slower")}};
    wire_results_begin(&frame, 2);
    for (int i = 0; i < 2; i++) wire_results_add(&frame, &in[i]);
    assert_int_equal(wire_read_answer(buf_str(&frame), &arena, &a, &fault), ERR_OK);
    assert_int_equal(a.kind, WIRE_RESULTS);
    assert_int_equal(a.count, 2);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(a.results[i].err, in[i].err);
        assert_int_equal(a.results[i].duplicate, in[i].duplicate);
        assert_memory_equal(&a.results[i].id, &in[i].id, 16);
        assert_str(a.results[i].message, in[i].message);
    }
    buf_fini(&frame);
    arena_fini(&arena);
}

/* Every prefix of a good frame is refused with a sentence, or is a shorter good frame whose body is then refused. */
static void every_truncation_is_refused(void **state) {
    (void)state;
    struct str resource = STR("arn");
    struct wire_entry e = {.id = id_random(), .has_id = true, .time_ms = 1, .bus = STR("b"), .source = STR("s"), .detail_type = STR("t"),
                           .resources = &resource, .resource_count = 1, .detail = STR("{}")};
    struct buf body = put_body(&e, 1), frame = frame_of(WIRE_PUT, STR("AKID"), buf_str(&body));
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t n = 0; n < frame.n; n++) {
        char *cut = malloc(n ? n : 1); /* exactly as long, so that the sanitizer sees a read past the end */
        memcpy(cut, frame.p, n);
        struct wire_request q;
        struct wire_entry *entries;
        size_t count;
        struct fault fault;
        fault_clear(&fault);
        enum err err = wire_read_request(str_of(cut, n), &q, &fault);
        if (!err) err = wire_read_put(q.body, &arena, &entries, &count, &fault);
        assert_int_equal(err, ERR_MALFORMED);
        assert_true(fault.message[0] != 0);
        free(cut);
    }
    arena_fini(&arena);
    buf_fini(&body);
    buf_fini(&frame);
}

static void assert_request_refused(struct buf *frame, size_t at, char byte, enum err expected) {
    char was = frame->p[at];
    frame->p[at] = byte;
    struct wire_request q;
    struct fault fault;
    assert_int_equal(wire_read_request(buf_str(frame), &q, &fault), expected);
    frame->p[at] = was;
}

static void wrong_magic_version_kind_and_reserved_bytes_are_refused(void **state) {
    (void)state;
    struct buf frame = frame_of(WIRE_PUT, STR("AKID"), STR("body"));
    assert_request_refused(&frame, 0, 'b', ERR_MALFORMED);
    assert_request_refused(&frame, 3, 2, ERR_MALFORMED);
    assert_request_refused(&frame, 4, WIRE_ANSWER, ERR_MALFORMED);
    assert_request_refused(&frame, 4, 0, ERR_MALFORMED);
    assert_request_refused(&frame, 5, (char)129, ERR_MALFORMED);
    assert_request_refused(&frame, 6, 1, ERR_MALFORMED);
    buf_fini(&frame);
}

static enum err read_put(struct str body, size_t arena_bytes) {
    struct arena arena;
    arena_init(&arena, arena_bytes);
    struct wire_entry *entries;
    size_t count;
    struct fault fault;
    enum err err = wire_read_put(body, &arena, &entries, &count, &fault);
    arena_fini(&arena);
    return err;
}

static void lying_counts_are_refused_before_memory_is_taken(void **state) {
    (void)state;
    struct wire_entry e = {.time_ms = -1};
    struct buf body = put_body(&e, 1);
    assert_int_equal(read_put(buf_str(&body), 0), ERR_OK);
    wire_put_end(&body, 0);
    assert_int_equal(read_put(buf_str(&body), 0), ERR_MALFORMED);
    wire_put_end(&body, 2);
    assert_int_equal(read_put(buf_str(&body), 0), ERR_MALFORMED);
    wire_put_end(&body, WIRE_ENTRIES_MAX + 1);
    assert_int_equal(read_put(buf_str(&body), 0), ERR_TOO_LARGE);
    wire_put_end(&body, UINT32_MAX);
    assert_int_equal(read_put(buf_str(&body), 0), ERR_TOO_LARGE);
    wire_put_end(&body, 1);
    body.p[4] = 4; /* a flag nobody knows */
    assert_int_equal(read_put(buf_str(&body), 0), ERR_MALFORMED);
    body.p[4] = 0;
    size_t resources_at = 4 + 1 + 16 + 8 + 4 * 4;
    body.p[resources_at] = 0x20; /* 8,192 resources in no bytes */
    assert_int_equal(read_put(buf_str(&body), 0), ERR_MALFORMED);
    body.p[resources_at] = 0x7f; /* 32,512 */
    assert_int_equal(read_put(buf_str(&body), 0), ERR_MALFORMED);
    body.p[resources_at] = 0;
    buf_addc(&body, 'x');
    assert_int_equal(read_put(buf_str(&body), 0), ERR_MALFORMED);
    buf_fini(&body);
}

static void entries_past_the_arenas_cap_are_an_error(void **state) {
    (void)state;
    static struct wire_entry entries[100];
    struct buf body = put_body(entries, 100);
    assert_int_equal(read_put(buf_str(&body), 0), ERR_OK);
    assert_int_equal(read_put(buf_str(&body), 4096), ERR_NOMEM);
    buf_fini(&body);
}

static void frame_past_sixteen_mib_is_too_large(void **state) {
    (void)state;
    struct buf b;
    buf_init(&b, 0);
    assert_true(buf_reserve(&b, WIRE_FRAME_MAX + 1));
    memset(b.p, 0, WIRE_FRAME_MAX + 1);
    struct wire_request q;
    struct fault fault;
    assert_int_equal(wire_read_request(str_of(b.p, WIRE_FRAME_MAX + 1), &q, &fault), ERR_TOO_LARGE);
    buf_fini(&b);
}

static void broken_answers_are_protocol_errors(void **state) {
    (void)state;
    static const struct str broken[] = {
        {"", 0},
        {"BUS\x01", 4},
        {"BUS\x02\x03\0\0\0", 8},              /* another version */
        {"BUS\x01\x02\0\0\0", 8},              /* a PUT */
        {"BUS\x01\x03\0\1\0", 8},              /* reserved bytes */
        {"BUS\x01\x05\0\0\0", 8},              /* RESULTS without a count */
        {"BUS\x01\x05\0\0\0\0\0\0\1", 12},     /* one result in no bytes */
        {"BUS\x01\x05\0\0\0\0\0\0\0x", 13},    /* bytes behind the last */
        {"BUS\x01\x05\0\0\0\xff\xff\xff\xff", 12},
        {"BUS\x01\x04\0\0\0\0\1", 10},         /* ERROR cut off */
    };
    struct arena arena;
    arena_init(&arena, 0);
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        struct wire_answer a;
        struct fault fault;
        assert_int_equal(wire_read_answer(broken[i], &arena, &a, &fault), ERR_PROTOCOL);
    }
    arena_fini(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request_round_trip_and_mac_covers_header_and_body),
        cmocka_unit_test(put_round_trip_keeps_absent_empty_and_full_apart),
        cmocka_unit_test(call_round_trip),
        cmocka_unit_test(answers_round_trip),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(wrong_magic_version_kind_and_reserved_bytes_are_refused),
        cmocka_unit_test(lying_counts_are_refused_before_memory_is_taken),
        cmocka_unit_test(entries_past_the_arenas_cap_are_an_error),
        cmocka_unit_test(frame_past_sixteen_mib_is_too_large),
        cmocka_unit_test(broken_answers_are_protocol_errors),
    };
    return cmocka_run_group_tests_name("libbus/wire", tests, NULL, NULL);
}

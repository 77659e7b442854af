/* Signature Version 4: AWS's published suite (tests/cases/sigv4/suite.jsonl: requests, canonical forms, signatures), and what is said of a request that is not
 * signed as it should be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

#include "hash.h"
#include "os.h"
#include "sigv4.h"

#define KEY_ID "AKIDEXAMPLE"
#define SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define SCOPE KEY_ID "/20150830/us-east-1/service/aws4_request"
#define WHEN "20150830T123600Z"
enum { HEADERS_MOST = 16 };

static struct str text_of(const json_t *object, const char *key) {
    const json_t *v = json_object_get(object, key);
    return v ? str_of(json_string_value(v), json_string_length(v)) : STR_NULL;
}

static size_t headers_of(const json_t *c, struct sigv4_header *headers) {
    size_t i;
    json_t *pair;
    json_array_foreach(json_object_get(c, "headers"), i, pair) {
        headers[i].name = str_from(json_string_value(json_array_get(pair, 0)));
        headers[i].value = str_from(json_string_value(json_array_get(pair, 1)));
    }
    return i;
}

static void sign_and_compare(const json_t *c, bool changed) {
    struct sigv4_header headers[HEADERS_MOST];
    struct sigv4_request r = {.method = text_of(c, "method"), .target = text_of(c, "target"), .headers = headers, .header_count = headers_of(c, headers)};
    struct sigv4_claim claim;
    struct str text, canonical, body = text_of(c, "body");
    struct arena a;
    struct fault fault;
    uint8_t digest[32], key[32];
    char hex[65];
    arena_init(&a, 0);
    fault_clear(&fault);
    struct str authorization = arena_printf(&a, "AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=%.*s, Signature=%.*s", STR_ARG(text_of(c, "signed")),
                                            STR_ARG(text_of(c, "signature")));
    headers[r.header_count++] = (struct sigv4_header){STR("Authorization"), authorization};
    assert_int_equal(sigv4_read(&r, &a, &claim, &fault), ERR_OK);
    assert_true(str_eqz(claim.key_id, KEY_ID) && str_eqz(claim.service, "service") && str_eqz(claim.region, "us-east-1"));
    assert_int_equal(claim.time_ms, INT64_C(1440938160000));
    assert_int_equal(claim.expires_s, -1);
    hash_sha256(changed ? STR("something else") : body, digest);
    hash_hex(digest, sizeof digest, hex);
    assert_int_equal(sigv4_string_to_sign(&r, &claim, str_from(hex), &a, &text, &canonical, &fault), ERR_OK);
    if (!changed && !str_eq(canonical, text_of(c, "canonical"))) fail_msg("%s:\n%.*s", json_string_value(json_object_get(c, "name")), STR_ARG(canonical));
    sigv4_key(STR(SECRET), claim.date, claim.region, claim.service, key);
    assert_int_equal(sigv4_matches(key, text, claim.signature), !changed);
    sigv4_key(STR(SECRET "x"), claim.date, claim.region, claim.service, key);
    assert_false(sigv4_matches(key, text, claim.signature));
    arena_fini(&a);
}

static void the_published_suite(void **state) {
    (void)state;
    struct buf file;
    struct fault fault;
    size_t count = 0;
    buf_init(&file, 0);
    assert_int_equal(os_read_file("tests/cases/sigv4/suite.jsonl", 1 << 20, &file, &fault), ERR_OK);
    struct str rest = buf_str(&file), line;
    while (str_cut(&rest, '\n', &line)) {
        if (!line.n) continue;
        json_t *c = json_loadb(line.p, line.n, 0, NULL);
        assert_non_null(c);
        sign_and_compare(c, false);
        sign_and_compare(c, true);
        json_decref(c);
        count++;
    }
    assert_true(count >= 29);
    buf_fini(&file);
}

static void a_presigned_query(void **state) {
    (void)state;
    struct sigv4_header host = {STR("host"), STR("example.amazonaws.com")};
    struct sigv4_request r = {.method = STR("GET"),
                              .target = STR("/?Action=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice"
                                            "%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-Signature=00&X-Amz-SignedHeaders=host"),
                              .headers = &host,
                              .header_count = 1};
    struct sigv4_claim claim;
    struct str text, canonical;
    struct arena a;
    struct fault fault;
    arena_init(&a, 0);
    assert_int_equal(sigv4_read(&r, &a, &claim, &fault), ERR_INVALID_SIGNATURE); /* 00 is no signature */
    char target[600];
    snprintf(target, sizeof target, "%.*s&X-Amz-Signature=%064d", (int)(strstr(r.target.p, "&X-Amz-Signature=00") - r.target.p), r.target.p, 7);
    r.target = arena_printf(&a, "%s&X-Amz-SignedHeaders=host", target);
    assert_int_equal(sigv4_read(&r, &a, &claim, &fault), ERR_OK);
    assert_int_equal(claim.expires_s, 60);
    assert_true(str_eqz(claim.key_id, KEY_ID));
    assert_int_equal(sigv4_string_to_sign(&r, &claim, STR("x"), &a, &text, &canonical, &fault), ERR_OK);
    assert_true(str_eqz(canonical, "GET\n/\nAction=GetCallerIdentity&X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIDEXAMPLE%2F20150830%2Fus-east-1%2Fservice"
                                   "%2Faws4_request&X-Amz-Date=20150830T123600Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host\nhost:example.amazonaws.com\n\nhost\nx"));
    arena_fini(&a);
}

static void mistakes_are_told_together(void **state) {
    (void)state;
    static const struct {
        const char *authorization, *date, *target;
        enum err err;
        const char *part;
    } rows[] = {
        {NULL, WHEN, "/", ERR_MISSING_AUTH, "Missing Authentication Token"},
        {"Basic abc", WHEN, "/", ERR_INCOMPLETE_SIGNATURE, "requires the algorithm 'AWS4-HMAC-SHA256', not 'Basic'"},
        {"AWS4-HMAC-SHA256 x=y", NULL, "/", ERR_INCOMPLETE_SIGNATURE,
         "requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. Authorization "
         "header requires existence of either a 'X-Amz-Date'"},
        {"AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=00", WHEN, "/", ERR_INCOMPLETE_SIGNATURE, "exactly 5 slash-delimited elements"},
        {"AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=host, Signature=00", WHEN, "/", ERR_INVALID_SIGNATURE, "64 hexadecimal digits"},
        {"AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=host, Signature="
         "0000000000000000000000000000000000000000000000000000000000000000",
         "2015-08-30T12:36:00Z", "/", ERR_INCOMPLETE_SIGNATURE, "ISO-8601 'basic format'"},
        {"AWS4-HMAC-SHA256 Credential=" SCOPE ", SignedHeaders=host, Signature="
         "0000000000000000000000000000000000000000000000000000000000000000",
         "20150831T123600Z", "/", ERR_INVALID_SIGNATURE, "does not match YYYYMMDD"},
        {NULL, WHEN, "/?X-Amz-Signature=1", ERR_INCOMPLETE_SIGNATURE, "'X-Amz-Expires', a number of seconds from 1 to 604800"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sigv4_header headers[3] = {{STR("Host"), STR("h")}};
        struct sigv4_request r = {.method = STR("POST"), .target = str_from(rows[i].target), .headers = headers, .header_count = 1};
        struct sigv4_claim claim;
        struct arena a;
        struct fault fault;
        if (rows[i].date) headers[r.header_count++] = (struct sigv4_header){STR("X-Amz-Date"), str_from(rows[i].date)};
        if (rows[i].authorization) headers[r.header_count++] = (struct sigv4_header){STR("authorization"), str_from(rows[i].authorization)};
        arena_init(&a, 0);
        fault_clear(&fault);
        assert_int_equal(sigv4_read(&r, &a, &claim, &fault), rows[i].err);
        if (!strstr(fault.message, rows[i].part)) fail_msg("%s\nhas no %s", fault.message, rows[i].part);
        arena_fini(&a);
    }
}

static void what_is_signed_must_be_there(void **state) {
    (void)state;
    struct sigv4_header host = {STR("Host"), STR("h")};
    struct sigv4_request r = {.method = STR("GET"), .target = STR("/"), .headers = &host, .header_count = 1};
    struct sigv4_claim claim = {.signed_headers = STR("host;x-amz-date"), .timestamp = STR(WHEN), .date = STR("20150830"), .expires_s = -1};
    struct str text;
    struct arena a;
    struct fault fault;
    arena_init(&a, 0);
    assert_int_equal(sigv4_string_to_sign(&r, &claim, STR("x"), &a, &text, NULL, &fault), ERR_INVALID_SIGNATURE);
    assert_string_equal(fault.message, "The header 'x-amz-date' is said to be signed, but is not there.");
    host.name = STR("x-amz-date");
    claim.signed_headers = STR("x-amz-date");
    assert_int_equal(sigv4_string_to_sign(&r, &claim, STR("x"), &a, &text, NULL, &fault), ERR_INVALID_SIGNATURE);
    assert_string_equal(fault.message, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    struct sigv4_header both[2] = {{STR("Host"), STR("h")}, {STR("X-Amz-Target"), STR("AWSEvents.PutEvents")}};
    r.headers = both;
    r.header_count = 2;
    claim.signed_headers = STR("host");
    assert_int_equal(sigv4_string_to_sign(&r, &claim, STR("x"), &a, &text, NULL, &fault), ERR_INVALID_SIGNATURE);
    assert_string_equal(fault.message, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization.");
    claim.signed_headers = STR("host;x-amz-target");
    assert_int_equal(sigv4_string_to_sign(&r, &claim, STR("x"), &a, &text, NULL, &fault), ERR_OK);
    arena_fini(&a);
}

static void times_go_both_ways(void **state) {
    (void)state;
    char text[17];
    int64_t ms;
    sigv4_timestamp(INT64_C(1440938160999), text);
    assert_string_equal(text, WHEN);
    assert_true(sigv4_time(STR(WHEN), &ms));
    assert_int_equal(ms, INT64_C(1440938160000));
    static const char *const wrong[] = {"", "20150830T123600", "20150830 123600Z", "20151330T123600Z", "2015083OT123600Z", "20150830T123600ZZ"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) assert_false(sigv4_time(str_from(wrong[i]), &ms));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_published_suite),          cmocka_unit_test(a_presigned_query), cmocka_unit_test(mistakes_are_told_together),
        cmocka_unit_test(what_is_signed_must_be_there), cmocka_unit_test(times_go_both_ways),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

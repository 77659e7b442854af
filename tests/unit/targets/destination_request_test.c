#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "destination/request.h"
#include "destination/retry_after.h"
#include "destination/token.h"

static struct fault fault;
#define NOW ((int64_t)1777636800000) /* 2026-05-01T12:00:00Z */

static void retry_after_takes_seconds_and_dates(void **state) {
    (void)state;
    static const struct {
        const char *text;
        int64_t ms;
    } rows[] = {{"0", 0},
                {"7", 7000},
                {" 7 \t", 7000},
                {"999999999", 86400000},
                {"Fri, 01 May 2026 12:01:30 GMT", 90000},
                {"Friday, 01-May-26 12:00:05 GMT", 5000},
                {"Fri May  1 12:00:05 2026", 5000},
                {"Mon May 11 12:00:05 2026", 86400000},
                {"Thu, 30 Apr 2026 12:00:00 GMT", 0},
                {"Sun, 06 Nov 1994 08:49:37 GMT", 0},
                {"soon", -1},
                {"-5", -1},
                {"", -1},
                {"1.5", -1},
                {"99999999999999999999", -1},
                {"Fri, 32 May 2026 12:01:30 GMT", -1},
                {"Fri, 31 Apr 2026 12:01:30 GMT", -1},
                {"Fri, 29 Feb 2100 12:01:30 GMT", -1},
                {"Fri, 01 May 2026 24:01:30 GMT", -1},
                {"Fri, 01 May 2026 12:01:30 UTC", -1},
                {"Fri, 01 May 2026 12:01:30 GMT ,", -1},
                {"Xyz, 01 May 2026 12:01:30 GMT", -1},
                {"Fri, 1 May 2026 12:01:30 GMT", -1}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (retry_after_ms(str_from(rows[i].text), NOW) != rows[i].ms)
            fail_msg("'%s': %lld", rows[i].text, (long long)retry_after_ms(str_from(rows[i].text), NOW));
}

static void dates_are_exact(void **state) {
    (void)state;
    int64_t ms = 0;
    assert_true(http_date_parse(STR("Sun, 06 Nov 1994 08:49:37 GMT"), NOW, &ms) && ms == 784111777000);
    assert_true(http_date_parse(STR("Sunday, 06-Nov-94 08:49:37 GMT"), NOW, &ms) && ms == 784111777000);
    assert_true(http_date_parse(STR("Sun Nov  6 08:49:37 1994"), NOW, &ms) && ms == 784111777000);
    assert_true(http_date_parse(STR("Thu, 29 Feb 2024 23:59:60 GMT"), NOW, &ms) && ms == 1709251200000);
}

static void merge(const char *json, const char *expected) {
    static const struct connection_parameter members[] = {{.key = {"k", 1}, .value = {"v\"", 2}}, {.key = {"x\n", 2}, .value = {"", 0}}};
    struct buf out;
    buf_init(&out, 0);
    enum err err = body_merge(str_from(json), members, 2, &out, &fault);
    if ((err == ERR_OK) != (expected != NULL) || (expected && !str_eqz(buf_str(&out), expected)))
        fail_msg("%s: %.*s", json, STR_ARG(buf_str(&out)));
    buf_fini(&out);
}

static void body_members_are_put_in_and_nothing_else_changes(void **state) {
    (void)state;
#define NEW "\"k\":\"v\\\"\",\"x\\n\":\"\"}"
    merge("{}", "{" NEW);
    merge(" { } ", "{" NEW);
    merge("{\"a\":1.50,\"b\":{\"k\":[1,{}]}}", "{\"a\":1.50,\"b\":{\"k\":[1,{}]}," NEW);
    merge("{\"k\":{\"deep\":[\"}\",\"\\\"\"]},\"b\":2}", "{\"b\":2," NEW);
    merge("{\"b\":2,\"\\u006b\":null,\"x\\n\":3}", "{\"b\":2," NEW);
    merge("{\"a\" : \"k\" , \"k\" : 1 }", "{\"a\" : \"k\" ," NEW);
    merge("[1]", NULL);
    merge("\"text\"", NULL);
    merge("", NULL);
    merge("{\"a\":1", NULL);
    merge("{\"a\":1,", NULL);
    merge("{\"a\":1}x", NULL);
    merge("{\"a\"}", NULL);
    merge("{\"a", NULL);
}

static struct connection_parameter parameter(const char *key, const char *value) {
    return (struct connection_parameter){.key = str_from(key), .value = str_from(value), .is_secret = {true, true}};
}

static void secrets_are_covered_in_every_form(void **state) {
    (void)state;
    struct connection_basic basic = {STR("me"), STR("pa ss\"")};
    struct connection_parameter hidden = parameter("k", "hid/den");
    struct connection_http http = {.headers = {true, 1, &hidden}};
    struct connection_auth auth = {.basic = &basic, .http = &http};
    struct buf text;
    buf_init(&text, 0);
    buf_addz(&text, "a pa ss\" b pa%20ss%22 c pa ss\\\" d hid/den e hid%2Fden f bWU6cGEgc3Mi g Bearer tok-en h tok-en me");
    request_redact(&auth, STR("Bearer tok-en"), &text);
    assert_true(str_eqz(buf_str(&text), "a **** b **** c **** d **** e **** f **** g **** h **** me"));
    basic.password = STR("ab");
    request_redact(&auth, STR_NULL, &text);
    assert_true(text.n > 0);
    buf_addz(&text, "xaby");
    request_redact(&auth, STR_NULL, &text);
    assert_int_equal(text.n, 0);
    buf_fini(&text);
}

static void token_answers(void **state) {
    (void)state;
    static const struct {
        const char *json, *value;
        int64_t lifetime;
    } rows[] = {{"{\"access_token\":\"abc\",\"token_type\":\"bearer\",\"expires_in\":3600}", "Bearer abc", 3540},
                {"{\"access_token\":\"abc\"}", "Bearer abc", 3540},
                {"{\"access_token\":\"abc\",\"token_type\":\"MAC\",\"expires_in\":\"100\"}", "MAC abc", 90},
                {"{\"access_token\":\"abc\",\"expires_in\":-5}", "Bearer abc", 0},
                {"{\"access_token\":\"abc\",\"expires_in\":59.9}", "Bearer abc", 54},
                {"{\"access_token\":\"abc\",\"expires_in\":99999999999}", "Bearer abc", 30 * 86400 - 60},
                {"{\"access_token\":\"a b\"}", NULL, 0},
                {"{\"access_token\":\"a\\r\\nX: y\"}", NULL, 0},
                {"{\"access_token\":\"a\",\"token_type\":\"x y\"}", NULL, 0},
                {"{\"access_token\":\"\"}", NULL, 0},
                {"{\"access_token\":5}", NULL, 0},
                {"[]", NULL, 0},
                {"", NULL, 0},
                {"<html>", NULL, 0}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf value;
        int64_t lifetime = -1;
        buf_init(&value, 0);
        enum err err = token_parse(str_from(rows[i].json), &value, &lifetime, &fault);
        if ((err == ERR_OK) != (rows[i].value != NULL)) fail_msg("%s", rows[i].json);
        if (!err) assert_true(str_eqz(buf_str(&value), rows[i].value));
        if (!err) assert_int_equal(lifetime, rows[i].lifetime);
        buf_fini(&value);
    }
}

static struct connection_basic basic_auth = {{"u", 1}, {"p", 1}};
static struct connection_auth plain_auth = {.basic = &basic_auth};

static enum err fill(struct request *r, const char *endpoint, const char *method, const char *parameters) {
    static struct destination d;
    static struct connection c;
    c.auth = &plain_auth;
    d.endpoint = str_from(endpoint);
    d.method = str_from(method);
    struct delivery delivery = {.input = STR("{}"), .parameters = str_from(parameters)};
    return request_fill(r, &d, &c, &delivery, STR_NULL, &fault);
}

static void nothing_of_an_event_breaks_out_of_its_place(void **state) {
    (void)state;
    struct request r;
    assert_int_equal(fill(&r, "https://h/*?a=*", "POST", "{\"path\":[\"../x?y#z\",\"&b=\\u00fc\"],\"query\":{\"q\":\"&\\r\\n\"}}"), ERR_OK);
    assert_string_equal(r.url.p, "https://h/..%2Fx%3Fy%23z?a=%26b%3D%C3%BC&q=%26%0D%0A");
    request_fini(&r);
    static const char *const refused[] = {"{\"path\":[\"..\"]}",
                                          "{\"path\":[\".\"]}",
                                          "{\"path\":[\"\"]}",
                                          "{\"path\":[]}",
                                          NULL,
                                          "{\"path\":[\"a\"],\"headers\":{\"x\":\"a\\r\\nEvil: 1\"}}",
                                          "{\"path\":[\"a\"],\"headers\":{\"x: y\":\"a\"}}",
                                          "no json"};
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(fill(&r, "https://h/*", "POST", refused[i]), ERR_VALIDATION);
}

static bool has_line(const struct request *r, const char *line) {
    for (const struct curl_slist *h = r->headers; h; h = h->next)
        if (strcmp(h->data, line) == 0) return true;
    return false;
}

static void headers_of_the_sender_stay_its_own(void **state) {
    (void)state;
    struct request r;
    assert_int_equal(fill(&r, "https://h/", "PUT",
                          "{\"headers\":{\"Host\":\"evil\",\"content-length\":\"1\",\"authorization\":\"evil\",\"Content-Type\":\"text/"
                          "x\",\"empty\":\"\"}}"),
                     ERR_OK);
    assert_true(has_line(&r, "Authorization: Basic dTpw"));
    assert_true(has_line(&r, "Content-Type: text/x"));
    assert_true(has_line(&r, "empty;"));
    assert_true(has_line(&r, "User-Agent: Amazon/EventBridge/ApiDestinations"));
    for (const struct curl_slist *h = r.headers; h; h = h->next) assert_null(strstr(h->data, "evil"));
    assert_true(str_eqz(r.body, "{}"));
    request_fini(&r);
    assert_int_equal(fill(&r, "https://h/", "GET", NULL), ERR_OK);
    assert_null(r.body.p);
    request_fini(&r);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(retry_after_takes_seconds_and_dates),
        cmocka_unit_test(dates_are_exact),
        cmocka_unit_test(body_members_are_put_in_and_nothing_else_changes),
        cmocka_unit_test(secrets_are_covered_in_every_form),
        cmocka_unit_test(token_answers),
        cmocka_unit_test(nothing_of_an_event_breaks_out_of_its_place),
        cmocka_unit_test(headers_of_the_sender_stay_its_own),
    };
    return cmocka_run_group_tests_name("targets/destination_request", tests, NULL, NULL);
}

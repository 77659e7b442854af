#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "destination/guard.h"

static struct fault fault;

static struct sockaddr_storage address(const char *text) {
    struct sockaddr_storage s = {0};
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&s;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&s;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1)
        s.ss_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1)
        s.ss_family = AF_INET6;
    else
        fail_msg("%s", text);
    return s;
}
static bool is_public(const char *text) {
    struct sockaddr_storage s = address(text);
    return guard_is_public((struct sockaddr *)&s);
}
static bool permits(const struct guard *g, const char *text) {
    struct sockaddr_storage s = address(text);
    return guard_permits(g, (struct sockaddr *)&s);
}

static void only_what_the_internet_reaches_is_public(void **state) {
    (void)state;
    static const char *const closed[] = {"0.0.0.0",
                                         "0.1.2.3",
                                         "10.0.0.1",
                                         "10.255.255.255",
                                         "100.64.0.1",
                                         "100.100.100.200",
                                         "100.127.255.255",
                                         "127.0.0.1",
                                         "127.255.0.1",
                                         "169.254.169.254",
                                         "169.254.170.2",
                                         "172.16.0.1",
                                         "172.31.255.255",
                                         "192.0.0.192",
                                         "192.0.2.1",
                                         "192.88.99.1",
                                         "192.168.0.1",
                                         "198.18.0.1",
                                         "198.19.255.255",
                                         "198.51.100.7",
                                         "203.0.113.9",
                                         "224.0.0.1",
                                         "239.255.255.255",
                                         "240.0.0.1",
                                         "255.255.255.255",
                                         "::",
                                         "::1",
                                         "::2",
                                         "::ffff:127.0.0.1",
                                         "::ffff:169.254.169.254",
                                         "::ffff:10.0.0.1",
                                         "::127.0.0.1",
                                         "64:ff9b::7f00:1",
                                         "64:ff9b:1::1",
                                         "100::1",
                                         "2001::1",
                                         "2001:db8::1",
                                         "2002:7f00:1::",
                                         "2002:a00:1::1",
                                         "3fff::1",
                                         "fc00::1",
                                         "fd00:ec2::254",
                                         "fe80::1",
                                         "febf::1",
                                         "fec0::1",
                                         "ff02::1",
                                         "4000::1"};
    static const char *const open[] = {"1.1.1.1",         "8.8.8.8",         "9.255.255.255",    "11.0.0.0",        "100.63.255.255",
                                       "100.128.0.0",     "126.255.255.255", "128.0.0.1",        "169.253.255.255", "172.15.255.255",
                                       "172.32.0.0",      "192.0.1.1",       "192.167.255.255",  "198.17.255.255",  "198.20.0.0",
                                       "223.255.255.255", "::ffff:8.8.8.8",  "64:ff9b::808:808", "2002:808:808::1", "2606:4700::1111",
                                       "2a00:1450::1",    "2001:4860::8888"};
    for (size_t i = 0; i < sizeof closed / sizeof closed[0]; i++)
        if (is_public(closed[i])) fail_msg("%s is not public", closed[i]);
    for (size_t i = 0; i < sizeof open / sizeof open[0]; i++)
        if (!is_public(open[i])) fail_msg("%s is public", open[i]);
}

static void another_family_is_not_public(void **state) {
    (void)state;
    struct sockaddr_storage s = {.ss_family = AF_UNIX};
    assert_false(guard_is_public((struct sockaddr *)&s));
}

static void what_the_operator_allows(void **state) {
    (void)state;
    static const char *const items[] = {"10.1.0.0/16",    "fd00:1::/32", "127.0.0.1",
                                        "*.corp.example", "localhost",   "arn:aws:events:*:*:api-destination/in"};
    struct guard *g;
    assert_int_equal(guard_new(items, 6, &g, &fault), ERR_OK);
    assert_true(permits(g, "10.1.2.3") && permits(g, "::ffff:10.1.2.3") && permits(g, "fd00:1:9::1") && permits(g, "127.0.0.1") &&
                permits(g, "8.8.8.8"));
    assert_false(permits(g, "10.2.0.1") || permits(g, "127.0.0.2") || permits(g, "fd00:2::1") || permits(g, "::1"));
    assert_true(guard_trusts(g, STR("a.corp.example"), STR("")) && guard_trusts(g, STR("LOCALHOST"), STR_NULL) &&
                guard_trusts(g, STR("127.0.0.1"), STR_NULL));
    assert_true(guard_trusts(g, STR("[fd00:1::5]"), STR_NULL));
    assert_false(guard_trusts(g, STR("corp.example"), STR("")) || guard_trusts(g, STR("a.corp.example.evil.org"), STR("")) ||
                 guard_trusts(g, STR("127.0.0.2"), STR("")));
    assert_true(guard_trusts(g, STR("h"), STR("arn:aws:events:us-east-1:111122223333:api-destination/in")));
    assert_false(guard_trusts(g, STR("h"), STR("arn:aws:events:us-east-1:111122223333:api-destination/inner")));
    assert_false(guard_trusts(g, STR("arn:aws:events:us-east-1:1:api-destination/in"), STR("")));
    guard_free(g);
}

static void mistakes_of_the_operator_are_named(void **state) {
    (void)state;
    static const char *const wrong[] = {"10.0.0.0/33", "10.0.0/8", "::/129", "http://x/", "a b", "", "10.0.0.0/-1", "x/y"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct guard *g;
        if (guard_new(&wrong[i], 1, &g, &fault) != ERR_USAGE) fail_msg("%s", wrong[i]);
        assert_non_null(strstr(fault.message, "private-destinations: '"));
    }
}

static void urls(void **state) {
    (void)state;
    static const char *const items[] = {"intern"};
    static const struct {
        const char *url, *why; /* NULL: fine */
    } rows[] = {{"https://h/", NULL},
                {"https://h:8443/a/*/b?x=*", NULL},
                {"http://intern/x", NULL},
                {"http://h/", "plain http is for hosts"},
                {"ftp://intern/", "its scheme must be https"},
                {"https://u:p@h/", "credentials belong in a connection"},
                {"https://u@h/", "credentials belong in a connection"},
                {"https://h/#f", "a fragment"},
                {"https://*.h/", "no URL"},
                {"h/path", "no URL"},
                {"https:///", "no URL"},
                {"https://h:99999/", "no URL"},
                {"file:///etc/passwd", "no URL"},
                {"gopher://h/", "its scheme"}};
    struct guard *g;
    char host[GUARD_HOST_SIZE];
    assert_int_equal(guard_new(items, 1, &g, &fault), ERR_OK);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        enum err err = guard_check_url(g, str_from(rows[i].url), STR(""), "Parameter X is not valid.", host, &fault);
        if ((err != ERR_OK) != (rows[i].why != NULL) || (err && !strstr(fault.message, rows[i].why)))
            fail_msg("%s: %s", rows[i].url, err ? fault.message : "fine");
    }
    guard_free(g);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_the_internet_reaches_is_public),
        cmocka_unit_test(another_family_is_not_public),
        cmocka_unit_test(what_the_operator_allows),
        cmocka_unit_test(mistakes_of_the_operator_are_named),
        cmocka_unit_test(urls),
    };
    return cmocka_run_group_tests_name("targets/destination_guard", tests, NULL, NULL);
}

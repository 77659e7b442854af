/* Policy documents of any bytes: refused with a sentence, or read and evaluated; and what PutPermission and RemovePermission make of a
 * document that holds, holds again. The first byte picks how the request looks. */
#include <stdlib.h>

#include "evaluate.h"
#include "statements.h"

#define BUS "arn:aws:events:us-east-1:222222222222:event-bus/orders"

static void check(bool good) {
    if (!good) abort();
}

static void evaluate(const struct policy *p, uint8_t look) {
    static const struct str sources[] = {{"com.x", 5}, {"\xE2\x82\xAC", 3}, {"", 0}}, number = {"5", 1},
                            date = {"2026-05-01T00:00:00Z", 20}, ip = {"10.1.2.3", 8},
                            rule = {"arn:aws:events:us-east-1:111111111111:rule/r", 44}, yes = {"true", 4};
    const struct policy_key keys[] = {{STR("events:source"), sources, look & 3}, {STR("AWS:EPOCHTIME"), &number, look >> 2 & 1},
                                      {STR("aws:CurrentTime"), &date, 1},        {STR("aws:SourceIp"), &ip, 1},
                                      {STR("aws:SourceArn"), &rule, 1},          {STR("aws:SecureTransport"), &yes, 1}};
    struct policy_request r = {.principal_account = STR("111111111111"),
                               .action = STR("events:PutEvents"),
                               .resource = STR(BUS),
                               .keys = keys,
                               .key_count = sizeof keys / sizeof keys[0]};
    if (look & 8) r.principal_arn = STR("arn:aws:iam::111111111111:user/ann");
    if (look & 16) r.service = STR("events.amazonaws.com");
    struct policy_reason why;
    char text[200];
    enum policy_verdict verdict = policy_eval(p, &r);
    check(verdict == policy_eval(p, &r));
    check(policy_authorize(NULL, p, &r, STR("222222222222"), &why) == (verdict == POLICY_ALLOW));
    check(policy_authorize(NULL, p, &r, STR("111111111111"), &why) == (verdict != POLICY_DENY));
    check(policy_authorize(p, NULL, &r, STR("111111111111"), &why) == (verdict == POLICY_ALLOW));
    policy_reason_text(&why, text, sizeof text);
    check((text[0] != 0) == (verdict != POLICY_ALLOW));
}

static void edit(struct str text) {
    static struct fault f;
    struct policy_permission permission = {STR("fuzz"), STR("333333333333"), STR("events:PutEvents"), STR(BUS), STR_NULL, STR_NULL,
                                           STR_NULL};
    struct buf more, less;
    struct policy *p;
    bool empty;
    buf_init(&more, 0);
    buf_init(&less, 0);
    check(policy_permission_add(text, &permission, 1 << 24, &more, &f) == ERR_OK ||
          f.code == ERR_VALIDATION); /* more statements than a policy may have */
    if (more.n) {
        check(policy_permission_remove(buf_str(&more), STR("fuzz"), &less, &empty, &f) == ERR_OK);
        check(empty == !less.n);
        if (!empty) check(policy_parse(buf_str(&less), POLICY_RESOURCE, &p, &f) == ERR_OK), policy_free(p);
    }
    buf_fini(&more);
    buf_fini(&less);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct fault f;
    if (!size) return 0;
    struct str text = str_of((const char *)data + 1, size - 1);
    for (int kind = 0; kind < 2; kind++) {
        struct policy *p;
        enum err err = policy_parse(text, kind ? POLICY_IDENTITY : POLICY_RESOURCE, &p, &f);
        check(err == ERR_OK ||
              (err == ERR_VALIDATION && !p && f.message[0] && str_is_utf8(str_from(f.message)) && str_is_utf8(str_from(f.where))));
        if (err) continue;
        evaluate(p, data[0]);
        policy_free(p);
        if (!kind) edit(text);
        if (!kind && policy_names_bus(text, STR(BUS), &f)) check(f.code == ERR_VALIDATION);
    }
    return 0;
}

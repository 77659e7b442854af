#include "settings.h"

#include <inttypes.h>
#include <stddef.h>

const struct setting_row setting_rows[] = {
#define S(field, key, fallback, least, most, help) {key, offsetof(struct settings, field), fallback, least, most, help},
#include "settings.def"
#undef S
    {NULL, 0, 0, 0, 0, NULL},
};

static int64_t *value_of(struct settings *s, const struct setting_row *row) { return (int64_t *)(void *)((char *)s + row->offset); }

void settings_default(struct settings *s) {
    for (const struct setting_row *row = setting_rows; row->key; row++) *value_of(s, row) = row->fallback;
}

static bool read_value(const struct setting_row *row, struct str text, int64_t *v) {
    bool flag = row->least == 0 && row->most == 1;
    if (flag && (str_eqz(text, "true") || str_eqz(text, "false"))) {
        *v = text.n == 4;
        return true;
    }
    return str_to_i64(text, v) && *v >= row->least && *v <= row->most;
}

enum err settings_set(struct settings *s, struct str key, struct str value, struct fault *fault) {
    for (const struct setting_row *row = setting_rows; row->key; row++) {
        if (!str_eqz(key, row->key)) continue;
        int64_t v;
        if (!read_value(row, value, &v))
            return fault_set(fault, ERR_VALIDATION, "%s must be a whole number from %" PRId64 " to %" PRId64 ", not '%.*s'", row->key,
                             row->least, row->most, STR_ARG(value));
        *value_of(s, row) = v;
        return ERR_OK;
    }
    return fault_set(fault, ERR_NOT_FOUND, "there is no setting '%.*s'", STR_ARG(key));
}

static int64_t lesser(int64_t a, int64_t b) { return a < b ? a : b; }

struct quotas settings_quotas(const struct settings *s) {
    struct quotas q = {s->buses_per_account, s->rules_per_bus, s->targets_per_rule, s->policy_characters};
    if (!s->aws_quirks) return q;
    return (struct quotas){lesser(q.buses_per_account, 100), lesser(q.rules_per_bus, 300), lesser(q.targets_per_rule, 5),
                           lesser(q.policy_characters, 10240)};
}

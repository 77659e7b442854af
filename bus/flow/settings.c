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

enum err settings_set(struct settings *s, struct str key, struct str value, struct fault *fault) {
    for (const struct setting_row *row = setting_rows; row->key; row++) {
        if (!str_eqz(key, row->key)) continue;
        int64_t v;
        if (!str_to_i64(value, &v) || v < row->least || v > row->most)
            return fault_set(fault, ERR_VALIDATION, "%s must be a whole number from %" PRId64 " to %" PRId64 ", not '%.*s'", row->key,
                             row->least, row->most, STR_ARG(value));
        *value_of(s, row) = v;
        return ERR_OK;
    }
    return fault_set(fault, ERR_NOT_FOUND, "there is no setting '%.*s'", STR_ARG(key));
}

/* What an operator can set about the flow: one table (settings.def) gives the struct, the defaults, the bounds and the configuration file's keys. */
#ifndef FLOW_SETTINGS_H
#define FLOW_SETTINGS_H

#include "err.h"

struct settings {
#define S(field, key, fallback, least, most, help) int64_t field;
#include "settings.def"
#undef S
};

struct setting_row {
    const char *key; /* "hop-limit" */
    size_t offset;
    int64_t fallback, least, most;
    const char *help;
};
extern const struct setting_row setting_rows[]; /* ended by key == NULL */

void settings_default(struct settings *s);
/* Sets one by its key. ERR_NOT_FOUND for an unknown key, ERR_VALIDATION for a value that is no whole number or out of bounds. */
enum err settings_set(struct settings *s, struct str key, struct str value, struct fault *fault) MUST_USE;

#endif

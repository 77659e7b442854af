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
/* Sets one by its key. ERR_NOT_FOUND for an unknown key, ERR_VALIDATION for a value that is no whole number or out of bounds. A setting that is 0 or 1
 * is false or true as well. */
enum err settings_set(struct settings *s, struct str key, struct str value, struct fault *fault) MUST_USE;

/* The quotas that hold: with aws-quirks at most the service's own (100 buses an account, 300 rules a bus, 5 targets a rule, 10,240 characters a policy). */
struct quotas {
    int64_t buses_per_account, rules_per_bus, targets_per_rule, policy_characters;
};
struct quotas settings_quotas(const struct settings *s);

#endif

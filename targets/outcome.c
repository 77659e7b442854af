#include "target.h"

static const struct {
    const char *code;
    bool final;
} rows[] = {
    [OUTCOME_DELIVERED] = {"", true},
    [OUTCOME_NO_RESOURCE] = {"NO_RESOURCE", true},
    [OUTCOME_NO_PERMISSIONS] = {"NO_PERMISSIONS", true},
    [OUTCOME_INVALID_PARAMETER] = {"INVALID_PARAMETER", true},
    [OUTCOME_INVALID_JSON] = {"INVALID_JSON", true},
    [OUTCOME_CONNECTION_FAILURE] = {"CONNECTION_FAILURE", false},
    [OUTCOME_TIMEOUT] = {"TIMEOUT", false},
    [OUTCOME_THROTTLING] = {"THROTTLING", false},
    [OUTCOME_ERROR_FROM_TARGET] = {"ERROR_FROM_TARGET", false},
    [OUTCOME_INTERNAL_ERROR] = {"INTERNAL_ERROR", false},
};

const char *outcome_code(enum outcome outcome) { return rows[outcome].code; }
bool outcome_is_final(enum outcome outcome) { return rows[outcome].final; }

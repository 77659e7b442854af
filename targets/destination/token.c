#include "token.h"

#include <jansson.h>

static bool is_token_text(const char *text, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] == 127 || (unsigned char)text[i] >= 128) return false;
    return n;
}

/* Seconds, as a number or, as some servers send it, a string of digits. */
static int64_t lifetime_of(const json_t *answer) {
    const json_t *given = json_object_get(answer, "expires_in");
    int64_t seconds = TOKEN_LIFETIME_DEFAULT_S;
    if (json_is_integer(given))
        seconds = (int64_t)json_integer_value(given);
    else if (json_is_real(given) && json_real_value(given) >= 0 && json_real_value(given) < TOKEN_LIFETIME_MAX_S)
        seconds = (int64_t)json_real_value(given);
    else if (json_is_string(given) && !str_to_i64(str_of(json_string_value(given), json_string_length(given)), &seconds))
        seconds = TOKEN_LIFETIME_DEFAULT_S;
    if (seconds < 0) seconds = 0;
    if (seconds > TOKEN_LIFETIME_MAX_S) seconds = TOKEN_LIFETIME_MAX_S;
    return seconds - (seconds / 10 < TOKEN_SLACK_S ? seconds / 10 : TOKEN_SLACK_S);
}

enum err token_parse(struct str text, struct buf *value, int64_t *lifetime_s, struct fault *fault) {
    json_t *answer = json_loadb(text.p ? text.p : "", text.n, 0, NULL);
    const json_t *token = json_object_get(answer, "access_token"), *type = json_object_get(answer, "token_type");
    const char *kind = json_is_string(type) ? json_string_value(type) : "Bearer";
    const char *why = NULL;
    if (!json_is_object(answer))
        why = "the authorization endpoint's answer is no JSON object";
    else if (!json_is_string(token) || !is_token_text(json_string_value(token), json_string_length(token)))
        why = "the authorization endpoint's answer has no access_token that a header could hold";
    else if (!is_token_text(kind, strlen(kind)))
        why = "the authorization endpoint's answer has a token_type that no header could hold";
    if (!why) {
        struct str name = str_eq_nocase(str_from(kind), STR("bearer")) ? STR("Bearer") : str_from(kind);
        buf_addf(value, "%.*s %s", STR_ARG(name), json_string_value(token));
        *lifetime_s = lifetime_of(answer);
    }
    json_decref(answer);
    if (value->failed) return fault_set(fault, ERR_NOMEM, NULL);
    return why ? fault_set(fault, ERR_VALIDATION, "%s", why) : ERR_OK;
}

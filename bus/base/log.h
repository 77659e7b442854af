/* Structured logs: one line of logfmt per event on stderr (or a file), never interleaved.
 *
 *   ts=2026-05-01T00:00:00.123Z level=warn at=lane msg="target failed" target=arn:... attempt=3
 *
 * Values are quoted when they hold blanks, quotes, '=' or control characters. Any thread; a line costs one write(2). */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "str.h"

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };

void log_level_set(enum log_level level);
/* "error", "warn", "info", "debug"; false for anything else. */
bool log_level_parse(struct str name, enum log_level *level);
bool log_on(enum log_level level);
/* Where lines go from now on: 2 at the start. Tests point it to a pipe or file. */
void log_fd_set(int fd);

/* One field of a line. Build them with the macros below. */
struct log_field {
    const char *key;
    enum { LOG_FIELD_STR, LOG_FIELD_I64 } type;
    struct str s;
    int64_t i;
};
#define LOG_S(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .s = (v)})
#define LOG_Z(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_STR, .s = str_from(v)})
#define LOG_I(k, v) ((struct log_field){.key = (k), .type = LOG_FIELD_I64, .i = (int64_t)(v)})

/* `at` names the module, `msg` says what happened. Fields follow. */
void log_fields(enum log_level level, const char *at, const char *msg, const struct log_field *fields, size_t count);
#define log_line(level, at, msg, ...)                                                                                    \
    do {                                                                                                                 \
        if (log_on(level)) {                                                                                             \
            const struct log_field log_fields_[] = {__VA_ARGS__};                                                        \
            log_fields((level), (at), (msg), log_fields_, sizeof log_fields_ / sizeof log_fields_[0]);                   \
        }                                                                                                                \
    } while (0)

#endif

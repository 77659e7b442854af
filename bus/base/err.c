#include "err.h"

#include <stdio.h>

static const struct err_row rows[] = {
#define E(name, number, http, type, retryable, sentence) {ERR_##name, #name, http, type, retryable, sentence},
#include "err.def"
#undef E
};
enum { ROWS = sizeof rows / sizeof rows[0] };

const struct err_row *err_row(enum err code) {
    for (size_t i = 0; i < ROWS; i++)
        if (rows[i].code == code) return &rows[i];
    return err_row(ERR_INTERNAL);
}

const struct err_row *err_row_by_type(struct str aws_type) {
    for (size_t i = 0; i < ROWS; i++)
        if (str_eqz(aws_type, rows[i].aws_type)) return &rows[i];
    return err_row(ERR_INTERNAL);
}

__attribute__((format(printf, 3, 0))) static void fault_fill(struct fault *f, enum err code, const char *format, va_list ap) {
    f->code = code;
    if (!format) {
        str_copyz(f->message, sizeof f->message, str_from(err_row(code)->sentence));
        return;
    }
    int n = vsnprintf(f->message, sizeof f->message, format, ap);
    if (n < (int)sizeof f->message) return;
    size_t at = sizeof f->message - 4; /* room for an ellipsis, at the start of a character */
    while (at && ((unsigned char)f->message[at] & 0xC0) == 0x80) at--;
    memcpy(f->message + at, "...", 4);
}

enum err fault_set(struct fault *f, enum err code, const char *format, ...) {
    if (!f) return code;
    fault_clear(f);
    va_list ap;
    va_start(ap, format);
    fault_fill(f, code, format, ap);
    va_end(ap);
    return code;
}

enum err fault_at(struct fault *f, enum err code, const char *where, int line, int column, const char *format, ...) {
    if (!f) return code;
    fault_clear(f);
    str_copyz(f->where, sizeof f->where, str_from(where));
    f->line = line;
    f->column = column;
    va_list ap;
    va_start(ap, format);
    fault_fill(f, code, format, ap);
    va_end(ap);
    return code;
}

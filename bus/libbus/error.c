/* Numbers, names and sentences of errors, as programs see them. */
#include "client.h"

#define E(name, number, http, type, retryable, sentence)                                                                                      \
    _Static_assert((int)BUS_ERR_##name == (int)ERR_##name && (int)ERR_##name == number, "bus.h and err.def disagree about " #name);
#include "err.def"
#undef E
_Static_assert(sizeof((struct bus_fault){0}.where) == sizeof((struct fault){0}.where), "where is copied whole");
_Static_assert(sizeof((struct bus_fault){0}.message) == sizeof((struct fault){0}.message), "message is copied whole");
_Static_assert(BUS_EVENT_ID_SIZE == ID_TEXT_SIZE, "an event id is a UUID's text");

const char *bus_err_name(enum bus_err err) { return err_row((enum err)err)->name; }
const char *bus_err_type(enum bus_err err) { return err_row((enum err)err)->aws_type; }
const char *bus_err_sentence(enum bus_err err) { return err_row((enum err)err)->sentence; }
bool bus_err_is_retryable(enum bus_err err) { return err_row((enum err)err)->retryable; }
const char *bus_version(void) { return BUS_VERSION; }

enum bus_err client_fault(struct bus_fault *out, const struct fault *fault, enum err err) {
    if (!out || !err) return (enum bus_err)err;
    out->code = (enum bus_err)err;
    out->line = fault->line;
    out->column = fault->column;
    str_copyz(out->where, sizeof out->where, str_from(fault->where));
    str_copyz(out->message, sizeof out->message, str_from(fault->message[0] ? fault->message : err_row(err)->sentence));
    return (enum bus_err)err;
}

enum bus_err client_fail(struct bus_fault *out, enum err err, const char *format, ...) {
    if (!out) return (enum bus_err)err;
    out->code = (enum bus_err)err;
    out->line = out->column = 0;
    out->where[0] = 0;
    struct buf text;
    buf_init(&text, sizeof out->message);
    va_list ap;
    va_start(ap, format);
    if (format) buf_addv(&text, format, ap);
    va_end(ap);
    str_copyz(out->message, sizeof out->message, text.n ? buf_str(&text) : str_from(err_row(err)->sentence));
    buf_fini(&text);
    return (enum bus_err)err;
}

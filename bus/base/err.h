/* Errors: one table (err.def), and the detail of one failure in a caller-owned `struct fault`. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "str.h"

enum err {
#define E(name, number, http, type, retryable, sentence) ERR_##name = number,
#include "err.def"
#undef E
};

/* Every function that can fail returns one of these, and the compiler insists that it is looked at. */
#define MUST_USE __attribute__((warn_unused_result))

struct err_row {
    enum err code;
    const char *name; /* "NOT_FOUND" */
    int http_status;
    const char *aws_type; /* "ResourceNotFoundException" */
    bool retryable;
    const char *sentence; /* what is said when nobody knows better */
};

/* Never NULL: a number that is not in the table gives INTERNAL's row. */
const struct err_row *err_row(enum err code);
/* By AWS type, for clients that read an answer; ERR_INTERNAL's row when there is no such type. */
const struct err_row *err_row_by_type(struct str aws_type);

/* What went wrong, where, and what would be right. Owned by the caller, on its stack or in its struct; FAULT_NONE starts it. */
struct fault {
    enum err code;
    char where[192];    /* field path ("targets.1.member.id"), file ("rules.yaml"), or empty */
    int line, column;   /* 1-based; 0: no position */
    char message[6144]; /* one sentence, UTF-8; long enough for a 4,096-byte pattern quoted in its refusal */
};
/* Only the scalars are cleared; message is set by fault_set. */
static inline void fault_clear(struct fault *f) {
    f->code = ERR_OK;
    f->where[0] = 0;
    f->line = f->column = 0;
    f->message[0] = 0;
}

/* Fills *f (NULL: nobody wants to know) and returns `code`, so that `return fault_set(...)` reads well. The format may be NULL: the
 * table's sentence. A message that is too long is cut at a character boundary. */
enum err fault_set(struct fault *f, enum err code, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As fault_set, with the field path or file, and a position (0: none). */
enum err fault_at(struct fault *f, enum err code, const char *where, int line, int column, const char *format, ...)
    __attribute__((format(printf, 6, 7)));

#endif

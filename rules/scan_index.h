/* The scanner's first pass: where the tokens of a JSON text stand, 64 bytes at a time.
 *
 * Every token yields its position; a string yields two, of its opening and of its closing quote, so that its length is known without
 * another look. Checked here, because it is local: UTF-8, escapes and surrogates, control characters in strings, the last string's end.
 * Grammar is the second pass's affair (scan.c). A backslash outside of a string yields a token there, which the second pass refuses. */
#ifndef RULES_SCAN_INDEX_H
#define RULES_SCAN_INDEX_H

#include "str.h"

struct scan_index {
    uint32_t *tokens; /* room for text.n + SCAN_INDEX_ROOM */
    size_t count;
    bool escapes; /* there is a backslash somewhere */
};
enum { SCAN_INDEX_ROOM = 80 }; /* a block may be written at once, and what the second pass reads ahead */

/* One instruction set each; all give the same answer. */
typedef bool scan_index_fn(struct str text, struct scan_index *out);
scan_index_fn scan_index_portable;
#if defined(__x86_64__)
scan_index_fn scan_index_sse2, scan_index_avx2, scan_index_avx512;
#endif

/* The best that this machine runs; any thread. Names: "portable", "sse2", "avx2", "avx512". */
scan_index_fn *scan_index_best(void);
/* NULL when the machine (or the compiler's target) has no such thing. For tests and benches. */
scan_index_fn *scan_index_named(const char *name);

#endif

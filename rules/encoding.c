#include "encoding.h"

#include <stdio.h>

#include "doc.h"

/* By its byte order mark or, without one, by the zero byte of its first character, which is ASCII in all that this reads. */
static const char *wide_name(struct str s) {
    unsigned char b[4] = {1, 1, 1, 1};
    for (size_t i = 0; i < 4 && i < s.n; i++) b[i] = (unsigned char)s.p[i];
    if (s.n < 2) return NULL;
    if (b[0] == 0xFF && b[1] == 0xFE) return s.n >= 4 && !b[2] && !b[3] ? "UTF-32" : "UTF-16";
    if (b[0] == 0xFE && b[1] == 0xFF) return "UTF-16";
    if (s.n >= 4 && !b[0] && !b[1] && ((b[2] == 0xFE && b[3] == 0xFF) || (!b[2] && b[3]))) return "UTF-32";
    if (s.n >= 4 && b[0] && !b[1] && !b[2] && !b[3]) return "UTF-32";
    if ((b[0] && !b[1] && (s.n < 4 || (b[2] && !b[3]))) || (!b[0] && b[1] && (s.n < 4 || (!b[2] && b[3])))) return "UTF-16";
    return NULL;
}

/* The first byte that is no text, or s.n. */
static size_t first_bad(struct str s) {
    for (size_t i = 0; i < s.n;) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x80) {
            if ((c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F) return i;
            i++;
            continue;
        }
        size_t n = (c & 0xE0) == 0xC0 ? 2 : (c & 0xF0) == 0xE0 ? 3 : 4;
        if (i + n > s.n || !str_is_utf8(str_of(s.p + i, n))) return i;
        i += n;
    }
    return s.n;
}

/* Most of what stands around it is printable: a text file in another encoding, or with one stray byte. */
static bool is_mostly_text(struct str s, size_t at) {
    size_t from = at > 512 ? at - 512 : 0, to = s.n - at > 512 ? at + 512 : s.n, odd = 0;
    for (size_t i = from; i < to; i++) {
        unsigned char c = (unsigned char)s.p[i];
        odd += (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F;
    }
    return odd <= 1 + (to - from) / 50;
}

struct str encoding_check(struct str file, struct problems *problems) {
    struct str s = str_starts(file, STR("\xEF\xBB\xBF")) ? str_skip(file, 3) : file;
    const char *wide = wide_name(s);
    int line = 1, column = 1;
    if (wide) {
        problem_add(problems, 1, 1, STR(""), "this file is %s; save it as UTF-8", wide);
        return STR_NULL;
    }
    size_t bad = first_bad(s);
    if (bad == s.n) return s.p ? s : STR("");
    unsigned char c = (unsigned char)s.p[bad];
    doc_position(s, s.p + bad, &line, &column);
    if (!is_mostly_text(s, bad))
        problem_add(problems, line, column, STR(""), "this is a binary file (byte 0x%02X); a rule file or template is UTF-8 text", c);
    else if (c < 0x80)
        problem_add(problems, line, column, STR(""),
                    "the control character U+%04X cannot stand in a text file; take it out, or write \"\\u%04X\" in quotes", c, c);
    else
        problem_add(problems, line, column, STR(""), "byte 0x%02X is no UTF-8; if the file is Latin-1 or Windows-1252, save it as UTF-8",
                    c);
    return STR_NULL;
}

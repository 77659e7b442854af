#include "message.h"

#include <time.h>

#include "hash.h"

enum { ADDRESS_MAX = 254, SUBJECT_MAX = 256, WORD_BYTES = 42 /* 56 characters of base64, within RFC 2047's 75 of an encoded word */ };

bool address_is_valid(struct str a) {
    size_t at = str_find(a, '@', 0);
    if (a.n > ADDRESS_MAX || at == 0 || at + 1 >= a.n || str_find(a, '@', at + 1) != a.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (a.p[i] <= ' ' || a.p[i] >= 127 || strchr("<>()[],;:\\\"", a.p[i])) return false;
    return a.p[0] != '-';
}

static void add_date(struct buf *out, int64_t ms) {
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t seconds = (time_t)(ms / 1000);
    struct tm t;
    gmtime_r(&seconds, &t); /* not strftime: its names are the locale's */
    buf_addf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[t.tm_wday], t.tm_mday, months[t.tm_mon], t.tm_year + 1900,
             t.tm_hour, t.tm_min, t.tm_sec);
}

/* Bytes of the next encoded word: at most WORD_BYTES, not within a character. */
static size_t word_bytes(struct str rest) {
    size_t n = rest.n < WORD_BYTES ? rest.n : WORD_BYTES;
    while (n < rest.n && n > 1 && ((unsigned char)rest.p[n] & 0xC0) == 0x80) n--;
    return n;
}

static void add_subject(struct buf *out, struct str subject) {
    char text[SUBJECT_MAX];
    bool ascii = true, blank = true;
    size_t n = 0;
    for (; n < subject.n && n < sizeof text; n++) {
        unsigned char c = (unsigned char)subject.p[n];
        ascii = ascii && c < 127;
        blank = blank && c <= ' ';
        text[n] = c < ' ' || c == 127 ? ' ' : (char)c;
    }
    while (n < subject.n && n > 0 && ((unsigned char)subject.p[n] & 0xC0) == 0x80) n--; /* cut before the character, not in it */
    struct str rest = blank ? STR("Notification") : str_of(text, n);
    buf_addz(out, "Subject:");
    /* An encoded word in the text must not be taken for one of ours. */
    if (ascii && rest.n <= 60 && !memmem(rest.p, rest.n, "=?", 2)) {
        buf_addc(out, ' ');
        buf_add(out, rest);
        buf_addz(out, "\r\n");
        return;
    }
    while (rest.n) {
        size_t bytes = word_bytes(rest);
        buf_addz(out, " =?UTF-8?B?");
        hash_base64(out, str_of(rest.p, bytes));
        buf_addz(out, "?=\r\n");
        rest = str_skip(rest, bytes);
    }
}

static void add_body(struct buf *out, const struct message *m) {
    struct buf text;
    buf_init(&text, 0);
    buf_add(&text, m->body);
    buf_addz(&text, "\r\n");
    if (m->topic_arn.n) buf_addf(&text, "\r\n--\r\nSent for %.*s\r\n", STR_ARG(m->topic_arn));
    for (size_t at = 0; at < text.n; at += 57) { /* 57 bytes are 76 characters */
        hash_base64(out, str_of(text.p + at, text.n - at < 57 ? text.n - at : 57));
        buf_addz(out, "\r\n");
    }
    out->failed = out->failed || text.failed;
    buf_fini(&text);
}

void message_write(const struct message *m, struct buf *out) {
    add_date(out, m->date_ms);
    struct str domain = str_skip(m->from, str_find(m->from, '@', 0) + 1);
    buf_addf(out, "From: <%.*s>\r\nTo: <%.*s>\r\n", STR_ARG(m->from), STR_ARG(m->to));
    add_subject(out, m->subject);
    buf_addf(out, "Message-ID: <%.*s@%.*s>\r\n", STR_ARG(m->id), STR_ARG(domain));
    buf_addz(out, "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
                  "Content-Transfer-Encoding: base64\r\n\r\n");
    add_body(out, m);
}

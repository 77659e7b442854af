/* Dates as moment.js formats them (momentjs.com/docs/#/displaying/format). */
#include <time.h>

#include "placeholder.h"

static const char *const months[] = {"January", "February", "March",     "April",   "May",      "June",
                                     "July",    "August",   "September", "October", "November", "December"};
static const char *const days[] = {"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};

static void add_digits(struct buf *out, int value, int width) {
    char digits[12];
    int n = 0;
    if (value < 0) value = 0;
    do digits[n++] = (char)('0' + value % 10);
    while ((value /= 10) && n < (int)sizeof digits);
    for (int i = n; i < width; i++) buf_addc(out, '0');
    while (n) buf_addc(out, digits[--n]);
}

static void add_ordinal(struct buf *out, int value) {
    int last = value % 10;
    add_digits(out, value, 1);
    buf_addz(out, value / 10 == 1 || last == 0 || last > 3 ? "th" : last == 1 ? "st" : last == 2 ? "nd" : "rd");
}

static void add_offset(struct buf *out, long seconds, bool colon) {
    int minutes = (int)(seconds < 0 ? -seconds : seconds) / 60;
    buf_addc(out, seconds < 0 ? '-' : '+');
    add_digits(out, minutes / 60, 2);
    if (colon) buf_addc(out, ':');
    add_digits(out, minutes % 60, 2);
}

struct instant {
    struct tm tm;
    int64_t ms;
};

static void add_year(struct buf *out, const struct instant *t, size_t n) {
    int year = t->tm.tm_year + 1900;
    add_digits(out, n == 2 ? year % 100 : year, n == 2 ? 2 : 4);
}

static void add_name(struct buf *out, const char *name, bool whole) {
    if (whole)
        buf_addz(out, name);
    else
        buf_add(out, str_of(name, 3));
}

static void add_month(struct buf *out, const struct instant *t, size_t n) {
    if (n > 2)
        add_name(out, months[t->tm.tm_mon], n > 3);
    else
        add_digits(out, t->tm.tm_mon + 1, (int)n);
}

static void add_day(struct buf *out, const struct instant *t, size_t n) {
    if (n > 2)
        add_digits(out, t->tm.tm_yday + 1, n == 3 ? 1 : 3);
    else
        add_digits(out, t->tm.tm_mday, (int)n);
}

static void add_weekday(struct buf *out, const struct instant *t, size_t n) {
    if (n > 2)
        add_name(out, days[t->tm.tm_wday], n > 3);
    else if (n == 2)
        buf_add(out, str_of(days[t->tm.tm_wday], 2));
    else
        add_digits(out, t->tm.tm_wday, 1);
}

static void add_hour(struct buf *out, const struct instant *t, size_t n) { add_digits(out, t->tm.tm_hour, (int)n); }
static void add_hour12(struct buf *out, const struct instant *t, size_t n) {
    add_digits(out, t->tm.tm_hour % 12 ? t->tm.tm_hour % 12 : 12, (int)n);
}
static void add_minute(struct buf *out, const struct instant *t, size_t n) { add_digits(out, t->tm.tm_min, (int)n); }
static void add_second(struct buf *out, const struct instant *t, size_t n) { add_digits(out, t->tm.tm_sec, (int)n); }
static void add_fraction(struct buf *out, const struct instant *t, size_t n) {
    int ms = (int)((t->ms % 1000 + 1000) % 1000);
    add_digits(out, n == 1 ? ms / 100 : n == 2 ? ms / 10 : ms, (int)n);
}
static void add_upper_noon(struct buf *out, const struct instant *t, size_t n) {
    (void)n;
    buf_addz(out, t->tm.tm_hour < 12 ? "AM" : "PM");
}
static void add_lower_noon(struct buf *out, const struct instant *t, size_t n) {
    (void)n;
    buf_addz(out, t->tm.tm_hour < 12 ? "am" : "pm");
}
static void add_zone(struct buf *out, const struct instant *t, size_t n) { add_offset(out, t->tm.tm_gmtoff, n == 1); }
static void add_unix(struct buf *out, const struct instant *t, size_t n) {
    (void)n;
    buf_addf(out, "%lld", (long long)(t->ms / 1000));
}
static void add_unix_ms(struct buf *out, const struct instant *t, size_t n) {
    (void)n;
    buf_addf(out, "%lld", (long long)t->ms);
}

static const struct token {
    char letter;
    size_t most; /* letters that belong together */
    void (*add)(struct buf *out, const struct instant *t, size_t n);
} tokens[] = {
    {'Y', 4, add_year},       {'M', 4, add_month},  {'D', 4, add_day},    {'d', 4, add_weekday},  {'H', 2, add_hour},
    {'h', 2, add_hour12},     {'m', 2, add_minute}, {'s', 2, add_second}, {'S', 3, add_fraction}, {'A', 1, add_upper_noon},
    {'a', 1, add_lower_noon}, {'Z', 2, add_zone},   {'X', 1, add_unix},   {'x', 1, add_unix_ms},
};

static const struct token *token_of(char letter) {
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        if (tokens[i].letter == letter) return &tokens[i];
    return NULL;
}

/* [text] as it is; *at goes behind it. */
static bool add_bracketed(struct str format, size_t *at, struct buf *out) {
    size_t end = format.p[*at] == '[' ? str_find(format, ']', *at) : format.n;
    if (end == format.n) return false;
    buf_add(out, str_of(format.p + *at + 1, end - *at - 1));
    *at = end + 1;
    return true;
}

void placeholder_date(struct str format, int64_t ms, bool utc, struct buf *out) {
    time_t seconds = (time_t)(ms / 1000);
    struct instant t = {.ms = ms};
    if (!(utc ? gmtime_r(&seconds, &t.tm) : localtime_r(&seconds, &t.tm))) return;
    for (size_t i = 0; i < format.n;) {
        char c = format.p[i];
        const struct token *token = token_of(c);
        if (add_bracketed(format, &i, out)) continue;
        if (!token) {
            buf_addc(out, c);
            i++;
            continue;
        }
        size_t n = 1;
        while (n < token->most && i + n < format.n && format.p[i + n] == c) n++;
        i += n;
        if ((c == 'D' || c == 'M') && n == 1 && i < format.n && format.p[i] == 'o') {
            add_ordinal(out, c == 'D' ? t.tm.tm_mday : t.tm.tm_mon + 1);
            i++;
        } else {
            token->add(out, &t, n);
        }
    }
}

#include "retry_after.h"

/* What is left of the text; a step that does not fit makes it fail for good. */
struct scan {
    struct str rest;
    bool failed;
};

static void literal(struct scan *s, const char *text) {
    struct str expected = str_from(text);
    if (!str_starts(s->rest, expected)) s->failed = true;
    s->rest = str_skip(s->rest, expected.n);
}

static int digits(struct scan *s, size_t n) {
    int v = 0;
    for (size_t i = 0; i < n; i++) {
        if (i >= s->rest.n || s->rest.p[i] < '0' || s->rest.p[i] > '9') {
            s->failed = true;
            return 0;
        }
        v = v * 10 + (s->rest.p[i] - '0');
    }
    s->rest = str_skip(s->rest, n);
    return v;
}

/* Which of the names it begins with; they follow one another in `names`, each of three letters. */
static int three_letters(struct scan *s, const char *names) {
    for (int i = 0; s->rest.n >= 3 && names[3 * i]; i++)
        if (memcmp(s->rest.p, names + 3 * i, 3) == 0) {
            s->rest = str_skip(s->rest, 3);
            return i;
        }
    s->failed = true;
    return 0;
}

static int month(struct scan *s) { return three_letters(s, "JanFebMarAprMayJunJulAugSepOctNovDec") + 1; }

struct instant {
    int year, month, day, hour, minute, second;
};

static void time_of_day(struct scan *s, struct instant *t) {
    t->hour = digits(s, 2);
    literal(s, ":");
    t->minute = digits(s, 2);
    literal(s, ":");
    t->second = digits(s, 2);
}

/* Days since 1970-01-01 of a date of the Gregorian calendar (H. Hinnant, "chrono-Compatible Low-Level Date Algorithms"). */
static int64_t days_of(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400, of_era = y - era * 400;
    int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool instant_ms(const struct instant *t, int64_t *ms) {
    static const int lengths[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;
    int most = t->month == 2 && leap ? 29 : lengths[t->month - 1];
    if (t->day < 1 || t->day > most || t->hour > 23 || t->minute > 59 || t->second > 60) return false; /* 60: a leap second */
    *ms = ((days_of(t->year, t->month, t->day) * 24 + t->hour) * 60 + t->minute) * 60000 + t->second * 1000;
    return true;
}

/* "06 Nov 1994 08:49:37 GMT", behind the day's name. */
static bool fixed(struct scan s, struct instant *t) {
    t->day = digits(&s, 2);
    literal(&s, " ");
    t->month = month(&s);
    literal(&s, " ");
    t->year = digits(&s, 4);
    literal(&s, " ");
    time_of_day(&s, t);
    literal(&s, " GMT");
    return !s.failed && !s.rest.n;
}

/* "06-Nov-94 08:49:37 GMT" (RFC 850), behind the day's name. */
static bool two_digit_year(struct scan s, struct instant *t) {
    t->day = digits(&s, 2);
    literal(&s, "-");
    t->month = month(&s);
    literal(&s, "-");
    t->year = digits(&s, 2);
    literal(&s, " ");
    time_of_day(&s, t);
    literal(&s, " GMT");
    return !s.failed && !s.rest.n;
}

/* "Sun Nov  6 08:49:37 1994" (C's asctime). */
static bool asctime_form(struct scan s, struct instant *t) {
    three_letters(&s, "SunMonTueWedThuFriSat");
    literal(&s, " ");
    t->month = month(&s);
    literal(&s, " ");
    if (s.rest.n && s.rest.p[0] == ' ') {
        literal(&s, " ");
        t->day = digits(&s, 1);
    } else {
        t->day = digits(&s, 2);
    }
    literal(&s, " ");
    time_of_day(&s, t);
    literal(&s, " ");
    t->year = digits(&s, 4);
    return !s.failed && !s.rest.n;
}

static bool is_day_name(struct str name) {
    static const char *const names[] = {"Sun",    "Mon",    "Tue",     "Wed",       "Thu",      "Fri",    "Sat",
                                        "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (str_eqz(name, names[i])) return true;
    return false;
}

bool http_date_parse(struct str text, int64_t now_ms, int64_t *ms) {
    struct instant t;
    size_t comma = str_find(text, ',', 0);
    if (comma == text.n) return asctime_form((struct scan){text, false}, &t) && instant_ms(&t, ms);
    struct scan s = {str_skip(text, comma + 1), !is_day_name(str_of(text.p, comma))};
    literal(&s, " ");
    if (fixed(s, &t)) return instant_ms(&t, ms);
    if (!two_digit_year(s, &t)) return false;
    t.year += 2000;
    while (t.year >= 1900 && instant_ms(&t, ms) && *ms > now_ms + (int64_t)50 * 365 * 86400000) t.year -= 100;
    return instant_ms(&t, ms);
}

int64_t retry_after_ms(struct str value, int64_t now_ms) {
    int64_t seconds, at;
    while (value.n && (value.p[0] == ' ' || value.p[0] == '\t')) value = str_skip(value, 1);
    while (value.n && (value.p[value.n - 1] == ' ' || value.p[value.n - 1] == '\t')) value.n--;
    if (value.n && value.p[0] != '-' && str_to_i64(value, &seconds))
        return (seconds > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : seconds) * 1000;
    if (!http_date_parse(value, now_ms, &at)) return -1;
    int64_t wait = at - now_ms;
    return wait < 0 ? 0 : wait > (int64_t)RETRY_AFTER_MAX_S * 1000 ? (int64_t)RETRY_AFTER_MAX_S * 1000 : wait;
}

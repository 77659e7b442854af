#include "schedule.h"

#include <stdlib.h>

enum { YEAR_FIRST = 1970, YEAR_LAST = 2199, YEARS = YEAR_LAST - YEAR_FIRST + 1 };

struct schedule {
    int64_t rate_ms; /* > 0: a rate; else cron */
    uint64_t minutes;
    uint32_t hours, days, months, weekdays; /* bit n: value n; weekdays 1 (SUN) to 7 */
    bool year[YEARS];
    bool by_weekday; /* the day of month is ? */
    bool last_day;   /* L: the month's last day, minus last_offset */
    int last_offset;
    int near_weekday;     /* nW: the weekday nearest to day n; 0: none. With last_day: LW */
    bool last_weekday_w;  /* LW */
    int last_of;          /* nL: the last such weekday of the month; 0: none */
    int nth_weekday, nth; /* w#n; 0: none */
};

/* ---- calendar
 * ----------------------------------------------------------------------------------------------------------------------------- */
static bool is_leap(int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }
static int days_in(int y, int m) {
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[m - 1] + (m == 2 && is_leap(y));
}

/* Days since 1970-01-01, for years from 1970 on. */
static int64_t day_number(int y, int m, int d) {
    int64_t n = (int64_t)(y - 1970) * 365 + (y - 1969) / 4 - (y - 1901) / 100 + (y - 1601) / 400;
    for (int i = 1; i < m; i++) n += days_in(y, i);
    return n + d - 1;
}
static int weekday(int y, int m, int d) { return (int)((day_number(y, m, d) + 4) % 7) + 1; } /* 1970-01-01 was a Thursday, 5 */

/* ---- fields
 * --------------------------------------------------------------------------------------------------------------------------------- */
struct field {
    int least, most;
    const char *const *names; /* of least, least + 1, ... or NULL */
};
static const char *const month_names[] = {"JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC", NULL};
static const char *const day_names[] = {"SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT", NULL};

static bool read_value(struct str text, const struct field *f, int *value) {
    int64_t v;
    for (int i = 0; f->names && f->names[i]; i++)
        if (str_eq_nocase(text, str_from(f->names[i]))) {
            *value = f->least + i;
            return true;
        }
    if (!text.n || text.p[0] == '-' || !str_to_i64(text, &v) || v < f->least || v > f->most) return false;
    *value = (int)v;
    return true;
}

/* "*", "3", "1-5", and each with "/step"; calls set for every value. */
static bool read_item(struct str text, const struct field *f, void (*set)(struct schedule *s, int value), struct schedule *s) {
    struct str range = str_of(text.p, str_find(text, '/', 0)), step_text = str_skip(text, range.n + 1);
    int64_t step = 1;
    bool stepped = range.n < text.n;
    if (stepped && (!str_to_i64(step_text, &step) || step < 1 || step > f->most)) return false;
    int from = f->least, to = f->most;
    size_t dash = str_find(range, '-', 0);
    if (str_eqz(range, "*")) {
        /* all of them */
    } else if (dash < range.n) {
        if (!read_value(str_of(range.p, dash), f, &from) || !read_value(str_skip(range, dash + 1), f, &to)) return false;
        if (from > to) { /* FRI-MON goes round the end, in step; years do not */
            int v = from, span = f->most - f->least + 1;
            if (f->most == YEAR_LAST) return false;
            for (; v <= f->most; v += (int)step) set(s, v);
            from = v - span;
        }
    } else {
        if (!read_value(range, f, &from)) return false;
        if (!stepped) to = from;
    }
    for (int v = from; v <= to; v += (int)step) set(s, v);
    return true;
}

static bool read_list(struct str text, const struct field *f, void (*set)(struct schedule *s, int value), struct schedule *s) {
    struct str piece;
    while (str_cut(&text, ',', &piece))
        if (!piece.n || !read_item(piece, f, set, s)) return false;
    return true;
}

static void set_minute(struct schedule *s, int v) { s->minutes |= (uint64_t)1 << v; }
static void set_hour(struct schedule *s, int v) { s->hours |= 1u << v; }
static void set_day(struct schedule *s, int v) { s->days |= 1u << v; }
static void set_month(struct schedule *s, int v) { s->months |= 1u << v; }
static void set_weekday(struct schedule *s, int v) { s->weekdays |= 1u << v; }
static void set_year(struct schedule *s, int v) { s->year[v - YEAR_FIRST] = true; }

static bool read_day_of_month(struct str text, struct schedule *s) {
    static const struct field f = {1, 31, NULL};
    int64_t offset;
    if (str_eqz(text, "L")) return s->last_day = true;
    if (str_eqz(text, "LW")) return s->last_weekday_w = true;
    if (str_starts(text, STR("L-")) && str_to_i64(str_skip(text, 2), &offset) && offset >= 0 && offset <= 30) {
        s->last_offset = (int)offset;
        return s->last_day = true;
    }
    if (str_ends(text, STR("W"))) return read_value(str_of(text.p, text.n - 1), &f, &s->near_weekday);
    return read_list(text, &f, set_day, s);
}

static bool read_day_of_week(struct str text, struct schedule *s) {
    static const struct field f = {1, 7, day_names}, n = {1, 5, NULL};
    size_t hash = str_find(text, '#', 0);
    if (str_eqz(text, "L")) {
        s->weekdays = 1u << 7;
        return true;
    }
    if (hash < text.n) return read_value(str_of(text.p, hash), &f, &s->nth_weekday) && read_value(str_skip(text, hash + 1), &n, &s->nth);
    if (text.n > 1 && str_ends(text, STR("L"))) return read_value(str_of(text.p, text.n - 1), &f, &s->last_of);
    return read_list(text, &f, set_weekday, s);
}

static bool read_cron(struct str inside, struct schedule *s) {
    static const struct field minutes = {0, 59, NULL}, hours = {0, 23, NULL}, months = {1, 12, month_names},
                              years = {YEAR_FIRST, YEAR_LAST, NULL};
    struct str field[6];
    size_t n = 0;
    while (inside.n) {
        size_t blank = str_find(inside, ' ', 0);
        if (n == 6 || !blank) return false;
        field[n++] = str_of(inside.p, blank);
        if (blank + 1 == inside.n) return false; /* a blank at the end */
        inside = str_skip(inside, blank + 1);
    }
    if (n != 6) return false;
    bool no_day = str_eqz(field[2], "?"), no_weekday = str_eqz(field[4], "?");
    if (no_day == no_weekday) return false;
    s->by_weekday = no_day;
    return read_list(field[0], &minutes, set_minute, s) && read_list(field[1], &hours, set_hour, s) &&
           (no_day || read_day_of_month(field[2], s)) && read_list(field[3], &months, set_month, s) &&
           (no_weekday || read_day_of_week(field[4], s)) && read_list(field[5], &years, set_year, s);
}

static bool read_rate(struct str inside, struct schedule *s) {
    static const struct {
        const char *one, *many;
        int64_t ms;
    } units[] = {{"minute", "minutes", 60000}, {"hour", "hours", 3600000}, {"day", "days", 86400000}};
    size_t blank = str_find(inside, ' ', 0);
    struct str number = str_of(inside.p, blank), unit = str_skip(inside, blank + 1);
    int64_t n;
    if (!str_to_i64(number, &n) || n < 1 || number.p[0] == '0') return false;
    for (size_t i = 0; i < 3; i++)
        if (str_eqz(unit, n == 1 ? units[i].one : units[i].many)) return !__builtin_mul_overflow(n, units[i].ms, &s->rate_ms);
    return false;
}

enum err schedule_parse(struct str text, struct schedule **out, struct fault *fault) {
    *out = NULL;
    struct schedule *s = calloc(1, sizeof *s);
    if (!s) return fault_set(fault, ERR_NOMEM, NULL);
    bool ok = text.n <= 256 && str_ends(text, STR(")"));
    if (ok && str_starts(text, STR("rate(")))
        ok = read_rate(str_of(text.p + 5, text.n - 6), s);
    else if (ok && str_starts(text, STR("cron(")))
        ok = read_cron(str_of(text.p + 5, text.n - 6), s);
    else
        ok = false;
    if (!ok) {
        free(s);
        return fault_set(fault, ERR_VALIDATION, "Parameter ScheduleExpression is not valid.");
    }
    *out = s;
    return ERR_OK;
}

void schedule_free(struct schedule *s) { free(s); }

/* ---- the next firing
 * ---------------------------------------------------------------------------------------------------------------------------- */
/* The weekday (Monday to Friday) nearest to day d, within its month. */
static int nearest_weekday(int y, int m, int d) {
    int last = days_in(y, m);
    if (d > last) return -1;
    int w = weekday(y, m, d);
    if (w == 7) return d > 1 ? d - 1 : d + 2;
    if (w == 1) return d < last ? d + 1 : d - 2;
    return d;
}

static bool day_fits(const struct schedule *s, int y, int m, int d) {
    int last = days_in(y, m), w = weekday(y, m, d);
    if (s->by_weekday) {
        if (s->nth) return w == s->nth_weekday && (d - 1) / 7 + 1 == s->nth;
        if (s->last_of) return w == s->last_of && d + 7 > last;
        return s->weekdays >> w & 1;
    }
    if (s->last_weekday_w) return d == nearest_weekday(y, m, last);
    if (s->last_day) return d == last - s->last_offset;
    if (s->near_weekday) return d == nearest_weekday(y, m, s->near_weekday);
    return s->days >> d & 1;
}

/* First minute of the day at or after `from` (0 to 1439), or -1. */
static int minute_of_day(const struct schedule *s, int from) {
    for (int t = from; t < 1440; t++) {
        if (!(s->hours >> (t / 60) & 1))
            t += 59 - t % 60;
        else if (s->minutes >> (t % 60) & 1)
            return t;
    }
    return -1;
}

int64_t schedule_next(const struct schedule *s, int64_t after_ms) {
    if (after_ms < 0) after_ms = 0;
    if (s->rate_ms) return after_ms > INT64_MAX - s->rate_ms ? -1 : after_ms + s->rate_ms;
    int64_t minute = after_ms / 60000 + 1, day = minute / 1440; /* the first minute that begins after after_ms */
    int from = (int)(minute % 1440), first = YEAR_FIRST;
    while (first <= YEAR_LAST && day_number(first + 1, 1, 1) <= day) first++;
    for (int y = first; y <= YEAR_LAST && y <= first + 100; y++) {
        if (!s->year[y - YEAR_FIRST]) continue;
        for (int m = 1; m <= 12; m++) {
            if (!(s->months >> m & 1) || day_number(y, m, days_in(y, m)) < day) continue;
            for (int d = 1; d <= days_in(y, m); d++) {
                int64_t n = day_number(y, m, d);
                if (n < day || !day_fits(s, y, m, d)) continue;
                int t = minute_of_day(s, n == day ? from : 0);
                if (t >= 0) return (n * 1440 + t) * 60000;
            }
        }
    }
    return -1;
}

/* Whether something fires in (t, until] can only change from yes to no as t grows: the last t with a yes stands one before the firing. */
int64_t schedule_last(const struct schedule *s, int64_t after_ms, int64_t until_ms) {
    if (after_ms < 0) after_ms = 0;
    if (s->rate_ms) return until_ms - after_ms < s->rate_ms ? -1 : after_ms + (until_ms - after_ms) / s->rate_ms * s->rate_ms;
    int64_t last = schedule_next(s, after_ms), low = after_ms, high = until_ms;
    if (last < 0 || last > until_ms) return -1;
    while (low < high - 1) {
        int64_t middle = low + (high - low) / 2, next = schedule_next(s, middle);
        if (next >= 0 && next <= until_ms) {
            low = middle;
            last = next;
        } else {
            high = middle;
        }
    }
    return last;
}

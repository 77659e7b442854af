#include "clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

static _Atomic int64_t fake_ms = -1;

static int64_t read_clock_ns(clockid_t id) {
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_now_ms(void) {
    int64_t fake = atomic_load_explicit(&fake_ms, memory_order_relaxed);
    return fake >= 0 ? fake : read_clock_ns(CLOCK_REALTIME) / 1000000;
}

int64_t clock_mono_ns(void) { return read_clock_ns(CLOCK_MONOTONIC); }

int64_t clock_mono_ms(void) {
    int64_t fake = atomic_load_explicit(&fake_ms, memory_order_relaxed);
    return fake >= 0 ? fake : clock_mono_ns() / 1000000;
}

void clock_fake(int64_t now_ms) { atomic_store(&fake_ms, now_ms); }
void clock_real(void) { atomic_store(&fake_ms, -1); }

/* Days since 1970-01-01 of a proleptic Gregorian date, and back. Source: H. Hinnant, "chrono-compatible low-level date algorithms". */
static int64_t days_from_civil(int64_t y, int m, int d) {
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

void clock_iso(int64_t ms, char out[CLOCK_ISO_SIZE]) {
    int64_t s = ms / 1000 - (ms % 1000 < 0);
    if (s < 0) s = 0;
    if (s > 253402300799) s = 253402300799; /* 9999-12-31T23:59:59Z */
    int64_t days = s / 86400, rest = s % 86400;
    int64_t z = days + 719468, era = z / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    int day = (int)(doy - (153 * mp + 2) / 5 + 1), month = (int)(mp < 10 ? mp + 3 : mp - 9);
    int year = (int)(yoe + era * 400 + (month <= 2));
    int parts[6] = {year, month, day, (int)(rest / 3600), (int)(rest / 60 % 60), (int)(rest % 60)};
    static const char form[] = "YYYY-MM-DDThh:mm:ssZ";
    memcpy(out, form, sizeof form);
    static const struct { int at, digits; } slot[6] = {{0, 4}, {5, 2}, {8, 2}, {11, 2}, {14, 2}, {17, 2}};
    for (int i = 0; i < 6; i++)
        for (int k = slot[i].digits - 1; k >= 0; k--, parts[i] /= 10) out[slot[i].at + k] = (char)('0' + parts[i] % 10);
}

static bool digits(struct str *s, int count, int *value) {
    if (s->n < (size_t)count) return false;
    *value = 0;
    for (int i = 0; i < count; i++) {
        if (s->p[i] < '0' || s->p[i] > '9') return false;
        *value = *value * 10 + (s->p[i] - '0');
    }
    *s = str_skip(*s, (size_t)count);
    return true;
}

static bool literal(struct str *s, char c) {
    if (!s->n || s->p[0] != c) return false;
    *s = str_skip(*s, 1);
    return true;
}

bool clock_parse_iso(struct str s, int64_t *ms) {
    int y, mo, d, h, mi, sec, oh = 0, om = 0;
    if (!digits(&s, 4, &y) || !literal(&s, '-') || !digits(&s, 2, &mo) || !literal(&s, '-') || !digits(&s, 2, &d)) return false;
    if (!literal(&s, 'T') && !literal(&s, 't') && !literal(&s, ' ')) return false;
    if (!digits(&s, 2, &h) || !literal(&s, ':') || !digits(&s, 2, &mi) || !literal(&s, ':') || !digits(&s, 2, &sec)) return false;
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
    if (mo < 1 || mo > 12 || d < 1 || d > month_days[mo - 1] + (mo == 2 && leap) || h > 23 || mi > 59 || sec > 60) return false;
    int64_t fraction_ms = 0, unit = 100;
    if (literal(&s, '.')) {
        if (!s.n || s.p[0] < '0' || s.p[0] > '9') return false;
        for (; s.n && s.p[0] >= '0' && s.p[0] <= '9'; s = str_skip(s, 1), unit /= 10) fraction_ms += (s.p[0] - '0') * unit;
    }
    int sign = 0;
    if (!literal(&s, 'Z') && !literal(&s, 'z')) {
        if (literal(&s, '+')) sign = 1;
        else if (literal(&s, '-')) sign = -1;
        else return false;
        if (!digits(&s, 2, &oh) || !literal(&s, ':') || !digits(&s, 2, &om) || oh > 23 || om > 59) return false;
    }
    if (s.n) return false;
    int64_t seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + sec - sign * (oh * 3600 + om * 60);
    *ms = seconds * 1000 + fraction_ms;
    return true;
}

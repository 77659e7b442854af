#include "log.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <unistd.h>

#include "clock.h"

static _Atomic int level_now = LOG_INFO;
static _Atomic int fd_now = 2;
static const char *const level_names[] = {"error", "warn", "info", "debug"};
enum { LINE_MAX_BYTES = 16384 };

void log_level_set(enum log_level level) { atomic_store(&level_now, (int)level); }
bool log_on(enum log_level level) { return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed); }
void log_fd_set(int fd) { atomic_store(&fd_now, fd); }

bool log_level_parse(struct str name, enum log_level *level) {
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++)
        if (str_eqz(name, level_names[i])) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

static void add_value(struct buf *b, struct str v) {
    bool plain = v.n > 0;
    for (size_t i = 0; i < v.n && plain; i++) plain = v.p[i] > ' ' && v.p[i] != '"' && v.p[i] != '=' && v.p[i] != 127;
    if (plain) {
        buf_add(b, v);
        return;
    }
    buf_addc(b, '"');
    for (size_t i = 0; i < v.n; i++) {
        char c = v.p[i];
        if (c == '"' || c == '\\') buf_addc(b, '\\');
        if (c == '\n') buf_addz(b, "\\n");
        else if ((unsigned char)c < ' ' || c == 127) buf_addc(b, ' ');
        else buf_addc(b, c);
    }
    buf_addc(b, '"');
}

void log_fields(enum log_level level, const char *at, const char *msg, const struct log_field *fields, size_t count) {
    struct buf b;
    buf_init(&b, LINE_MAX_BYTES);
    int64_t now = clock_now_ms();
    char iso[CLOCK_ISO_SIZE];
    clock_iso(now, iso);
    buf_addf(&b, "ts=%.19s.%03dZ level=%s at=%s msg=", iso, (int)(now % 1000), level_names[level], at);
    add_value(&b, str_from(msg));
    for (size_t i = 0; i < count && !b.failed; i++) {
        buf_addf(&b, " %s=", fields[i].key);
        if (fields[i].type == LOG_FIELD_I64) buf_addf(&b, "%" PRId64, fields[i].i);
        else add_value(&b, fields[i].s.n > 4096 ? str_of(fields[i].s.p, 4096) : fields[i].s);
    }
    buf_addc(&b, '\n');
    if (b.failed && b.n) b.p[b.n - 1] = '\n'; /* cut, but still a line */
    ssize_t ignored = b.n ? write(atomic_load(&fd_now), b.p, b.n) : 0;
    (void)ignored; /* a log that cannot be written has nowhere to say so */
    buf_fini(&b);
}

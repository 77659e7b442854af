#include "file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"
#include "os.h"

enum { PIECE_BYTES = 65536, PATH_BYTES = 4096 };

static enum err failed(const struct file *f, const char *what, struct fault *fault) {
    enum err code = errno == ENOSPC || errno == EDQUOT ? ERR_STORAGE_FULL : ERR_IO;
    return fault_at(fault, code, f->path, 0, 0, "%s: cannot %s: %s", f->path, what, strerror(errno));
}

void file_close(struct file *f) {
    if (f->fd >= 0) close(f->fd);
    f->fd = -1;
}

static enum err parent_of(const struct file *f, char dir[PATH_BYTES], struct fault *fault) {
    char *slash = str_copyz(dir, PATH_BYTES, str_from(f->path)) ? strrchr(dir, '/') : NULL;
    if (!slash) return fault_at(fault, ERR_VALIDATION, f->path, 0, 0, "%s: the path is too long", f->path);
    *slash = 0;
    return ERR_OK;
}

/* A new or renamed name is durable once its directory is. */
static enum err sync_directory(const struct file *f, struct fault *fault) {
    char dir[PATH_BYTES];
    enum err err = parent_of(f, dir, fault);
    if (err) return err;
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd)) err = failed(f, "sync the directory", fault);
    if (fd >= 0) close(fd);
    return err;
}

/* Terminates a line that a crash cut, and learns the size. */
static enum err repair(struct file *f, struct fault *fault) {
    struct stat st;
    char last = '\n';
    if (fstat(f->fd, &st)) return failed(f, "look at it", fault);
    if (!S_ISREG(st.st_mode)) return fault_at(fault, ERR_IO, f->path, 0, 0, "%s: is no regular file", f->path);
    if (st.st_size > 0 && pread(f->fd, &last, 1, st.st_size - 1) != 1) return failed(f, "read", fault);
    f->bytes = f->synced = st.st_size;
    if (last == '\n') return ERR_OK;
    log_line(LOG_WARN, "log", "an incomplete last line was terminated", LOG_Z("file", f->path));
    if (write(f->fd, "\n", 1) != 1) return failed(f, "write", fault);
    f->bytes++;
    return ERR_OK;
}

static bool is_same_file(const struct file *f) {
    struct stat here, there;
    return !fstat(f->fd, &here) && !stat(f->path, &there) && here.st_ino == there.st_ino && here.st_dev == there.st_dev;
}

enum err file_open(struct file *f, struct fault *fault) {
    char dir[PATH_BYTES];
    if (f->fd >= 0 && is_same_file(f)) return ERR_OK;
    file_close(f);
    enum err err = parent_of(f, dir, fault);
    if (!err) err = os_make_dirs(dir, 0700, fault);
    if (err) return err;
    f->fd = open(f->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (f->fd < 0) return failed(f, "open", fault);
    err = repair(f, fault);
    if (!err && f->bytes == 0) err = sync_directory(f, fault);
    if (err) file_close(f);
    return err;
}

/* Back to `bytes`. A file that cannot even be cut is closed: the next open repairs it. */
static void cut(struct file *f, int64_t bytes) {
    if (ftruncate(f->fd, bytes)) {
        log_line(LOG_ERROR, "log", "a failed write could not be undone", LOG_Z("file", f->path), LOG_Z("error", strerror(errno)));
        file_close(f);
    }
    f->bytes = bytes;
    if (f->synced > bytes) f->synced = bytes;
}

static enum err write_all(struct file *f, const char *bytes, size_t n, struct fault *fault) {
    for (size_t at = 0; at < n;) {
        ssize_t put = write(f->fd, bytes + at, n - at);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) return failed(f, "write", fault);
        at += (size_t)put;
    }
    return ERR_OK;
}

enum err file_append(struct file *f, struct str line, struct fault *fault) {
    char piece[PIECE_BYTES];
    enum err err = ERR_OK;
    for (size_t at = 0; !err && at <= line.n;) {
        size_t n = 0;
        for (; n < sizeof piece && at < line.n; n++, at++) piece[n] = line.p[at] == '\n' || line.p[at] == '\r' ? ' ' : line.p[at];
        if (at == line.n && n < sizeof piece) {
            piece[n++] = '\n';
            at++;
        }
        err = write_all(f, piece, n, fault);
    }
    if (err)
        cut(f, f->bytes);
    else
        f->bytes += (int64_t)line.n + 1;
    return err;
}

enum err file_sync(struct file *f, struct fault *fault) {
    if (f->synced == f->bytes) return ERR_OK;
    if (fdatasync(f->fd)) {
        enum err err = failed(f, "sync", fault);
        cut(f, f->synced);
        file_close(f); /* after a failed sync the kernel's pages cannot be trusted */
        return err;
    }
    f->synced = f->bytes;
    return ERR_OK;
}

enum err file_rotate(struct file *f, int64_t keep, struct fault *fault) {
    char from[PATH_BYTES], to[PATH_BYTES];
    if (keep == 0 && f->fd >= 0) {
        cut(f, 0);
        return f->fd < 0 ? fault_at(fault, ERR_IO, f->path, 0, 0, "%s: cannot be emptied", f->path) : ERR_OK;
    }
    file_close(f);
    for (int64_t i = keep - 1; i >= 0; i--) {
        int n = i ? snprintf(from, sizeof from, "%s.%" PRId64, f->path, i) : snprintf(from, sizeof from, "%s", f->path);
        int m = snprintf(to, sizeof to, "%s.%" PRId64, f->path, i + 1);
        if (n >= (int)sizeof from || m >= (int)sizeof to) return fault_at(fault, ERR_VALIDATION, f->path, 0, 0, "the path is too long");
        if (rename(from, to) && errno != ENOENT) return failed(f, "rotate", fault);
    }
    return sync_directory(f, fault);
}

#include "os.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static enum err io_fault(struct fault *fault, const char *path, const char *what) {
    enum err code = errno == ENOENT ? ERR_NOT_FOUND : errno == ENOSPC ? ERR_STORAGE_FULL : ERR_IO;
    return fault_at(fault, code, path, 0, 0, "%s: cannot %s: %s", path, what, strerror(errno));
}

enum err os_read_file(const char *path, size_t max_bytes, struct buf *out, struct fault *fault) {
    int fd = strcmp(path, "-") == 0 ? dup(0) : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return io_fault(fault, path, "open");
    enum err err = ERR_OK;
    for (;;) {
        if (!buf_reserve(out, 65536)) {
            err = fault_at(fault, ERR_NOMEM, path, 0, 0, "%s: out of memory", path);
            break;
        }
        ssize_t got = read(fd, out->p + out->n, 65536);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) err = io_fault(fault, path, "read");
        if (got <= 0) break;
        out->n += (size_t)got;
        if (out->n > max_bytes) {
            err = fault_at(fault, ERR_TOO_LARGE, path, 0, 0, "%s: larger than %zu bytes", path, max_bytes);
            break;
        }
    }
    close(fd);
    return err;
}

static void sync_parent(const char *path) {
    char dir[4096];
    if (!str_copyz(dir, sizeof dir, str_from(path))) return;
    char *slash = strrchr(dir, '/');
    if (slash == dir) dir[1] = 0;
    else if (slash) *slash = 0;
    int fd = open(slash ? dir : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return;
    fsync(fd);
    close(fd);
}

enum err os_write_file(const char *path, struct str content, unsigned mode, struct fault *fault) {
    char temp[4096];
    if (snprintf(temp, sizeof temp, "%s.%d.new", path, (int)getpid()) >= (int)sizeof temp)
        return fault_at(fault, ERR_VALIDATION, path, 0, 0, "the path is too long");
    int fd = open(temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    if (fd < 0) return io_fault(fault, temp, "create");
    enum err err = ERR_OK;
    for (size_t at = 0; at < content.n;) {
        ssize_t put = write(fd, content.p + at, content.n - at);
        if (put < 0 && errno == EINTR) continue;
        if (put < 0) {
            err = io_fault(fault, temp, "write");
            break;
        }
        at += (size_t)put;
    }
    if (!err && fsync(fd)) err = io_fault(fault, temp, "sync");
    close(fd);
    if (!err && rename(temp, path)) err = io_fault(fault, path, "replace");
    if (err) unlink(temp);
    else sync_parent(path);
    return err;
}

enum err os_make_dirs(const char *path, unsigned mode, struct fault *fault) {
    char part[4096];
    if (!str_copyz(part, sizeof part, str_from(path))) return fault_at(fault, ERR_VALIDATION, path, 0, 0, "the path is too long");
    for (char *p = part + 1;; p++) {
        if (*p && *p != '/') continue;
        char keep = *p;
        *p = 0;
        if (mkdir(part, (mode_t)mode) && errno != EEXIST) return io_fault(fault, part, "create directory");
        if (!keep) break;
        *p = keep;
    }
    return os_is_dir(path) ? ERR_OK : fault_at(fault, ERR_IO, path, 0, 0, "%s: is not a directory", path);
}

enum err os_lock(const char *path, int *fd, struct fault *fault) {
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) return io_fault(fault, path, "open");
    char pid[32] = "";
    if (flock(*fd, LOCK_EX | LOCK_NB)) {
        enum err err = errno == EWOULDBLOCK ? ERR_LOCKED : ERR_IO;
        ssize_t n = pread(*fd, pid, sizeof pid - 1, 0);
        if (n > 0) pid[strcspn(pid, "\n")] = 0;
        close(*fd);
        *fd = -1;
        return fault_at(fault, err, path, 0, 0, "%s: the data directory is in use by another busd%s%s", path, n > 0 ? ", pid " : "", pid);
    }
    int n = snprintf(pid, sizeof pid, "%d\n", (int)getpid());
    if (ftruncate(*fd, 0) || pwrite(*fd, pid, (size_t)n, 0) != n) {
        enum err err = io_fault(fault, path, "write");
        close(*fd);
        *fd = -1;
        return err;
    }
    return ERR_OK;
}

static bool suffix_listed(const char *name, const char *const *suffixes) {
    for (; *suffixes; suffixes++)
        if (str_ends(str_from(name), str_from(*suffixes))) return true;
    return false;
}

enum err os_each_file(const char *dir, const char *const *suffixes, enum err (*each)(void *ctx, const char *path), void *ctx,
                      struct fault *fault) {
    struct dirent **names = NULL;
    int count = scandir(dir, &names, NULL, alphasort);
    if (count < 0) return io_fault(fault, dir, "list");
    enum err err = ERR_OK;
    for (int i = 0; i < count; i++) {
        char path[4096];
        struct stat st;
        bool fits = snprintf(path, sizeof path, "%s/%s", dir, names[i]->d_name) < (int)sizeof path;
        if (!err && names[i]->d_name[0] != '.' && suffix_listed(names[i]->d_name, suffixes)) {
            if (!fits) err = fault_at(fault, ERR_VALIDATION, dir, 0, 0, "a path in it is too long");
            else if (!stat(path, &st) && S_ISREG(st.st_mode)) err = each(ctx, path);
        }
        free(names[i]);
    }
    free(names);
    return err;
}

bool os_is_dir(const char *path) {
    struct stat st;
    return !stat(path, &st) && S_ISDIR(st.st_mode);
}

const char *os_env(const char *name, const char *fallback) {
    const char *value = getenv(name);
    return value && *value ? value : fallback;
}

void os_sd_notify(const char *state) {
    const char *path = os_env("NOTIFY_SOCKET", NULL);
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (!path || (path[0] != '/' && path[0] != '@') || strlen(path) >= sizeof to.sun_path) return;
    memcpy(to.sun_path, path, strlen(path));
    if (path[0] == '@') to.sun_path[0] = 0; /* abstract */
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return;
    socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    ssize_t ignored = sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&to, length);
    (void)ignored; /* a supervisor that went away is no reason to stop */
    close(fd);
}

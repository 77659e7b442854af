/* Files, directories and locks: the few calls to the system that more than one layer needs. Blocking; any thread. */
#ifndef BASE_OS_H
#define BASE_OS_H

#include "err.h"

/* Reads a whole file (at most max_bytes) into *out. ERR_NOT_FOUND, ERR_TOO_LARGE, ERR_IO, with the path in fault. "-" is stdin. */
enum err os_read_file(const char *path, size_t max_bytes, struct buf *out, struct fault *fault) MUST_USE;
/* Writes beside and renames over, with fsync of file and directory: the old content or the new one, never half. `mode` as in open(2). */
enum err os_write_file(const char *path, struct str content, unsigned mode, struct fault *fault) MUST_USE;
/* As mkdir -p; new directories get `mode`. */
enum err os_make_dirs(const char *path, unsigned mode, struct fault *fault) MUST_USE;
/* Takes an exclusive lock on `path` (made if need be) that the kernel drops when the process ends. ERR_LOCKED names the holder's pid
 * when the file tells. *fd stays open while the lock is held; the file holds this process's pid. */
enum err os_lock(const char *path, int *fd, struct fault *fault) MUST_USE;
/* Calls each(ctx, path) for the regular files directly in `dir` whose names end in one of the NULL-ended suffixes, in order of name. */
enum err os_each_file(const char *dir, const char *const *suffixes, enum err (*each)(void *ctx, const char *path), void *ctx,
                      struct fault *fault) MUST_USE;
bool os_is_dir(const char *path);
/* The value of an environment variable, or `fallback` when unset or empty. */
const char *os_env(const char *name, const char *fallback);
/* systemd's sd_notify protocol: sends `state` ("READY=1") to $NOTIFY_SOCKET; nothing happens without one. */
void os_sd_notify(const char *state);

#endif

/* A log file: whole lines, durable when said so, rotated by size. Owned by the writer's thread; blocking.
 *
 * Invariant: the file ends with a line end, or is empty. What a crash cut is terminated when the file is opened; what a failed write left
 * is cut off again. */
#ifndef LOG_FILE_H
#define LOG_FILE_H

#include "err.h"

struct file {
    char *path;
    int fd;         /* -1: not open */
    int64_t bytes;  /* all whole lines */
    int64_t synced; /* of them durable */
    uint64_t used;  /* when last, in turns of the writer */
};

/* Opens (making directories and file if need be, modes 0700 and 0600) and repairs; reopens when the path has come to mean another file
 * (rotated or removed from outside). ERR_IO, ERR_STORAGE_FULL, ERR_NOT_FOUND with the path in fault. */
enum err file_open(struct file *f, struct fault *fault) MUST_USE;
/* Appends a line; line ends in it become blanks. On error nothing of it stays. */
enum err file_append(struct file *f, struct str line, struct fault *fault) MUST_USE;
/* Makes what was appended durable; on error what was not durable yet is cut off. */
enum err file_sync(struct file *f, struct fault *fault) MUST_USE;
/* PATH -> PATH.1 -> ... -> PATH.keep (which goes); keep == 0: the file's content goes. Ends closed; open it again. Only after a sync. */
enum err file_rotate(struct file *f, int64_t keep, struct fault *fault) MUST_USE;
void file_close(struct file *f);

#endif

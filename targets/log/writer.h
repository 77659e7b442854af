/* Writes log groups: one thread takes whatever is queued, appends it file by file, syncs each file once, then reports all of it. */
#ifndef LOG_WRITER_H
#define LOG_WRITER_H

#include "group.h"
#include "target.h"

enum { WRITER_QUEUE_MAX = 8192, WRITER_FILES_MAX = 64 };

struct writer;
/* `directory` (borrowed) is DATA/logs. */
enum err writer_start(struct str directory, struct writer **w, struct fault *fault) MUST_USE;
/* Queues an attempt for a group (a reference, which the writer takes over). Never blocks; any thread. */
void writer_submit(struct writer *w, struct group *group, struct attempt *attempt);
/* Ends the thread; what is queued is reported as INTERNAL_ERROR. */
void writer_stop(struct writer *w);
/* After stop. NULL is fine. */
void writer_free(struct writer *w);

#endif

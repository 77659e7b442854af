/* What producers hand in, and what they get back: what the wire, the gateways and the flow all speak of. */
#ifndef BASE_ENTRY_H
#define BASE_ENTRY_H

#include "arena.h"
#include "err.h"
#include "hash.h"

/* One event as it was put. Absent strings were not given. */
struct entry {
    struct id id;              /* made by the client: what it puts again with the same id within five minutes is accepted once */
    bool has_id;               /* false: the daemon makes one */
    struct str bus;            /* name or ARN; absent: the caller's default bus */
    struct str source, detail_type;
    struct str detail;         /* JSON text */
    struct str *resources;
    size_t resource_count;
    int64_t time_ms;           /* -1: now */
    struct str trace_header;   /* absent: none */
};

/* What became of it. An entry that was put before and accepted (same id) is ERR_OK with `duplicate` set. */
struct entry_result {
    enum err err;
    struct id id;
    bool duplicate;
    struct str message;        /* for errors: AWS's sentence; lives in the batch's arena */
};

#endif

#include <inttypes.h>
#include <stdio.h>

#include "sqlite.h"

/* Version 1. Text is kept as blobs: bytes as they came, compared bytewise. */
static const char version_1[] =
    "CREATE TABLE catalog(kind BLOB NOT NULL, key BLOB NOT NULL, value BLOB, PRIMARY KEY(kind, key)) WITHOUT ROWID;"
    "CREATE TABLE counter(name BLOB NOT NULL PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE accepted(at_ms INTEGER NOT NULL, n INTEGER NOT NULL, ids BLOB NOT NULL, PRIMARY KEY(at_ms, n)) WITHOUT ROWID;"
    /* Streams. `first`, `next`, `last_ms` are written when a shard is trimmed; above them the records themselves tell. */
    "CREATE TABLE shard(lane INTEGER PRIMARY KEY, stream INTEGER NOT NULL, shard INTEGER NOT NULL, first INTEGER NOT NULL,"
    " next INTEGER NOT NULL, last_ms INTEGER NOT NULL, UNIQUE(stream, shard));"
    "CREATE TABLE record(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, partition_key BLOB, data BLOB);"
    /* Queues. A message is written once; what changes (slot, ready, due) lies apart, so that a receive rewrites no body.
     * ready: may be handed out now (of a FIFO group only its head). due: hidden until visible_ms. slot: present when it was hidden or
     * received. late: its lane when its sent_ms is older than that of one before it, else 0. */
    "CREATE TABLE queue(lane INTEGER PRIMARY KEY, queue INTEGER NOT NULL UNIQUE, next INTEGER NOT NULL, count INTEGER NOT NULL);"
    "CREATE TABLE message(id INTEGER PRIMARY KEY, sent_ms INTEGER NOT NULL, late INTEGER NOT NULL, grp INTEGER, mid BLOB NOT NULL,"
    " dedup BLOB, attributes BLOB, body BLOB);"
    "CREATE INDEX message_group ON message(grp) WHERE grp IS NOT NULL;"
    "CREATE INDEX message_late ON message(late, sent_ms) WHERE late <> 0;"
    "CREATE TABLE ready(id INTEGER PRIMARY KEY);"
    "CREATE TABLE slot(id INTEGER PRIMARY KEY, visible_ms INTEGER NOT NULL, receives INTEGER NOT NULL, first_ms INTEGER NOT NULL,"
    " grp INTEGER);"
    "CREATE TABLE due(lane INTEGER NOT NULL, visible_ms INTEGER NOT NULL, seq INTEGER NOT NULL, flight INTEGER NOT NULL,"
    " PRIMARY KEY(lane, visible_ms, seq)) WITHOUT ROWID;"
    "CREATE TABLE fifo_group(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, name BLOB NOT NULL, flight INTEGER NOT NULL,"
    " head INTEGER NOT NULL, UNIQUE(lane, name));"
    "CREATE TABLE dedup(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, dedup BLOB NOT NULL, sent_ms INTEGER NOT NULL,"
    " seq INTEGER NOT NULL, UNIQUE(lane, dedup));"
    "CREATE INDEX dedup_age ON dedup(lane, sent_ms);"
    /* Deliveries. */
    "CREATE TABLE lane(id INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);"
    "CREATE TABLE delivery(id INTEGER PRIMARY KEY, lane INTEGER NOT NULL, due_ms INTEGER NOT NULL, attempts INTEGER NOT NULL,"
    " accepted_ms INTEGER NOT NULL, state BLOB, event BLOB, input BLOB);"
    "CREATE INDEX delivery_due ON delivery(lane, due_ms);";

/* Version 2: archives. An archived event carries the size of all that its archive ever took up to it, so that what is there now is the
 * difference of two rows, and an append writes no counter. `first`, `next`, `last_ms`, `total` and `gone` (the size of what was removed)
 * are written when an archive is trimmed; above them the events themselves tell. */
static const char version_2[] =
    "CREATE TABLE archive(lane INTEGER PRIMARY KEY, archive INTEGER NOT NULL UNIQUE, closed INTEGER NOT NULL, first INTEGER NOT NULL,"
    " next INTEGER NOT NULL, last_ms INTEGER NOT NULL, total INTEGER NOT NULL, gone INTEGER NOT NULL);"
    "CREATE TABLE archived(id INTEGER PRIMARY KEY, at_ms INTEGER NOT NULL, total INTEGER NOT NULL, context BLOB, event BLOB NOT NULL);";

/* A new version is a new row here; rows that were released never change. */
const struct schema_step schema_steps[] = {
    {1, version_1},
    {2, version_2},
};
const size_t schema_steps_count = sizeof schema_steps / sizeof schema_steps[0];

static enum err refuse_foreign(struct conn *c, int64_t version, int64_t latest, struct fault *fault) {
    int64_t application, tables;
    enum err err = conn_number(c, "PRAGMA application_id", 0, &application, fault);
    if (!err) err = conn_number(c, "SELECT count(*) FROM sqlite_schema", 0, &tables, fault);
    if (err) return err;
    if (application != SCHEMA_APPLICATION_ID && (application || tables))
        return fault_at(fault, ERR_SCHEMA, c->path, 0, 0,
                        "%s: this SQLite file belongs to another program (application_id %" PRId64
                        "); give busd a data directory of its own",
                        c->path, application);
    if (version > latest || version < 0)
        return fault_at(fault, ERR_SCHEMA, c->path, 0, 0,
                        "%s: the store has schema version %" PRId64 ", this busd knows up to %" PRId64
                        "; start the newer busd that wrote it, or restore a backup from before the upgrade",
                        c->path, version, latest);
    return ERR_OK;
}

enum err schema_migrate(struct conn *c, const struct schema_step *steps, size_t count, struct fault *fault) {
    int64_t version, latest = count ? steps[count - 1].version : 0;
    enum err err = conn_number(c, "PRAGMA user_version", 0, &version, fault);
    if (!err) err = refuse_foreign(c, version, latest, fault);
    if (err || version == latest) return err;
    err = conn_exec(c, "BEGIN IMMEDIATE", fault);
    for (size_t i = 0; i < count && !err; i++)
        if (steps[i].version > version) err = conn_exec(c, steps[i].sql, fault);
    char mark[96]; /* both pragmas are part of the transaction: they live in the file's first page */
    snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %" PRId64, SCHEMA_APPLICATION_ID, latest);
    if (!err) err = conn_exec(c, mark, fault);
    if (!err) err = conn_exec(c, "COMMIT", fault);
    if (err && !sqlite3_get_autocommit(c->db)) {
        struct fault second;
        if (conn_exec(c, "ROLLBACK", &second)) return fault_at(fault, second.code, c->path, 0, 0, "%s", second.message);
    }
    return err;
}

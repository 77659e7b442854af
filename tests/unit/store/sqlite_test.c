/* What only the SQLite engine has: its file, schema, limits, damage, and readers beside the writer. */
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "committer.h"
#include "sqlite.h"

struct fixture {
    char dir[48], path[64];
    struct store *store;
    struct arena arena;
};

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->dir, sizeof f->dir, "/tmp/store-sqlite-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/store.db", f->dir);
    arena_init(&f->arena, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *f = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char name[80];
    store_close(f->store);
    arena_fini(&f->arena);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        snprintf(name, sizeof name, "%s%s", f->path, suffixes[i]);
        unlink(name);
    }
    rmdir(f->dir);
    free(f);
    return 0;
}

static enum err try_open(struct fixture *f, bool check, struct fault *fault) {
    struct store_options options = {.durability = DURABILITY_NORMAL, .check = check};
    return store_open_sqlite(f->path, &options, &f->store, fault);
}

static void open_store(struct fixture *f) {
    struct fault fault;
    if (try_open(f, true, &fault)) fail_msg("%s", fault.message);
}

static void close_store(struct fixture *f) {
    store_close(f->store);
    f->store = NULL;
}

static enum err try_append(struct fixture *f, size_t records, size_t bytes, int64_t *last, struct fault *fault) {
    struct txn t, *one = &t;
    static char data[65536];
    arena_reset(&f->arena);
    txn_init(&t, &f->arena);
    for (size_t i = 0; i < records; i++) {
        struct store_op *op = txn_add(&t, OP_STREAM_APPEND);
        assert_non_null(op);
        op->u.append.stream = 1;
        op->u.append.data = str_of(data, bytes);
    }
    enum err err = f->store->ops->commit(f->store, &one, 1, fault);
    if (last) *last = t.last->u.append.sequence;
    return err;
}

static int64_t append(struct fixture *f, size_t records, size_t bytes) {
    struct fault fault;
    int64_t last;
    if (try_append(f, records, bytes, &last, &fault)) fail_msg("%s", fault.message);
    return last;
}

static int64_t next_of(struct fixture *f) {
    struct fault fault;
    int64_t sequence, next;
    assert_int_equal(f->store->ops->stream_find(f->store, 1, 0, 0, &sequence, &next, &fault), ERR_OK);
    return next;
}

static struct store_op *commit_one(struct fixture *f, struct store_op op) {
    struct fault fault;
    struct txn *t = ARENA_NEW(&f->arena, struct txn);
    assert_non_null(t);
    txn_init(t, &f->arena);
    struct store_op *added = txn_add(t, op.kind);
    assert_non_null(added);
    *added = op;
    if (f->store->ops->commit(f->store, &t, 1, &fault)) fail_msg("%s", fault.message);
    return added;
}

static struct conn *writer(struct fixture *f) { return &((struct sqlite_store *)f->store)->writer; }

/* ---- the file --------------------------------------------------------------------------------------------------------------------- */

static void file_is_for_its_owner_only(void **state) {
    struct fixture *f = *state;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    mode_t before = umask(0);
    open_store(f);
    append(f, 1, 10);
    umask(before);
    for (size_t i = 0; i < 4; i++) {
        char name[80];
        struct stat st;
        snprintf(name, sizeof name, "%s%s", f->path, suffixes[i]);
        assert_int_equal(stat(name, &st), 0);
        assert_int_equal(st.st_mode & 0777, 0600);
    }
}

static void second_opener_is_refused(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct store *second;
    struct store_options options = {.durability = DURABILITY_OFF};
    open_store(f);
    assert_int_equal(store_open_sqlite(f->path, &options, &second, &fault), ERR_LOCKED);
    assert_null(second);
    assert_non_null(strstr(fault.message, "in use"));
    append(f, 1, 10);
}

static void foreign_writer_is_waited_for_then_told(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    sqlite3 *foreign;
    open_store(f);
    sqlite3_busy_timeout(writer(f)->db, 1);
    assert_int_equal(sqlite3_open(f->path, &foreign), SQLITE_OK);
    assert_int_equal(sqlite3_exec(foreign, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(try_append(f, 1, 10, NULL, &fault), ERR_LOCKED);
    assert_int_equal(sqlite3_exec(foreign, "ROLLBACK", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(foreign);
    assert_int_equal(append(f, 1, 10), 1);
}

static void missing_directory_is_an_error(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct store *s;
    struct store_options options = {.durability = DURABILITY_OFF};
    (void)f;
    assert_int_equal(store_open_sqlite("/nonexistent/store.db", &options, &s, &fault), ERR_NOT_FOUND);
    assert_non_null(strstr(fault.message, "/nonexistent/"));
}

static void durability_sets_synchronous(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    static const struct {
        enum durability durability;
        int64_t synchronous;
    } rows[] = {{DURABILITY_FULL, 2}, {DURABILITY_NORMAL, 1}, {DURABILITY_OFF, 0}};
    for (size_t i = 0; i < 3; i++) {
        int64_t synchronous, wal;
        struct store_options options = {.durability = rows[i].durability};
        assert_int_equal(store_open_sqlite(f->path, &options, &f->store, &fault), ERR_OK);
        assert_int_equal(conn_number(writer(f), "PRAGMA synchronous", -1, &synchronous, &fault), ERR_OK);
        assert_int_equal(synchronous, rows[i].synchronous);
        assert_int_equal(conn_number(writer(f), "SELECT journal_mode = 'wal' FROM pragma_journal_mode", -1, &wal, &fault), ERR_OK);
        assert_int_equal(wal, 1);
        close_store(f);
    }
}

/* ---- schema ----------------------------------------------------------------------------------------------------------------------- */

static void foreign_exec(struct fixture *f, const char *sql) {
    sqlite3 *db;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void empty_file_of_version_0_is_migrated(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    int64_t version, application;
    foreign_exec(f, "PRAGMA application_id = 0x62757364; PRAGMA user_version = 0");
    open_store(f);
    assert_int_equal(conn_number(writer(f), "PRAGMA user_version", -1, &version, &fault), ERR_OK);
    assert_int_equal(version, schema_steps[schema_steps_count - 1].version);
    assert_int_equal(conn_number(writer(f), "PRAGMA application_id", -1, &application, &fault), ERR_OK);
    assert_int_equal(application, SCHEMA_APPLICATION_ID);
    assert_int_equal(append(f, 1, 10), 1);
}

/* A file with content, brought two versions on by two steps: in one transaction, or not at all. */
static void older_file_is_migrated_in_one_transaction(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    int64_t value;
    open_store(f);
    append(f, 3, 10);
    const struct schema_step last = schema_steps[schema_steps_count - 1];
    const char *column = "ALTER TABLE shard ADD COLUMN born_ms INTEGER NOT NULL DEFAULT 7";
    const struct schema_step broken[] = {last, {last.version + 1, column}, {last.version + 2, "INSERT INTO nowhere VALUES(1)"}};
    const struct schema_step good[] = {last, {last.version + 1, column}, {last.version + 2, "UPDATE shard SET born_ms = born_ms + 1"}};
    assert_int_equal(schema_migrate(writer(f), broken, 3, &fault), ERR_INTERNAL);
    assert_int_equal(conn_number(writer(f), "PRAGMA user_version", -1, &value, &fault), ERR_OK);
    assert_int_equal(value, last.version);
    assert_int_equal(conn_number(writer(f), "SELECT count(*) FROM pragma_table_info('shard') WHERE name = 'born_ms'", -1, &value, &fault),
                     ERR_OK);
    assert_int_equal(value, 0);
    assert_int_equal(schema_migrate(writer(f), good, 3, &fault), ERR_OK);
    assert_int_equal(conn_number(writer(f), "PRAGMA user_version", -1, &value, &fault), ERR_OK);
    assert_int_equal(value, last.version + 2);
    assert_int_equal(conn_number(writer(f), "SELECT born_ms FROM shard", -1, &value, &fault), ERR_OK);
    assert_int_equal(value, 8);
    assert_int_equal(schema_migrate(writer(f), good, 3, &fault), ERR_OK); /* nothing left to do */
    assert_int_equal(append(f, 1, 10), 4);
}

/* What the first release wrote, with content, is opened by this one: nothing is lost, and archives work. */
static void file_of_version_1_gets_archives(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct conn old;
    int64_t value;
    foreign_exec(f, "PRAGMA page_size = 8192");
    assert_int_equal(conn_open(f->path, 1 << 20, true, &old, &fault), ERR_OK);
    assert_int_equal(schema_migrate(&old, schema_steps, 1, &fault), ERR_OK);
    assert_int_equal(conn_exec(&old,
                               "INSERT INTO shard VALUES(1, 1, 0, 1, 1, 0); INSERT INTO record VALUES((1 << 44) + 1, 5, x'6b', x'64');"
                               "INSERT INTO catalog VALUES(x'72', x'6b', x'76')",
                               &fault),
                     ERR_OK);
    assert_int_equal(conn_number(&old, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'archive%'", -1, &value, &fault), ERR_OK);
    assert_int_equal(value, 0);
    conn_close(&old);
    open_store(f);
    assert_int_equal(conn_number(writer(f), "PRAGMA user_version", -1, &value, &fault), ERR_OK);
    assert_int_equal(value, schema_steps[schema_steps_count - 1].version);
    assert_int_equal(conn_number(writer(f), "SELECT count(*) FROM catalog", -1, &value, &fault), ERR_OK);
    assert_int_equal(value, 1);
    assert_int_equal(append(f, 1, 10), 2);
    commit_one(f, (struct store_op){.kind = OP_ARCHIVE_OPEN, .u.cut = {.archive = 1}});
    commit_one(f, (struct store_op){.kind = OP_ARCHIVE_APPEND, .u.archive = {.archive = 1, .at_ms = 10, .event = STR("{}")}});
    close_store(f);
    open_store(f);
    struct store_archive_stats stats;
    assert_int_equal(f->store->ops->archive_stats(f->store, 1, &stats, &fault), ERR_OK);
    assert_int_equal(stats.count, 1);
    assert_int_equal(stats.bytes, 2);
    assert_int_equal(f->store->ops->check(f->store, &fault), ERR_OK);
}

static void newer_file_is_refused_with_advice(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    open_store(f);
    close_store(f);
    foreign_exec(f, "PRAGMA user_version = 99");
    assert_int_equal(try_open(f, false, &fault), ERR_SCHEMA);
    assert_null(f->store);
    assert_non_null(strstr(fault.message, "schema version 99"));
    assert_non_null(strstr(fault.message, "newer busd"));
}

static void file_of_another_program_is_left_alone(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    foreign_exec(f, "CREATE TABLE recipes(name); PRAGMA user_version = 1");
    assert_int_equal(try_open(f, false, &fault), ERR_SCHEMA);
    assert_non_null(strstr(fault.message, "another program"));
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT count(*), (SELECT journal_mode FROM pragma_journal_mode) FROM sqlite_schema", -1, &st, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int(st, 0), 1);
    assert_string_equal((const char *)sqlite3_column_text(st, 1), "delete");
    sqlite3_finalize(st);
    sqlite3_close(db);
}

/* ---- damage ----------------------------------------------------------------------------------------------------------------------- */

static void overwrite(struct fixture *f, off_t from, size_t bytes) {
    static char noise[65536];
    memset(noise, 0x5a, sizeof noise);
    int fd = open(f->path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, noise, bytes, from), (ssize_t)bytes);
    close(fd);
}

static void damaged_file_is_told_with_advice(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct stat st;
    open_store(f);
    append(f, 100, 4000);
    close_store(f);
    assert_int_equal(stat(f->path, &st), 0);
    overwrite(f, st.st_size - 65536, 65536);
    assert_int_equal(try_open(f, true, &fault), ERR_CORRUPT);
    assert_non_null(strstr(fault.message, "restore a backup"));
    assert_non_null(strstr(fault.message, f->path));
}

static void what_is_no_database_is_told(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    int fd = open(f->path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    overwrite(f, 0, 4096);
    assert_int_equal(try_open(f, false, &fault), ERR_CORRUPT);
    assert_non_null(strstr(fault.message, "not an SQLite file"));
}

static void archive_three(struct fixture *f) {
    commit_one(f, (struct store_op){.kind = OP_ARCHIVE_OPEN, .u.cut = {.archive = 1}});
    for (int i = 0; i < 3; i++)
        commit_one(f, (struct store_op){.kind = OP_ARCHIVE_APPEND, .u.archive = {.archive = 1, .at_ms = 10, .event = STR("{}")}});
}

static void check_compares_counters(void **state) {
    struct fixture *f = *state;
    static const struct {
        const char *sql, *said;
    } rows[] = {
        {"DELETE FROM record WHERE id & 0xff = 2", "gap"},
        {"UPDATE queue SET count = 7", "count is wrong"},
        {"DELETE FROM ready", "neither ready nor hidden"},
        {"DELETE FROM message", "count is wrong"},
        {"DELETE FROM lane", "no lane"},
        {"DELETE FROM archived WHERE id & 0xff = 2", "an archive has a gap"},
        {"DELETE FROM archive", "belongs to no archive"},
        {"UPDATE archived SET event = x'00'", "size of an archive"},
    };
    open_store(f);
    append(f, 3, 10);
    commit_one(f, (struct store_op){.kind = OP_QUEUE_SEND, .u.send = {.queue = 1, .body = STR("x")}});
    commit_one(f, (struct store_op){.kind = OP_DELIVERY_ADD, .u.delivery = {.lane = STR("l")}});
    archive_three(f);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct fault fault;
        assert_int_equal(f->store->ops->check(f->store, &fault), ERR_OK);
        assert_int_equal(conn_exec(writer(f), "SAVEPOINT test", &fault), ERR_OK);
        assert_int_equal(conn_exec(writer(f), rows[i].sql, &fault), ERR_OK);
        assert_int_equal(conn_exec(writer(f), "RELEASE test", &fault), ERR_OK);
        assert_int_equal(f->store->ops->check(f->store, &fault), ERR_CORRUPT);
        assert_non_null(strstr(fault.message, rows[i].said));
        close_store(f);
        unlink(f->path);
        open_store(f);
        append(f, 3, 10);
        commit_one(f, (struct store_op){.kind = OP_QUEUE_SEND, .u.send = {.queue = 1, .body = STR("x")}});
        commit_one(f, (struct store_op){.kind = OP_DELIVERY_ADD, .u.delivery = {.lane = STR("l")}});
        archive_three(f);
    }
}

/* ---- limits ----------------------------------------------------------------------------------------------------------------------- */

static void full_store_refuses_the_group_and_goes_on(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    int64_t next;
    open_store(f);
    append(f, 10, 1000);
    assert_int_equal(conn_exec(writer(f), "PRAGMA max_page_count = 60", &fault), ERR_OK);
    assert_int_equal(try_append(f, 1000, 1000, NULL, &fault), ERR_STORAGE_FULL);
    assert_non_null(strstr(fault.message, "free some space"));
    next = next_of(f);
    assert_int_equal(next, 11);
    assert_int_equal(append(f, 1, 1000), 11); /* what fits still goes */
    assert_int_equal(conn_exec(writer(f), "PRAGMA max_page_count = 1000000", &fault), ERR_OK);
    assert_int_equal(append(f, 1000, 1000), 1011);
    assert_int_equal(f->store->ops->check(f->store, &fault), ERR_OK);
}

/* The kernel refuses the write itself (a limit on the size of files), in the middle of a commit. */
static void failed_write_leaves_nothing_and_goes_on(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct rlimit before, small;
    open_store(f);
    append(f, 10, 1000);
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 400000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum err err = try_append(f, 1000, 1000, NULL, &fault);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(err, ERR_IO);
    assert_true(fault.message[0]);
    assert_int_equal(next_of(f), 11);
    assert_int_equal(append(f, 1000, 1000), 1010);
    assert_int_equal(f->store->ops->check(f->store, &fault), ERR_OK);
}

static void log_stays_bounded_without_a_committer(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct store_stats stats;
    open_store(f);
    for (int i = 0; i < 100; i++) append(f, 1000, 1000); /* 100 MB */
    assert_int_equal(f->store->ops->stats(f->store, &stats, &fault), ERR_OK);
    assert_in_range(stats.wal_bytes, 1, 40 << 20);
    assert_true(stats.file_bytes > 60 << 20);
    assert_true(stats.free_bytes > 0);
    assert_int_equal(stats.commits, 100);
}

static void housekeeping_empties_the_log_when_idle(void **state) {
    struct fixture *f = *state;
    struct fault fault;
    struct sqlite_store *s;
    open_store(f);
    append(f, 10, 1000);
    s = (struct sqlite_store *)f->store;
    assert_int_equal(f->store->ops->maintain(f->store, false, &fault), ERR_OK);
    assert_false(s->log_settled);
    assert_int_equal(f->store->ops->maintain(f->store, true, &fault), ERR_OK);
    assert_true(s->log_settled);
    append(f, 1, 1000);
    assert_false(s->log_settled);
}

/* ---- over a restart --------------------------------------------------------------------------------------------------------------- */

static void counters_never_go_back_over_a_restart(void **state) {
    struct fixture *f = *state;
    open_store(f);
    assert_int_equal(append(f, 5, 10), 5);
    commit_one(f, (struct store_op){.kind = OP_STREAM_TRIM, .u.trim = {.stream = 1, .before_ms = INT64_MAX}});
    struct store_op send = {.kind = OP_QUEUE_SEND, .u.send = {.queue = 1, .body = STR("x"), .dedup = STR("d")}};
    int64_t sequence = commit_one(f, send)->u.send.sequence;
    struct store_op *got =
        commit_one(f, (struct store_op){.kind = OP_QUEUE_RECEIVE, .u.receive = {.queue = 1, .max_messages = 1, .visible_at_ms = 5}});
    commit_one(f, (struct store_op){.kind = OP_QUEUE_DELETE,
                                    .u.handle = {.queue = 1, .sequence = sequence, .receipt = got->u.receive.messages[0].receipt}});
    struct store_op add = {.kind = OP_DELIVERY_ADD, .u.delivery = {.lane = STR("gone")}};
    int64_t delivery = commit_one(f, add)->u.delivery.id;
    commit_one(f, (struct store_op){.kind = OP_DELIVERY_SETTLE, .u.delivery = {.id = delivery}});
    close_store(f);
    open_store(f);
    assert_int_equal(append(f, 1, 10), 6);
    assert_true(commit_one(f, send)->u.send.duplicate);
    send.u.send.dedup = STR_NULL;
    assert_int_equal(commit_one(f, send)->u.send.sequence, sequence + 1);
    assert_true(commit_one(f, add)->u.delivery.id > delivery);
    commit_one(f, (struct store_op){.kind = OP_QUEUE_DROP, .u.expire = {.queue = 1}});
    close_store(f);
    open_store(f);
    assert_int_equal(commit_one(f, send)->u.send.sequence, sequence + 2);
}

static void hundred_thousand_in_flight_cost_a_receive_nothing(void **state) {
    struct fixture *f = *state;
    open_store(f);
    for (int i = 0; i < 100; i++) {
        struct fault fault;
        struct txn t, *one = &t;
        arena_reset(&f->arena);
        txn_init(&t, &f->arena);
        for (int k = 0; k < 1100; k++) {
            struct store_op *op = txn_add(&t, k < 1000 ? OP_QUEUE_SEND : OP_QUEUE_RECEIVE);
            assert_non_null(op);
            if (k < 1000)
                op->u.send = (__typeof__(op->u.send)){.queue = 1, .body = STR("x")};
            else
                op->u.receive = (__typeof__(op->u.receive)){.queue = 1, .max_messages = 10, .now_ms = 1, .visible_at_ms = 1000 + i};
        }
        if (f->store->ops->commit(f->store, &one, 1, &fault)) fail_msg("%s", fault.message);
    }
    int before, after, highest; /* SQLite's count of steps of all scans, not time */
    commit_one(f, (struct store_op){.kind = OP_QUEUE_SEND, .u.send = {.queue = 1, .body = STR("last")}});
    sqlite3_stmt *lapsed = writer(f)->statements[Q_DUE_LAPSED], *ready = writer(f)->statements[Q_READY_FIRST];
    sqlite3_db_status(writer(f)->db, SQLITE_DBSTATUS_CACHE_MISS, &before, &highest, 0);
    int steps = sqlite3_stmt_status(lapsed, SQLITE_STMTSTATUS_VM_STEP, 1) + sqlite3_stmt_status(ready, SQLITE_STMTSTATUS_VM_STEP, 1);
    assert_true(steps > 0);
    struct store_op *op = commit_one(
        f, (struct store_op){.kind = OP_QUEUE_RECEIVE, .u.receive = {.queue = 1, .max_messages = 10, .now_ms = 2, .visible_at_ms = 9000}});
    assert_int_equal(op->u.receive.message_count, 1);
    assert_true(str_eqz(op->u.receive.messages[0].body, "last"));
    steps = sqlite3_stmt_status(lapsed, SQLITE_STMTSTATUS_VM_STEP, 1) + sqlite3_stmt_status(ready, SQLITE_STMTSTATUS_VM_STEP, 1);
    assert_in_range(steps, 1, 200);
    sqlite3_db_status(writer(f)->db, SQLITE_DBSTATUS_CACHE_MISS, &after, &highest, 0);
    assert_in_range(after - before, 0, 60);
    /* All lapse at once: a receive makes a slice of them visible, and hands out the oldest. */
    op = commit_one(f, (struct store_op){.kind = OP_QUEUE_RECEIVE,
                                         .u.receive = {.queue = 1, .max_messages = 1, .now_ms = 8000, .visible_at_ms = 9000}});
    assert_int_equal(op->u.receive.messages[0].sequence, 1);
}

/* ---- readers beside the writer ---------------------------------------------------------------------------------------------------- */

struct reader {
    struct store *store;
    _Atomic bool *stop;
    int reads, wrong;
};

static enum err nested(void *ctx, struct str key, struct str value) {
    struct reader *r = ctx;
    struct store_queue_stats stats;
    struct fault fault;
    (void)key;
    (void)value;
    return r->store->ops->queue_stats(r->store, 1, 0, &stats, &fault);
}

/* Whatever a reader sees is a whole number of commits of ten records. */
static void *read_along(void *arg) {
    struct reader *r = arg;
    struct arena a;
    arena_init(&a, 0);
    do {
        struct fault fault;
        struct store_record *records;
        size_t count;
        int64_t sequence, next;
        bool ok =
            !r->store->ops->stream_find(r->store, 1, 0, 0, &sequence, &next, &fault) && next % 10 == 1 &&
            !r->store->ops->stream_read(r->store, 1, 0, next - 5 > 0 ? next - 5 : 1, 100000, SIZE_MAX, &a, &records, &count, &fault) &&
            (next == 1 || count % 10 == 5 || count == 0) && !r->store->ops->catalog_scan(r->store, STR("k"), nested, r, &fault);
        if (!ok) r->wrong++;
        r->reads++;
        arena_reset(&a);
    } while (!atomic_load(r->stop));
    arena_fini(&a);
    return NULL;
}

static void readers_see_whole_commits(void **state) {
    struct fixture *f = *state;
    enum { READERS = 12 }; /* more than there are connections */
    pthread_t threads[READERS];
    struct reader readers[READERS];
    _Atomic bool stop = false;
    open_store(f);
    commit_one(f, (struct store_op){.kind = OP_CATALOG_PUT, .u.catalog = {STR("k"), STR("a"), STR("v")}});
    for (int i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.store = f->store, .stop = &stop};
        assert_int_equal(pthread_create(&threads[i], NULL, read_along, &readers[i]), 0);
    }
    for (int i = 0; i < 300; i++) append(f, 10, 100);
    atomic_store(&stop, true);
    for (int i = 0; i < READERS; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(readers[i].wrong, 0);
        assert_true(readers[i].reads > 0);
    }
    assert_in_range(((struct sqlite_store *)f->store)->readers, 1, 2); /* the others were closed */
}

#define IN_DIR(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        IN_DIR(file_is_for_its_owner_only),
        IN_DIR(second_opener_is_refused),
        IN_DIR(foreign_writer_is_waited_for_then_told),
        IN_DIR(missing_directory_is_an_error),
        IN_DIR(durability_sets_synchronous),
        IN_DIR(empty_file_of_version_0_is_migrated),
        IN_DIR(file_of_version_1_gets_archives),
        IN_DIR(older_file_is_migrated_in_one_transaction),
        IN_DIR(newer_file_is_refused_with_advice),
        IN_DIR(file_of_another_program_is_left_alone),
        IN_DIR(damaged_file_is_told_with_advice),
        IN_DIR(what_is_no_database_is_told),
        IN_DIR(check_compares_counters),
        IN_DIR(full_store_refuses_the_group_and_goes_on),
        IN_DIR(failed_write_leaves_nothing_and_goes_on),
        IN_DIR(log_stays_bounded_without_a_committer),
        IN_DIR(housekeeping_empties_the_log_when_idle),
        IN_DIR(counters_never_go_back_over_a_restart),
        IN_DIR(hundred_thousand_in_flight_cost_a_receive_nothing),
        IN_DIR(readers_see_whole_commits),
    };
    return cmocka_run_group_tests_name("store/sqlite", tests, NULL, NULL);
}

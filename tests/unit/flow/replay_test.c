/* Replays: what comes back, once, to whom, and how they end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_fixture.h"

#define START 1777636800000 /* 2026-05-01T12:00:00Z */
#define DAY 86400000
#define Q(name) "{\"Id\":\"1\",\"Arn\":\"arn:aws:sqs:us-east-1:111122223333:" name "\"}"
#define RULE(name) STR("arn:aws:events:us-east-1:111122223333:rule/" name)

static struct fixture x;
static struct archive_info all;

/* An archive of everything, and a rule that sends everything to queue q. */
static void set_up(bool sqlite) {
    fixture_start(&x, sqlite);
    fixture_queue(&x, OWNER, "q");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r", "{\"source\":[{\"prefix\":\"\"}]}", Q("q"));
    struct archive_spec spec = {.bus = fixture_bus(OWNER, "default"), .name = STR("all")};
    assert_int_equal(archive_create(flow_world(x.flow), &spec, &x.arena, &all, &x.fault), ERR_OK);
    caller_release(fixture_caller(&x, OWNER)); /* its key is made now */
}
static int begin_memory(void **state) {
    (void)state;
    set_up(false);
    return 0;
}
static int begin_sqlite(void **state) {
    (void)state;
    set_up(true);
    return 0;
}
static int end(void **state) {
    (void)state;
    fixture_end(&x);
    return 0;
}

static struct replays *replays(void) { return flow_replays(x.flow); }

static enum err try_start(const char *name, int64_t from_ms, int64_t until_ms, int64_t rate, const struct str *rules, size_t rule_count,
                          struct replay_info *info) {
    struct replay_spec spec = {.account = OWNER,
                               .name = str_from(name),
                               .archive = all,
                               .rules = rules,
                               .rule_count = rule_count,
                               .from_ms = from_ms,
                               .until_ms = until_ms,
                               .rate = rate};
    return replay_start(replays(), &spec, &x.arena, info, &x.fault);
}

static struct replay_info start(const char *name, int64_t from_ms, int64_t until_ms, int64_t rate) {
    struct replay_info info;
    if (try_start(name, from_ms, until_ms, rate, NULL, 0, &info)) fail_msg("%s", x.fault.message);
    return info;
}

static struct replay_info look(const char *name) {
    struct replay_info info;
    if (replay_describe(replays(), OWNER, str_from(name), &x.arena, &info, &x.fault)) fail_msg("%s", x.fault.message);
    return info;
}

static bool is(const char *name, enum replay_state state) { return look(name).state == state; }

static void put(int n) {
    enum { BATCH = 100 };
    struct entry entries[BATCH];
    for (int i = 0; i < n;) {
        int k = 0;
        for (; k < BATCH && i < n; k++, i++) {
            struct str detail = arena_printf(&x.arena, "{\"n\":%d}", i);
            entries[k] = fixture_entry("a", detail.p);
        }
        assert_int_equal(fixture_put(&x, OWNER, entries, (size_t)k, NULL), ERR_OK);
    }
}

static int64_t kept(void) {
    struct store_archive_stats n;
    assert_int_equal(flow_archive_stats(x.flow, all.number, &n, &x.fault), ERR_OK);
    return n.count;
}

/* Takes all messages off q; how often each number came as part of this replay (NULL: as first put). */
static void tally(const char *replay, int *seen, int most) {
    const struct node *m;
    while ((m = fixture_receive(&x, OWNER, "q"))) {
        struct node *event;
        int64_t n;
        assert_int_equal(doc_parse(&x.arena, fixture_text(m, "Body"), &event, &x.fault), ERR_OK);
        struct str name = fixture_text(event, "replay-name");
        if (!name.p != !replay || (replay && !str_eqz(name, replay))) continue;
        assert_true(str_to_i64(doc_get(doc_get(event, STR("detail")), STR("n"))->text, &n) && n < most);
        seen[n]++;
    }
}

static void replayed_event_carries_the_replays_name(void **state) {
    (void)state;
    struct entry e = fixture_entry("a", "{\"n\":1}");
    assert_true(id_parse(STR("7bf73129-1428-4cd3-a780-95db273d1602"), &e.id));
    e.has_id = true;
    e.time_ms = START;
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, NULL), ERR_OK);
    assert_non_null(fixture_receive(&x, OWNER, "q"));
    int64_t now = clock_now_ms();
    struct replay_info info = start("again", now - DAY, now + 1, 0);
    assert_int_equal(info.state, REPLAY_STARTING);
    ASSERT_TEXT(info.arn, "arn:aws:events:us-east-1:111122223333:replay/again");
    UNTIL(is("again", REPLAY_COMPLETED));
    const struct node *m = fixture_receive(&x, OWNER, "q");
    assert_non_null(m);
    ASSERT_TEXT(fixture_text(m, "Body"),
                "{\"version\":\"0\",\"id\":\"7bf73129-1428-4cd3-a780-95db273d1602\",\"detail-type\":\"t\",\"source\":\"a\","
                "\"account\":\"111122223333\",\"time\":\"2026-05-01T12:00:00Z\",\"region\":\"us-east-1\",\"resources\":[],"
                "\"detail\":{\"n\":1},\"replay-name\":\"again\"}");
    assert_null(fixture_receive(&x, OWNER, "q"));
    info = look("again");
    assert_int_equal(info.replayed, 1);
    assert_true(info.last_ms > START && info.last_ms <= now + 1); /* when it was taken in, not what it says */
    assert_true(info.ended_ms >= info.started_ms);
    assert_int_equal(kept(), 1); /* it never feeds itself */
    assert_int_equal(COUNTED(&x, replayed), 1);
}

static void only_what_was_taken_in_between_comes_back(void **state) {
    (void)state;
    int seen[5] = {0};
    for (int i = 0; i < 5; i++) {
        clock_fake(START + i * 1000);
        struct str detail = arena_printf(&x.arena, "{\"n\":%d}", i);
        fixture_event(&x, OWNER, "a", detail.p);
    }
    clock_fake(START + 10000);
    start("middle", START + 1000, START + 3000, 0); /* its end is not in it */
    UNTIL(is("middle", REPLAY_COMPLETED));
    tally("middle", seen, 5);
    for (int i = 0; i < 5; i++) assert_int_equal(seen[i], i == 1 || i == 2);
    assert_int_equal(look("middle").last_ms, START + 2000);
    start("nothing", START + 4001, START + 5000, 0);
    UNTIL(is("nothing", REPLAY_COMPLETED));
    assert_int_equal(look("nothing").replayed, 0);
    assert_int_equal(look("nothing").last_ms, 0);
}

/* Events that come while a replay runs belong to it up to its end, which may lie ahead. */
static void what_comes_after_the_end_is_not_replayed(void **state) {
    (void)state;
    int seen[3] = {0};
    clock_fake(START);
    fixture_event(&x, OWNER, "a", "{\"n\":0}");
    start("ahead", START, START + 5000, 0);
    UNTIL(look("ahead").replayed == 1);
    clock_fake(START + 4999);
    fixture_event(&x, OWNER, "a", "{\"n\":1}");
    UNTIL(look("ahead").replayed == 2);
    assert_true(is("ahead", REPLAY_RUNNING));
    clock_fake(START + 5000);
    fixture_event(&x, OWNER, "a", "{\"n\":2}");
    UNTIL(is("ahead", REPLAY_COMPLETED));
    tally("ahead", seen, 3);
    assert_int_equal(seen[0], 1);
    assert_int_equal(seen[1], 1);
    assert_int_equal(seen[2], 0);
}

static void chosen_rules_get_it_and_no_others(void **state) {
    (void)state;
    struct str rules[] = {RULE("some"), RULE("off"), RULE("gone")};
    struct replay_info info;
    int64_t now = clock_now_ms();
    fixture_queue(&x, OWNER, "some");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "some", "{\"detail\":{\"n\":[1,2]}}", Q("some"));
    fixture_rule(&x, fixture_bus(OWNER, "default"), "off", "{\"detail\":{\"n\":[1,2]}}", Q("some"));
    assert_int_equal(world_set_rule_state(flow_world(x.flow), fixture_bus(OWNER, "default"), STR("off"), false, &x.fault), ERR_OK);
    put(4);
    assert_int_equal(fixture_depth(&x, OWNER, "some"), 2);
    assert_int_equal(try_start("again", now - DAY, now + DAY, 0, rules, 3, &info), ERR_OK);
    UNTIL(look("again").replayed == 4);
    assert_int_equal(fixture_depth(&x, OWNER, "some"), 4);
    assert_int_equal(fixture_depth(&x, OWNER, "q"), 4);
    info = look("again");
    assert_int_equal(info.rule_count, 3);
    ASSERT_TEXT(info.rules[2], "arn:aws:events:us-east-1:111122223333:rule/gone");
}

static void rate_is_kept(void **state) {
    (void)state;
    clock_fake(START);
    put(100);
    start("slow", START, START + 1, 10);
    UNTIL(look("slow").replayed == 1);
    for (int i = 1; i <= 5; i++) { /* ten a second */
        clock_fake(START + i * 100);
        UNTIL(look("slow").replayed == 1 + i);
    }
    clock_fake(START + 60000); /* what was not used is not saved up, but for a quarter of a second */
    UNTIL(look("slow").replayed == 8);
    clock_fake(START + 60099);
    clock_fake(START + 60100);
    UNTIL(look("slow").replayed == 9);
    assert_true(is("slow", REPLAY_RUNNING));
}

/* Stopped at many places, also where a commit fails or only seems to have failed. */
static void restarts_and_failures_repeat_nothing_and_lose_nothing(void **state) {
    (void)state;
    enum { EVENTS = 1700 };
    int *seen = arena_array(&x.arena, EVENTS, sizeof *seen);
    put(EVENTS);
    int64_t now = clock_now_ms();
    start("again", now - DAY, now + 1, 4000);
    for (int round = 0; round < 6; round++) {
        int64_t before = look("again").replayed;
        UNTIL(look("again").replayed > before || is("again", REPLAY_COMPLETED));
        if (round % 3 == 1) store_fault_at(x.store, 1, ERR_STORAGE_FULL, false);
        if (round % 3 == 2) store_fault_at(x.store, 1, ERR_IO, true); /* applied, but reported as failed */
        if (round % 3 == 0) fixture_reopen(&x);
    }
    UNTIL(is("again", REPLAY_COMPLETED));
    assert_int_equal(look("again").replayed, EVENTS);
    tally("again", seen, EVENTS);
    for (int i = 0; i < EVENTS; i++)
        if (seen[i] != 1) fail_msg("event %d came %d times", i, seen[i]);
    fixture_reopen(&x);
    struct replay_info info = look("again");
    assert_int_equal(info.state, REPLAY_COMPLETED);
    assert_int_equal(info.replayed, EVENTS);
    assert_int_equal(info.rate, 4000);
    assert_int_equal(info.until_ms, now + 1);
    assert_int_equal(kept(), EVENTS);
}

static void cancelled_replay_ends_and_stays_so(void **state) {
    (void)state;
    struct replay_info info;
    int64_t now = clock_now_ms();
    put(50);
    start("long", now - DAY, now + 10 * (int64_t)DAY, 0);
    UNTIL(look("long").replayed == 50);
    assert_int_equal(replay_cancel(replays(), OWNER, STR("long"), &x.arena, &info, &x.fault), ERR_OK);
    assert_int_equal(info.state, REPLAY_CANCELLING);
    UNTIL(is("long", REPLAY_CANCELLED));
    assert_int_equal(replay_cancel(replays(), OWNER, STR("long"), &x.arena, &info, &x.fault), ERR_ILLEGAL_STATUS);
    ASSERT_TEXT(str_from(x.fault.message), "Replay long is not in a valid state for this operation.");
    assert_int_equal(replay_cancel(replays(), OWNER, STR("none"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    ASSERT_TEXT(str_from(x.fault.message), "Replay none does not exist.");
    put(1);
    fixture_reopen(&x);
    assert_true(is("long", REPLAY_CANCELLED));
    assert_true(look("long").ended_ms > 0);
    assert_int_equal(look("long").replayed, 50);
    /* Asked for just before the end of the process: it is done after the next start. */
    start("other", now - DAY, now + DAY, 1);
    store_fault_at(x.store, 2, ERR_STORAGE_FULL, false);
    enum err err = replay_cancel(replays(), OWNER, STR("other"), &x.arena, &info, &x.fault);
    if (err == ERR_STORAGE_FULL)
        err = replay_cancel(replays(), OWNER, STR("other"), &x.arena, &info, &x.fault); /* its first page came between */
    assert_int_equal(err, ERR_OK);
    fixture_reopen(&x);
    UNTIL(is("other", REPLAY_CANCELLED));
}

static void replay_of_a_deleted_archive_fails_and_says_so(void **state) {
    (void)state;
    int64_t now = clock_now_ms();
    put(10);
    start("doomed", now - DAY, now + DAY, 0);
    UNTIL(look("doomed").replayed == 10);
    assert_int_equal(archive_delete(flow_world(x.flow), OWNER, STR("all"), &x.fault), ERR_OK);
    UNTIL(is("doomed", REPLAY_FAILED));
    ASSERT_TEXT(look("doomed").reason, "Archive all was deleted.");
    fixture_reopen(&x);
    ASSERT_TEXT(look("doomed").reason, "Archive all was deleted.");
}

static void event_that_no_longer_fits_fails_the_replay(void **state) {
    (void)state;
    int64_t now = clock_now_ms();
    fixture_rule(&x, fixture_bus(OWNER, "default"), "r2", "{\"detail\":{\"n\":[3]}}", Q("q"));
    put(5);
    x.settings.fan_out = 1; /* the fourth goes to two queues */
    start("too-wide", now - DAY, now + DAY, 0);
    UNTIL(is("too-wide", REPLAY_FAILED));
    struct replay_info info = look("too-wide");
    assert_int_equal(info.replayed, 3); /* what came before it */
    if (!str_starts(info.reason, STR("The event archived as number 4 cannot be routed: The events cause more than 1 deliveries")))
        fail_msg("%.*s", STR_ARG(info.reason));
}

/* A row that something else wrote: told with its number, and nothing is made of it. */
static void what_is_no_event_fails_the_replay(void **state) {
    (void)state;
    static const char *const rows[] = {"nonsense", "{}", "{\"id\":\"1\"}", "[1,2}",
                                       "{\"id\":1,\"source\":\"a\",\"detail-type\":\"t\",\"account\":\"1\"}"};
    int64_t now = clock_now_ms();
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct txn txn;
        char name[8];
        snprintf(name, sizeof name, "n%zu", i);
        txn_init(&txn, &x.arena);
        struct store_op *op = txn_add(&txn, OP_ARCHIVE_APPEND);
        assert_non_null(op);
        op->u.archive.archive = all.number;
        op->u.archive.at_ms = now + (int64_t)i;
        op->u.archive.event = str_from(rows[i]);
        assert_int_equal(committer_run(x.committer, &txn, &x.fault), ERR_OK);
        start(name, now + (int64_t)i, now + (int64_t)i + 1, 0);
        UNTIL(is(name, REPLAY_FAILED));
        struct str wanted = arena_printf(&x.arena, "event %zu of the archive is no event", i + 1);
        if (!str_ends(look(name).reason, wanted)) fail_msg("%.*s", STR_ARG(look(name).reason));
        assert_int_equal(look(name).replayed, 0);
    }
    struct preview p = {.archive = all, .from_ms = now, .until_ms = now + DAY};
    assert_int_equal(replay_preview(replays(), &p, &x.arena, &x.fault), ERR_CORRUPT);
}

static void replays_are_bounded(void **state) {
    (void)state;
    struct replay_info info;
    int64_t now = clock_now_ms();
    x.settings.active_replays = 2;
    start("one", now - DAY, now + DAY, 0);
    start("two", now - DAY, now + DAY, 0);
    assert_int_equal(try_start("three", now - DAY, now + DAY, 0, NULL, 0, &info), ERR_LIMIT);
    ASSERT_TEXT(str_from(x.fault.message), "The requested resource exceeds the maximum number allowed.");
    assert_int_equal(try_start("two", now - DAY, now + DAY, 0, NULL, 0, &info), ERR_EXISTS);
    ASSERT_TEXT(str_from(x.fault.message), "Replay two already exists.");
    assert_int_equal(replay_cancel(replays(), OWNER, STR("one"), &x.arena, &info, &x.fault), ERR_OK);
    UNTIL(is("one", REPLAY_CANCELLED));
    x.settings.replays_kept = 2; /* the oldest that ended makes room */
    start("three", now - DAY, now + DAY, 0);
    assert_int_equal(replay_describe(replays(), OWNER, STR("one"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    x.settings.active_replays = 10;
    assert_int_equal(try_start("four", now - DAY, now + DAY, 0, NULL, 0, &info), ERR_LIMIT); /* nothing ended that could go */
    fixture_reopen(&x);
    assert_int_equal(replay_describe(replays(), OWNER, STR("one"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    look("three");
}

static void replays_are_listed_page_by_page(void **state) {
    (void)state;
    struct replay_info *list;
    struct replay_filter filter = {.prefix = STR("")};
    size_t count;
    bool more;
    int64_t now = clock_now_ms();
    static const char *const names[] = {"c", "a2", "a1"};
    for (int i = 0; i < 3; i++) start(names[i], now - DAY, i ? now - 1 : now + DAY, 0);
    UNTIL(is("a1", REPLAY_COMPLETED) && is("a2", REPLAY_COMPLETED) && is("c", REPLAY_RUNNING));
    assert_int_equal(replay_list(replays(), OWNER, &filter, STR_NULL, 2, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    assert_true(more);
    ASSERT_TEXT(list[1].name, "a2");
    assert_int_equal(replay_list(replays(), OWNER, &filter, list[1].name, 2, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 1);
    assert_false(more);
    filter = (struct replay_filter){.prefix = STR("a")};
    assert_int_equal(replay_list(replays(), OWNER, &filter, STR_NULL, 9, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    filter = (struct replay_filter){.prefix = STR(""), .by_state = true, .state = REPLAY_RUNNING};
    assert_int_equal(replay_list(replays(), OWNER, &filter, STR_NULL, 9, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 1);
    ASSERT_TEXT(list[0].name, "c");
    filter = (struct replay_filter){.prefix = STR(""), .archive_arn = STR("arn:aws:events:us-east-1:111122223333:archive/other")};
    assert_int_equal(replay_list(replays(), OWNER, &filter, STR_NULL, 9, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 0);
}

static void accounts_replays_go_with_it(void **state) {
    (void)state;
    struct replay_info info;
    int64_t now = clock_now_ms();
    put(10);
    start("running", now - DAY, now + DAY, 0);
    start("done", now - DAY, now - DAY + 1, 0);
    UNTIL(look("running").replayed == 10 && is("done", REPLAY_COMPLETED));
    assert_int_equal(replays_forget_account(replays(), OWNER, &x.fault), ERR_OK);
    assert_int_equal(replay_describe(replays(), OWNER, STR("running"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    fixture_reopen(&x);
    assert_int_equal(replay_describe(replays(), OWNER, STR("running"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    assert_int_equal(replay_describe(replays(), OWNER, STR("done"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
}

/* A FIFO queue that told the event apart by its id would take the second one for the first, sent again. */
static void fifo_queue_takes_a_replayed_event_at_once(void **state) {
    (void)state;
    int64_t now = clock_now_ms();
    assert_int_equal(
        fixture_run(&x, OWNER, "sqs", "CreateQueue", STR("{\"QueueName\":\"f.fifo\",\"Attributes\":{\"FifoQueue\":\"true\"}}"), NULL),
        ERR_OK);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "f", "{\"source\":[\"a\"]}",
                 "{\"Id\":\"1\",\"Arn\":\"arn:aws:sqs:us-east-1:111122223333:f.fifo\",\"SqsParameters\":{\"MessageGroupId\":\"g\"}}");
    put(1);
    start("again", now - DAY, now + DAY, 0);
    UNTIL(look("again").replayed == 1);
    assert_int_equal(fixture_depth(&x, OWNER, "f.fifo"), 2);
    start("third", now - DAY, now + DAY, 0);
    UNTIL(look("third").replayed == 1);
    assert_int_equal(fixture_depth(&x, OWNER, "f.fifo"), 3);
}

/* What came from another account's bus is not sent to a third one, the first time nor when it is replayed. */
static void replayed_event_crosses_no_more_buses_than_the_first(void **state) {
    (void)state;
    static const char *const accounts[] = {"111122223333", "777788889999"};
    int64_t now = clock_now_ms();
    for (int i = 0; i < 2; i++)
        assert_int_equal(world_add_permission(flow_world(x.flow), fixture_bus(str_from(accounts[i]), "default"), STR("all"), STR("*"),
                                              STR("events:PutEvents"), STR_NULL, STR_NULL, STR_NULL, &x.fault),
                         ERR_OK);
    fixture_rule(&x, fixture_bus(OTHER, "default"), "on", "{\"source\":[\"far\"]}",
                 "{\"Id\":\"1\",\"Arn\":\"arn:aws:events:us-east-1:111122223333:event-bus/default\"}");
    fixture_rule(&x, fixture_bus(OWNER, "default"), "further", "{\"source\":[\"far\",\"near\"]}",
                 "{\"Id\":\"1\",\"Arn\":\"arn:aws:events:us-east-1:777788889999:event-bus/default\"}");
    fixture_event(&x, OTHER, "far", "{\"n\":1}");
    fixture_event(&x, OWNER, "near", "{\"n\":2}");
    assert_int_equal(kept(), 2);
    assert_int_equal(COUNTED(&x, hop_limited), 1);
    assert_int_equal(COUNTED(&x, crossings), 2);
    start("again", now - DAY, now + DAY, 0);
    UNTIL(look("again").replayed == 2);
    assert_int_equal(COUNTED(&x, hop_limited), 2);
    assert_int_equal(COUNTED(&x, crossings), 3);
}

/* A replay waits while half of the deliveries that may wait do, so producers are not throttled for it. */
static void replay_yields_to_producers(void **state) {
    (void)state;
    int64_t now = clock_now_ms();
    x.settings.pending_deliveries = 40;
    put(30);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "out", "{\"source\":[\"a\"]}",
                 "{\"Id\":\"1\",\"Arn\":\"arn:aws:logs:us-east-1:111122223333:log-group:later\"}");
    /* The retries of a log group whose file cannot be opened fill the backlog. */
    struct str blocked = arena_printf(&x.arena, "%s/logs", x.dir);
    assert_int_equal(fixture_run(&x, OWNER, "logs", "CreateLogGroup", STR("{\"logGroupName\":\"later\"}"), NULL), ERR_OK);
    nftw(blocked.p, fixture_remove_one, 4, FTW_DEPTH | FTW_PHYS);
    FILE *in_the_way = fopen(blocked.p, "w");
    assert_non_null(in_the_way);
    fclose(in_the_way);
    put(25);
    UNTIL(flow_pending(x.flow) == 25);
    start("again", now - DAY, now + DAY, 0);
    UNTIL(is("again", REPLAY_RUNNING));
    put(1); /* producers still may */
    assert_int_equal(look("again").replayed, 0);
    x.settings.pending_deliveries = 1000;
    UNTIL(look("again").replayed == 56);
}

static void dry_run_counts_and_shows_and_delivers_nothing(void **state) {
    (void)state;
    enum { EVENTS = PREVIEW_EVENTS + 300 };
    int64_t now = clock_now_ms(), scanned = 0, matched = 0, bytes = 0;
    int calls = 0;
    put(EVENTS);
    struct store_archive_stats n;
    assert_int_equal(flow_archive_stats(x.flow, all.number, &n, &x.fault), ERR_OK);
    struct preview p = {.archive = all,
                        .from_ms = now - DAY,
                        .until_ms = now + DAY,
                        .samples_max = 2,
                        .more = true,
                        .pattern = STR("{\"detail\":{\"n\":[{\"numeric\":[\"<\",10]},2100]}}")};
    while (p.more) {
        assert_int_equal(replay_preview(replays(), &p, &x.arena, &x.fault), ERR_OK);
        assert_true(p.scanned <= PREVIEW_EVENTS);
        if (!calls) assert_int_equal(p.sample_count, 2);
        if (!calls++) assert_true(str_find(p.samples[1], '1', 0) < p.samples[1].n && !str_ends(p.samples[1], STR("\"dry-run\"}")));
        scanned += p.scanned;
        matched += p.matched;
        bytes += p.scanned_bytes;
    }
    assert_int_equal(calls, 3);
    assert_int_equal(scanned, EVENTS);
    assert_int_equal(bytes, n.bytes);
    assert_int_equal(matched, 11);
    p = (struct preview){.archive = all, .from_ms = now + DAY, .until_ms = now + 2 * (int64_t)DAY};
    assert_int_equal(replay_preview(replays(), &p, &x.arena, &x.fault), ERR_OK);
    assert_int_equal(p.scanned, 0);
    assert_false(p.more);
    struct str rules[] = {RULE("few")};
    fixture_rule(&x, fixture_bus(OWNER, "default"), "few", "{\"detail\":{\"n\":[7]}}", NULL);
    p = (struct preview){.archive = all, .from_ms = now - DAY, .until_ms = now + DAY, .rules = rules, .rule_count = 1};
    assert_int_equal(replay_preview(replays(), &p, &x.arena, &x.fault), ERR_OK);
    assert_int_equal(p.matched, 1);
    p = (struct preview){.archive = all, .from_ms = now - DAY, .until_ms = now + DAY};
    assert_int_equal(replay_preview(replays(), &p, &x.arena, &x.fault), ERR_OK);
    assert_int_equal(p.matched, PREVIEW_EVENTS); /* rule r takes all */
    p.pattern = STR("{\"detail\":1}");
    assert_int_equal(replay_preview(replays(), &p, &x.arena, &x.fault), ERR_PATTERN);
    assert_int_equal(fixture_depth(&x, OWNER, "q"), EVENTS);
    assert_int_equal(COUNTED(&x, replayed), 0);
}

#define BOTH(test)                                                                                                                         \
    {#test " (memory)", test, begin_memory, end, NULL}, { #test " (sqlite)", test, begin_sqlite, end, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(replayed_event_carries_the_replays_name),
        BOTH(only_what_was_taken_in_between_comes_back),
        BOTH(what_comes_after_the_end_is_not_replayed),
        BOTH(chosen_rules_get_it_and_no_others),
        BOTH(rate_is_kept),
        BOTH(restarts_and_failures_repeat_nothing_and_lose_nothing),
        BOTH(cancelled_replay_ends_and_stays_so),
        BOTH(replay_of_a_deleted_archive_fails_and_says_so),
        BOTH(event_that_no_longer_fits_fails_the_replay),
        BOTH(what_is_no_event_fails_the_replay),
        BOTH(replays_are_bounded),
        BOTH(replays_are_listed_page_by_page),
        BOTH(accounts_replays_go_with_it),
        BOTH(fifo_queue_takes_a_replayed_event_at_once),
        BOTH(replayed_event_crosses_no_more_buses_than_the_first),
        BOTH(replay_yields_to_producers),
        BOTH(dry_run_counts_and_shows_and_delivers_nothing),
    };
    return cmocka_run_group_tests_name("flow/replay", tests, NULL, NULL);
}

/* Archives: what they take, what they show, how they end. On both engines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flow_fixture.h"

static struct fixture x;
static int begin_memory(void **state) {
    (void)state;
    fixture_start(&x, false);
    return 0;
}
static int begin_sqlite(void **state) {
    (void)state;
    fixture_start(&x, true);
    return 0;
}
static int end(void **state) {
    (void)state;
    fixture_end(&x);
    return 0;
}

static struct world *world(void) { return flow_world(x.flow); }

static enum err try_archive(const char *bus, const char *name, const char *pattern, int64_t days, struct archive_info *info) {
    struct archive_spec spec = {
        .bus = fixture_bus(OWNER, bus), .name = str_from(name), .pattern = str_from(pattern), .retention_days = days};
    return archive_create(world(), &spec, &x.arena, info, &x.fault);
}

static struct archive_info archive(const char *name, const char *pattern) {
    struct archive_info info;
    if (try_archive("default", name, pattern, 0, &info)) fail_msg("%s", x.fault.message);
    return info;
}

static struct store_archive_stats stats(const struct archive_info *info) {
    struct store_archive_stats n;
    assert_int_equal(flow_archive_stats(x.flow, info->number, &n, &x.fault), ERR_OK);
    return n;
}

static int64_t commits(void) {
    struct store_stats s;
    assert_int_equal(flow_store_stats(x.flow, &s, &x.fault), ERR_OK);
    return s.commits;
}

static void archive_keeps_what_its_pattern_matches_at_once(void **state) {
    (void)state;
    struct archive_info all = archive("all", NULL), some = archive("some", "{ \"source\": [\"a\"] }");
    ASSERT_TEXT(all.arn, "arn:aws:events:us-east-1:111122223333:archive/all");
    ASSERT_TEXT(all.bus_arn, "arn:aws:events:us-east-1:111122223333:event-bus/default");
    fixture_event(&x, OWNER, "a", "{\"n\":1}");
    fixture_event(&x, OWNER, "b", "{\"n\":22}");
    struct store_archive_stats n = stats(&all), m = stats(&some);
    assert_int_equal(n.count, 2);
    assert_int_equal(m.count, 1);
    assert_int_equal(n.bytes, 2 * m.bytes + 1); /* one digit more */
    assert_int_equal(COUNTED(&x, archived), 3);
    fixture_event(&x, OTHER, "a", "{}"); /* another account's bus */
    assert_int_equal(stats(&all).count, 2);
}

/* Commits that one event costs. The daemon's own housekeeping commits too, now and then: the least of three is the event's. */
static int64_t cost_of(const char *source) {
    int64_t least = INT64_MAX;
    for (int i = 0; i < 3; i++) {
        int64_t before = commits();
        fixture_event(&x, OWNER, source, "{}");
        int64_t cost = commits() - before;
        if (cost < least) least = cost;
    }
    return least;
}

static void event_costs_one_commit_and_none_when_nothing_takes_it(void **state) {
    (void)state;
    struct archive_info all = archive("some", "{\"source\":[\"a\"]}");
    archive("same", "{\"source\":[\"a\"]}");
    assert_int_equal(cost_of("b"), 0);
    assert_int_equal(cost_of("a"), 1);
    assert_int_equal(stats(&all).count, 3);
}

static void event_that_is_refused_is_not_kept(void **state) {
    (void)state;
    struct archive_info all = archive("all", NULL);
    struct entry e = fixture_entry("a", "{}");
    caller_release(fixture_caller(&x, OWNER)); /* its key is made now, not by the put */
    store_fault_at(x.store, 1, ERR_STORAGE_FULL, false);
    assert_int_equal(fixture_put(&x, OWNER, &e, 1, NULL), ERR_STORAGE_FULL);
    assert_int_equal(stats(&all).count, 0);
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(stats(&all).count, 1);
}

static void archive_shows_as_a_managed_rule(void **state) {
    (void)state;
    struct rule_info rule;
    struct str *targets, *names;
    size_t count;
    bool more;
    struct archive_info info;
    assert_int_equal(world_create_bus(world(), fixture_bus(OWNER, "shop"), STR_NULL, STR_NULL, STR_NULL, &x.fault), ERR_OK);
    assert_int_equal(try_archive("shop", "all", "{\"source\":[\"a\"]}", 0, &info), ERR_OK);
    struct bus_ref bus = fixture_bus(OWNER, "shop");
    assert_int_equal(world_describe_rule(world(), bus, STR("Events-Archive-all"), &x.arena, &rule, &x.fault), ERR_OK);
    ASSERT_TEXT(rule.managed_by, "prod.vhs.events.aws.internal");
    ASSERT_TEXT(rule.pattern, "{\"source\":[\"a\"],\"replay-name\":[{\"exists\":false}]}");
    ASSERT_TEXT(rule.state, "ENABLED");
    ASSERT_TEXT(rule.arn, "arn:aws:events:us-east-1:111122223333:rule/shop/Events-Archive-all");
    assert_int_equal(world_list_targets(world(), bus, STR("Events-Archive-all"), STR_NULL, 10, &x.arena, &targets, &count, &more, &x.fault),
                     ERR_OK);
    assert_int_equal(count, 1);
    ASSERT_TEXT(targets[0], "{\"Id\":\"Events-Archive-all\",\"Arn\":\"arn:aws:events:us-east-1:::\"}");
    assert_int_equal(
        world_rules_of_target(world(), bus, STR("arn:aws:events:us-east-1:::"), STR_NULL, 10, &x.arena, &names, &count, &more, &x.fault),
        ERR_OK);
    assert_int_equal(count, 1);
    assert_int_equal(world_delete_bus(world(), bus, &x.fault), ERR_VALIDATION);
    assert_int_equal(try_archive("shop", "everything", NULL, 0, &info), ERR_OK);
    assert_int_equal(world_describe_rule(world(), bus, STR("Events-Archive-everything"), &x.arena, &rule, &x.fault), ERR_OK);
    ASSERT_TEXT(rule.pattern, "{\"replay-name\":[{\"exists\":false}]}");
}

static void managed_rule_is_changed_by_nobody(void **state) {
    (void)state;
    struct archive_info all = archive("all", NULL);
    struct bus_ref bus = fixture_bus(OWNER, "default");
    struct str name = STR("Events-Archive-all"), arn, id = name,
               queue = STR("{\"Id\":\"q\",\"Arn\":\"arn:aws:sqs:us-east-1:111122223333:q\"}");
    struct rule_spec spec = {.bus = bus, .name = name, .pattern = STR("{\"source\":[\"a\"]}"), .created_by = OWNER};
    struct tag tag = {STR("k"), STR("v")};
    struct target_failure *failures;
    size_t failed;
    assert_int_equal(world_put_rule(world(), &spec, &x.arena, &arn, &x.fault), ERR_MANAGED_RULE);
    ASSERT_TEXT(
        str_from(x.fault.message),
        "Rule Events-Archive-all is managed by prod.vhs.events.aws.internal and can't be changed by hand: change its archive instead.");
    assert_int_equal(world_delete_rule(world(), bus, name, &x.fault), ERR_MANAGED_RULE);
    assert_int_equal(world_set_rule_state(world(), bus, name, false, &x.fault), ERR_MANAGED_RULE);
    assert_int_equal(world_put_targets(world(), bus, name, &queue, 1, &x.arena, &failures, &failed, &x.fault), ERR_MANAGED_RULE);
    assert_int_equal(world_remove_targets(world(), bus, name, &id, 1, &x.arena, &failures, &failed, &x.fault), ERR_MANAGED_RULE);
    assert_int_equal(world_tag(world(), STR("arn:aws:events:us-east-1:111122223333:rule/Events-Archive-all"), &tag, 1, &x.fault),
                     ERR_MANAGED_RULE);
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(stats(&all).count, 1);
    /* Nor does anybody put an archive's target onto a rule. */
    fixture_rule(&x, bus, "r", "{\"source\":[\"a\"]}", NULL);
    struct str target = STR("{\"Id\":\"1\",\"Arn\":\"arn:aws:events:us-east-1:::\"}");
    assert_int_equal(world_put_targets(world(), bus, STR("r"), &target, 1, &x.arena, &failures, &failed, &x.fault), ERR_OK);
    assert_int_equal(failed, 1);
}

static void archive_that_cannot_be_is_refused(void **state) {
    (void)state;
    static const struct {
        const char *bus, *name, *pattern;
        enum err err;
        const char *message;
    } rows[] = {
        {"nowhere", "a", NULL, ERR_NOT_FOUND, "Event bus nowhere does not exist."},
        {"default", "there", NULL, ERR_EXISTS, "Archive there already exists."},
        {"default", "taken", NULL, ERR_EXISTS,
         "Rule Events-Archive-taken already exists on EventBus default, and an archive of this name would make it."},
        {"default", "a", "{\"source\":\"a\"}", ERR_PATTERN, NULL},
        {"default", "a", "{\"replay-name\":[\"r\"]}", ERR_VALIDATION, NULL},
    };
    struct archive_info info;
    archive("there", NULL);
    fixture_rule(&x, fixture_bus(OWNER, "default"), "Events-Archive-taken", "{\"source\":[\"a\"]}", NULL);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(try_archive(rows[i].bus, rows[i].name, rows[i].pattern, 0, &info), rows[i].err);
        if (rows[i].message) ASSERT_TEXT(str_from(x.fault.message), rows[i].message);
    }
    x.settings.archives_per_account = 1;
    assert_int_equal(try_archive("default", "second", NULL, 0, &info), ERR_LIMIT);
    x.settings.archives_per_account = 2;
    store_fault_at(x.store, 1, ERR_IO, false);
    assert_int_equal(try_archive("default", "second", NULL, 0, &info), ERR_IO);
    assert_int_equal(archive_describe(world(), OWNER, STR("second"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    ASSERT_TEXT(str_from(x.fault.message), "Archive second does not exist.");
    assert_int_equal(try_archive("default", "second", NULL, 0, &info), ERR_OK);
}

static void archives_are_listed_page_by_page(void **state) {
    (void)state;
    static const char *const names[] = {"b", "a2", "c", "a1"};
    struct archive_info *list;
    size_t count;
    bool more;
    for (size_t i = 0; i < 4; i++) archive(names[i], NULL);
    assert_int_equal(archive_list(world(), OWNER, STR(""), STR_NULL, STR_NULL, 3, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 3);
    assert_true(more);
    ASSERT_TEXT(list[0].name, "a1");
    assert_int_equal(archive_list(world(), OWNER, STR(""), STR_NULL, list[2].name, 3, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 1);
    assert_false(more);
    ASSERT_TEXT(list[0].name, "c");
    assert_int_equal(archive_list(world(), OWNER, STR("a"), STR_NULL, STR_NULL, 3, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 2);
    struct str bus = STR("arn:aws:events:us-east-1:111122223333:event-bus/other");
    assert_int_equal(archive_list(world(), OWNER, STR(""), bus, STR_NULL, 3, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 0);
    assert_int_equal(archive_list(world(), OTHER, STR(""), STR_NULL, STR_NULL, 3, &x.arena, &list, &count, &more, &x.fault), ERR_OK);
    assert_int_equal(count, 0);
}

static void update_changes_what_is_kept_from_now_on(void **state) {
    (void)state;
    struct archive_info all = archive("all", "{\"source\":[\"a\"]}"), info;
    fixture_event(&x, OWNER, "a", "{}");
    struct archive_change change = {
        .pattern = STR("{\"source\":[\"b\"]}"), .description = STR("b only"), .sets_days = true, .retention_days = 3};
    assert_int_equal(archive_update(world(), OWNER, STR("all"), &change, &x.arena, &info, &x.fault), ERR_OK);
    fixture_event(&x, OWNER, "a", "{}");
    fixture_event(&x, OWNER, "b", "{}");
    assert_int_equal(stats(&all).count, 2);
    assert_int_equal(archive_describe(world(), OWNER, STR("all"), &x.arena, &info, &x.fault), ERR_OK);
    ASSERT_TEXT(info.pattern, "{\"source\":[\"b\"]}");
    ASSERT_TEXT(info.description, "b only");
    assert_int_equal(info.retention_days, 3);
    assert_int_equal(info.number, all.number);
    change = (struct archive_change){.pattern = STR("")};
    assert_int_equal(archive_update(world(), OWNER, STR("all"), &change, &x.arena, &info, &x.fault), ERR_OK);
    fixture_event(&x, OWNER, "c", "{}");
    assert_int_equal(stats(&all).count, 3);
    change.pattern = STR("{\"source\":1}");
    assert_int_equal(archive_update(world(), OWNER, STR("all"), &change, &x.arena, &info, &x.fault), ERR_PATTERN);
    assert_int_equal(archive_update(world(), OWNER, STR("none"), &change, &x.arena, &info, &x.fault), ERR_NOT_FOUND);
}

static void archive_is_there_after_a_restart(void **state) {
    (void)state;
    struct archive_info all = archive("all", "{\"source\":[\"a\"]}"), info;
    fixture_event(&x, OWNER, "a", "{}");
    int64_t bytes = stats(&all).bytes;
    fixture_reopen(&x);
    assert_int_equal(archive_describe(world(), OWNER, STR("all"), &x.arena, &info, &x.fault), ERR_OK);
    assert_int_equal(info.created_ms, all.created_ms);
    assert_int_equal(stats(&info).bytes, bytes);
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(stats(&info).count, 2);
    assert_int_equal(stats(&info).bytes, 2 * bytes);
}

static void deleted_archive_leaves_nothing(void **state) {
    (void)state;
    struct archive_info all = archive("all", NULL);
    for (int i = 0; i < 3; i++) fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(archive_delete(world(), OWNER, STR("all"), &x.fault), ERR_OK);
    struct rule_info rule;
    assert_int_equal(world_describe_rule(world(), fixture_bus(OWNER, "default"), STR("Events-Archive-all"), &x.arena, &rule, &x.fault),
                     ERR_NOT_FOUND);
    UNTIL(stats(&all).next == 0);
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(stats(&all).next, 0);
    assert_int_equal(archive_delete(world(), OWNER, STR("all"), &x.fault), ERR_NOT_FOUND);
    struct archive_info again = archive("all", NULL);
    assert_int_not_equal(again.number, all.number);
    fixture_reopen(&x);
    assert_int_equal(stats(&again).count, 0);
}

/* More than one piece, and a restart between the first and the others. */
static void large_archive_is_dropped_over_a_restart(void **state) {
    (void)state;
    struct archive_info all = archive("all", NULL);
    enum { BATCH = 500, BATCHES = 5 };
    struct entry *entries = arena_array(&x.arena, BATCH, sizeof *entries);
    for (int b = 0; b < BATCHES; b++) {
        for (int i = 0; i < BATCH; i++) entries[i] = fixture_entry("a", "{}");
        assert_int_equal(fixture_put(&x, OWNER, entries, BATCH, NULL), ERR_OK);
    }
    assert_int_equal(stats(&all).count, BATCH * BATCHES);
    assert_int_equal(archive_delete(world(), OWNER, STR("all"), &x.fault), ERR_OK);
    fixture_reopen(&x);
    UNTIL(stats(&all).next == 0);
}

static void old_events_go_and_only_those(void **state) {
    (void)state;
    struct archive_info week, ever = archive("ever", NULL);
    const int64_t day = 86400000, start = 1777636800000;
    clock_fake(start);
    assert_int_equal(try_archive("default", "week", NULL, 7, &week), ERR_OK);
    for (int i = 0; i < 3; i++) {
        fixture_event(&x, OWNER, "a", "{}");
        clock_fake(start + (i + 1) * day);
    }
    clock_fake(start + 7 * day - 1);
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(stats(&week).count, 4);
    clock_fake(start + 7 * day + 120000); /* the first is too old by two minutes */
    UNTIL(stats(&week).count == 3);
    assert_int_equal(stats(&week).oldest_ms, start + day);
    clock_fake(start + 100 * day);
    UNTIL(stats(&week).count == 0);
    assert_int_equal(stats(&week).bytes, 0);
    assert_int_equal(stats(&ever).count, 4);
}

static void accounts_archives_go_with_it(void **state) {
    (void)state;
    struct archive_info all = archive("all", NULL), info;
    fixture_event(&x, OWNER, "a", "{}");
    assert_int_equal(world_delete_account(world(), OWNER, &x.fault), ERR_OK);
    UNTIL(stats(&all).next == 0);
    assert_int_equal(archive_describe(world(), OWNER, STR("all"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
    fixture_reopen(&x);
    assert_int_equal(archive_describe(world(), OWNER, STR("all"), &x.arena, &info, &x.fault), ERR_NOT_FOUND);
}

#define BOTH(test)                                                                                                                         \
    {#test " (memory)", test, begin_memory, end, NULL}, { #test " (sqlite)", test, begin_sqlite, end, NULL }

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(archive_keeps_what_its_pattern_matches_at_once),
        BOTH(event_costs_one_commit_and_none_when_nothing_takes_it),
        BOTH(event_that_is_refused_is_not_kept),
        BOTH(archive_shows_as_a_managed_rule),
        BOTH(managed_rule_is_changed_by_nobody),
        BOTH(archive_that_cannot_be_is_refused),
        BOTH(archives_are_listed_page_by_page),
        BOTH(update_changes_what_is_kept_from_now_on),
        BOTH(archive_is_there_after_a_restart),
        BOTH(deleted_archive_leaves_nothing),
        BOTH(large_archive_is_dropped_over_a_restart),
        BOTH(old_events_go_and_only_those),
        BOTH(accounts_archives_go_with_it),
    };
    return cmocka_run_group_tests_name("flow/archive", tests, NULL, NULL);
}

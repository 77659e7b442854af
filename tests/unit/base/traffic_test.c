/* The recorder: what a call held is written once, by its line; everything there is has one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>

#include "os.h"
#include "traffic.h"

struct part {
    struct str a, b;
};
struct whole {
    struct str name;
    struct part *part;
    struct list parts, map;
    struct opt_bool on;
};
static const struct shape text = {.type = SHAPE_STRING, .name = "String"}, flag = {.type = SHAPE_BOOLEAN, .name = "Boolean"};
static const struct member part_members[] = {MEMBER(struct part, a, "A", &text, OPTIONAL, ""), MEMBER(struct part, b, "B", &text, OPTIONAL, ""), MEMBER_END};
static const struct shape part = {.type = SHAPE_STRUCT, .name = "Part", .size = sizeof(struct part), .members = part_members};
static const struct shape other = {.type = SHAPE_STRUCT, .name = "Other", .size = sizeof(struct part), .members = part_members};
static const struct shape parts = {.type = SHAPE_LIST, .name = "Parts", .item = &other}, map = {.type = SHAPE_MAP, .name = "Map", .item = &text};
static const struct member members[] = {MEMBER(struct whole, name, "Name", &text, OPTIONAL, ""), MEMBER(struct whole, part, "Part", &part, OPTIONAL, ""),
                                        MEMBER(struct whole, parts, "Parts", &parts, OPTIONAL, ""), MEMBER(struct whole, map, "Map", &map, OPTIONAL, ""),
                                        MEMBER(struct whole, on, "On", &flag, OPTIONAL, ""), MEMBER_END};
static const struct shape whole = {.type = SHAPE_STRUCT, .name = "Whole", .size = sizeof(struct whole), .members = members};
static const struct operation doing = {.service = "s", .name = "Do", .in = &whole, .out = &part}, silent = {.service = "s", .name = "Say", .in = &part};

static char path[] = "/tmp/traffic-test-XXXXXX";

static void add(void *ctx, struct str line) { buf_addf(ctx, "%.*s\n", STR_ARG(line)); }
static void is(struct buf *got, const char *wanted) {
    buf_addc(got, 0);
    assert_string_equal(got->p, wanted);
    buf_fini(got);
}

static void everything_there_is_has_a_line(void **state) {
    (void)state;
    struct buf got;
    buf_init(&got, 0);
    traffic_each(&doing, add, &got);
    is(&got, "s.Do\ns.Do in Whole.Name\ns.Do in Whole.Part\ns.Do in Part.A\ns.Do in Part.B\ns.Do in Whole.Parts\ns.Do in Other.A\ns.Do in Other.B\n"
             "s.Do in Whole.Map\ns.Do in Whole.On\ns.Do out Part.A\ns.Do out Part.B\n");
}

static void what_held_a_value_is_written_once(void **state) {
    (void)state;
    struct part p = {.a = STR("x")}, list[] = {{.a = STR_NULL}, {.b = STR("")}}, answer = {.b = STR("y")};
    struct whole in = {.part = &p, .parts = {true, 2, list}, .on = {true, false}};
    struct buf got;
    struct fault fault;
    for (int i = 0; i < 3; i++) traffic_record(&doing, &in, &answer);
    traffic_record(&silent, &answer, NULL);
    buf_init(&got, 0);
    assert_int_equal(os_read_file(path, 4096, &got, &fault), ERR_OK);
    is(&got, "s.Do\ns.Do in Whole.Part\ns.Do in Part.A\ns.Do in Whole.Parts\ns.Do in Other.B\ns.Do in Whole.On\ns.Do out Part.B\ns.Say\ns.Say in Part.B\n");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_there_is_has_a_line),
        cmocka_unit_test(what_held_a_value_is_written_once),
    };
    int fd = mkstemp(path);
    if (fd < 0) return 1;
    close(fd);
    setenv("BUS_TRAFFIC", path, 1);
    int failed = cmocka_run_group_tests_name("base/traffic", tests, NULL, NULL);
    unlink(path);
    return failed;
}

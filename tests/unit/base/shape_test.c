#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

#include "shape.h"

struct point {
    struct opt_i64 x;
    struct str id;
};
struct sample {
    struct str name, state, blob, any, secret;
    struct opt_i64 age, at;
    struct opt_bool on;
    struct point *origin;
    struct list points, words, paths, flags, groups;
};

static const char *const states[] = {"ENABLED", "DISABLED", NULL};
static const struct shape name = {.type = SHAPE_STRING,
                                  .has_min = true,
                                  .min = 1,
                                  .has_max = true,
                                  .max = 8,
                                  .pattern = "[\\.\\-_A-Za-z0-9]+",
                                  .posix = "^[._A-Za-z0-9-]+$"};
static const struct shape digits = {.type = SHAPE_STRING, .pattern = "[0-9]*"};
static const struct shape state_shape = {.type = SHAPE_STRING, .values = states};
static const struct shape blob = {.type = SHAPE_BLOB, .has_max = true, .max = 4};
static const struct shape any = {.type = SHAPE_JSON};
static const struct shape secret = {.type = SHAPE_STRING, .has_max = true, .max = 2, .sensitive = true};
static const struct shape age = {.type = SHAPE_INTEGER, .has_min = true, .min = 0, .has_max = true, .max = 185};
static const struct shape at = {.type = SHAPE_TIMESTAMP};
static const struct shape boolean = {.type = SHAPE_BOOLEAN};
static const struct member point_members[] = {
    MEMBER(struct point, id, "Id", &name, REQUIRED, "its id"),
    MEMBER(struct point, x, "X", &age, OPTIONAL, "its place"),
    MEMBER_END,
};
static const struct shape point = {.type = SHAPE_STRUCT, .name = "Point", .size = sizeof(struct point), .members = point_members};
static const struct shape points = {.type = SHAPE_LIST, .item = &point, .has_max = true, .max = 3};
static const struct shape words = {.type = SHAPE_LIST, .item = &name, .has_min = true, .min = 1};
static const struct shape paths = {.type = SHAPE_MAP, .item = &name, .key = &digits};
static const struct shape flags = {.type = SHAPE_MAP, .item = &boolean};
static const struct shape groups = {.type = SHAPE_MAP, .item = &points};
static const struct member sample_members[] = {
    MEMBER(struct sample, name, "Name", &name, OPTIONAL, ""),
    MEMBER(struct sample, state, "State", &state_shape, OPTIONAL, ""),
    MEMBER(struct sample, blob, "Blob", &blob, OPTIONAL, ""),
    MEMBER(struct sample, any, "Any", &any, OPTIONAL, ""),
    MEMBER(struct sample, secret, "Secret", &secret, OPTIONAL, ""),
    MEMBER(struct sample, age, "Age", &age, OPTIONAL, ""),
    MEMBER(struct sample, at, "At", &at, OPTIONAL, ""),
    MEMBER(struct sample, on, "On", &boolean, OPTIONAL, ""),
    MEMBER(struct sample, origin, "Origin", &point, OPTIONAL, ""),
    MEMBER(struct sample, points, "Points", &points, OPTIONAL, ""),
    MEMBER(struct sample, words, "Words", &words, OPTIONAL, ""),
    MEMBER(struct sample, paths, "Paths", &paths, OPTIONAL, ""),
    MEMBER(struct sample, flags, "Flags", &flags, OPTIONAL, ""),
    MEMBER(struct sample, groups, "Groups", &groups, OPTIONAL, ""),
    MEMBER_END,
};
static const struct shape sample = {.type = SHAPE_STRUCT, .name = "Sample", .size = sizeof(struct sample), .members = sample_members};

static struct arena arena;
static struct fault fault;
static struct sample out;

static int setup(void **state) {
    (void)state;
    arena_init(&arena, 0);
    fault_clear(&fault);
    out = (struct sample){0};
    return 0;
}
static int teardown(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}
static enum err decode(const char *json) { return shape_decode(&sample, str_from(json), false, &arena, &out, &fault); }
static void refuses(const char *json, enum err err, const char *where, const char *message) {
    out = (struct sample){0};
    assert_int_equal(decode(json), err);
    assert_int_equal(fault.code, err);
    assert_string_equal(fault.message, message);
    assert_string_equal(fault.where, where);
}
static void assert_str(struct str s, const char *z) {
    assert_non_null(s.p);
    assert_int_equal(s.n, strlen(z));
    assert_memory_equal(s.p, z, s.n);
}

static const char whole[] =
    "{\"Name\":\"a-b\",\"State\":\"ENABLED\",\"Blob\":\"AAEC\",\"Any\":{\"z\":[1,2.5,\"\\\"\"],\"a\":null},\"Secret\":\"ab\",\"Age\":7,"
    "\"At\":1777593600.250,\"On\":false,\"Origin\":{\"Id\":\"o\"},\"Points\":[{\"Id\":\"p\",\"X\":1},{\"Id\":\"q\"}],"
    "\"Words\":[\"x\",\"y\"],\"Paths\":{\"1\":\"one\"},\"Flags\":{\"f\":true,\"g\":false},\"Groups\":{\"h\":[{\"Id\":\"r\"}]}}";

static void decode_then_encode_gives_the_same_text(void **state) {
    (void)state;
    assert_int_equal(decode(whole), ERR_OK);
    assert_str(out.name, "a-b");
    assert_int_equal(out.blob.n, 3);
    assert_memory_equal(out.blob.p, "\0\1\2", 3);
    assert_true(out.at.set);
    assert_int_equal(out.at.v, 1777593600250);
    assert_true(out.on.set && !out.on.v);
    assert_str(out.origin->id, "o");
    assert_int_equal(out.points.n, 2);
    assert_str(LIST_AT(out.points, struct point, 1)->id, "q");
    assert_true(LIST_AT(out.points, struct point, 0)->x.set && !LIST_AT(out.points, struct point, 1)->x.set);
    assert_str(LIST_AT(out.paths, struct map_entry, 0)->key, "1");
    assert_int_equal(LIST_AT(out.flags, struct map_entry, 0)->i.v, 1);
    struct buf text;
    buf_init(&text, 0);
    shape_encode(&sample, &out, &text);
    assert_false(text.failed);
    assert_str(buf_str(&text), whole);
    buf_fini(&text);
}

static void decode_takes_null_and_unknown_members_as_absent(void **state) {
    (void)state;
    assert_int_equal(decode("{\"Name\":null,\"Nonsense\":[1],\"Words\":[\"w\"],\"Age\":1e2}"), ERR_OK);
    assert_null(out.name.p);
    assert_false(out.points.set);
    assert_int_equal(out.age.v, 100);
    assert_int_equal(decode("{\"At\":\"2026-05-01T00:00:00Z\"}"), ERR_OK);
    assert_int_equal(out.at.v, 1777593600000);
    assert_int_equal(decode("{\"At\":-1}"), ERR_OK);
    assert_int_equal(out.at.v, -1000);
}

static void timestamps_before_1970_keep_their_sign(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text, 0);
    assert_int_equal(decode("{\"At\":-0.5}"), ERR_OK);
    shape_encode(&sample, &out, &text);
    assert_str(buf_str(&text), "{\"At\":-0.500}");
    buf_fini(&text);
}

static void decode_strict_names_the_nearest_member(void **state) {
    (void)state;
    assert_int_equal(shape_decode(&sample, STR("{\"Points\":[{\"Id\":\"a\",\"id\":\"b\"}]}"), true, &arena, &out, &fault), ERR_VALIDATION);
    assert_string_equal(fault.message, "Member 'points.1.member.id' is not known, did you mean 'Id'?");
    assert_int_equal(shape_decode(&sample, STR("{\"Elephant\":1}"), true, &arena, &out, &fault), ERR_VALIDATION);
    assert_string_equal(fault.message, "Member 'Elephant' is not known");
}

static void decode_keeps_a_nul_inside_a_string(void **state) {
    (void)state;
    assert_int_equal(decode("{\"Any\":\"a\\u0000b\"}"), ERR_OK);
    assert_str(out.any, "\"a\\u0000b\"");
    refuses("{\"Name\":\"a\\u0000b\"}", ERR_VALIDATION, "name",
            "1 validation error detected: Value 'a\\u0000b' at 'name' failed to satisfy constraint: Member must satisfy regular expression "
            "pattern: [\\.\\-_A-Za-z0-9]+");
}

static void constraints_speak_the_words_of_the_service(void **state) {
    (void)state;
    refuses(
        "{\"Name\":\"x y\",\"Origin\":{\"X\":186}}", ERR_VALIDATION, "name",
        "3 validation errors detected: Value 'x y' at 'name' failed to satisfy constraint: Member must satisfy regular expression pattern: "
        "[\\.\\-_A-Za-z0-9]+; Value null at 'origin.id' failed to satisfy constraint: Member must not be null; Value '186' at 'origin.x' "
        "failed to satisfy constraint: Member must have value less than or equal to 185");
    refuses("{\"Name\":\"123456789\"}", ERR_VALIDATION, "name",
            "1 validation error detected: Value '123456789' at 'name' failed to satisfy constraint: Member must have length less than or "
            "equal to 8");
    refuses("{\"Points\":[{\"Id\":\"a\"},{\"Id\":\"b\",\"X\":-1}]}", ERR_VALIDATION, "points.2.member.x",
            "1 validation error detected: Value '-1' at 'points.2.member.x' failed to satisfy constraint: Member must have value greater "
            "than or "
            "equal to 0");
    refuses("{\"State\":\"ON\"}", ERR_VALIDATION, "state",
            "1 validation error detected: Value 'ON' at 'state' failed to satisfy constraint: Member must satisfy enum value set: "
            "[ENABLED, DISABLED]");
    refuses("{\"Words\":[]}", ERR_VALIDATION, "words",
            "1 validation error detected: Value '[]' at 'words' failed to satisfy constraint: Member must have length greater than or "
            "equal to 1");
    refuses("{\"Secret\":\"hunter2\"}", ERR_VALIDATION, "secret",
            "1 validation error detected: Value '****' at 'secret' failed to satisfy constraint: Member must have length less than or "
            "equal to 2");
    refuses("{\"Blob\":\"AAAAAAA=\"}", ERR_VALIDATION, "blob",
            "1 validation error detected: Value '5 bytes' at 'blob' failed to satisfy constraint: Member must have length less than or "
            "equal to 4");
}

static void constraints_judge_lists_and_maps_of_scalars_as_a_whole(void **state) {
    (void)state;
    refuses(
        "{\"Words\":[\"ok\",\"a b\"]}", ERR_VALIDATION, "words",
        "1 validation error detected: Value '[ok, a b]' at 'words' failed to satisfy constraint: Member must satisfy constraint: [Member "
        "must "
        "have length less than or equal to 8, Member must have length greater than or equal to 1, Member must satisfy regular expression "
        "pattern: [\\.\\-_A-Za-z0-9]+]");
    refuses("{\"Paths\":{\"k\":\"v\"}}", ERR_VALIDATION, "paths",
            "1 validation error detected: Value '{k=v}' at 'paths' failed to satisfy constraint: Map keys must satisfy constraint: [Member "
            "must "
            "satisfy regular expression pattern: [0-9]*]");
    refuses("{\"Groups\":{\"G\":[{\"Id\":\"\"}]}}", ERR_VALIDATION, "groups.G.1.member.id",
            "2 validation errors detected: Value '' at 'groups.G.1.member.id' failed to satisfy constraint: Member must satisfy regular "
            "expression "
            "pattern: [\\.\\-_A-Za-z0-9]+; Value '' at 'groups.G.1.member.id' failed to satisfy constraint: Member must have length "
            "greater than or "
            "equal to 1");
    refuses("{\"Points\":[{\"Id\":\"a\"},{\"Id\":\"b\"},{\"Id\":\"c\"},{\"Id\":\"d\",\"X\":1}]}", ERR_VALIDATION, "points",
            "1 validation error detected: Value '[Point(id=a, x=null), Point(id=b, x=null), Point(id=c, x=null), Point(id=d, x=1)]' at "
            "'points' "
            "failed to satisfy constraint: Member must have length less than or equal to 3");
    refuses("{\"Words\":[\"a\",null]}", ERR_VALIDATION, "words.2.member",
            "1 validation error detected: Value null at 'words.2.member' failed to satisfy constraint: Member must not be null");
}

static void lengths_are_counted_in_characters(void **state) {
    (void)state;
    assert_int_equal(decode("{\"Secret\":\"\xc3\xa9\xf0\x9f\x98\x80\"}"), ERR_OK);
    assert_int_equal(decode("{\"Secret\":\"\xc3\xa9\xc3\xa9\xc3\xa9\"}"), ERR_VALIDATION);
}

static void wrong_types_name_the_place(void **state) {
    (void)state;
    refuses("{\"Name\":5}", ERR_MALFORMED, "name", "'name' must be a string, but it is an integer");
    refuses("{\"Points\":[{\"Id\":\"a\"},7]}", ERR_MALFORMED, "points.2.member",
            "'points.2.member' must be an object, but it is an integer");
    refuses("{\"Points\":{}}", ERR_MALFORMED, "points", "'points' must be a list, but it is an object");
    refuses("{\"Flags\":{\"k\":1}}", ERR_MALFORMED, "flags.k", "'flags.k' must be true or false, but it is an integer");
    refuses("{\"Age\":\"5\"}", ERR_MALFORMED, "age", "'age' must be an integer, but it is a string");
    refuses("{\"Age\":5.5}", ERR_MALFORMED, "age", "'age' must be an integer, but it is a number that is not");
    refuses("{\"Age\":1e300}", ERR_MALFORMED, "age", "'age' must be an integer, but it is a number that is not");
    refuses("{\"At\":1e300}", ERR_MALFORMED, "at", "'at' must be a time in seconds since 1970, but it is out of range");
    refuses("{\"At\":\"yesterday\"}", ERR_MALFORMED, "at",
            "'at' must be a time (seconds since 1970, or 2026-05-01T00:00:00Z), but it is a string that is no time");
    refuses("{\"Blob\":\"?\"}", ERR_MALFORMED, "blob", "'blob' must be base64 (RFC 4648, with padding), but it is a string that is not");
    refuses("[]", ERR_MALFORMED, "", "the request must be an object, but it is a list");
}

static void broken_json_names_line_and_column(void **state) {
    (void)state;
    assert_int_equal(decode("{\n \"Name\": \"a\",\n oops}"), ERR_MALFORMED);
    assert_int_equal(fault.line, 3);
    assert_true(fault.column > 0);
    assert_non_null(strstr(fault.message, "not well-formed JSON"));
    static const char *const broken[] = {"",
                                         "{",
                                         "{} {}",
                                         "{\"Name\":\"a\",\"Name\":\"b\"}",
                                         "{\"Age\":99999999999999999999}",
                                         "{\"Age\":-9223372036854775809}",
                                         "{\"a\\u0000b\":1}",
                                         "{\"Name\":\"\xff\"}",
                                         "{\"Name\":\"\\ud800\"}",
                                         "5",
                                         "null{"};
    for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++) {
        assert_int_equal(decode(broken[i]), ERR_MALFORMED);
        assert_true(str_is_utf8(str_from(fault.message)) && fault.message[0]);
    }
}

static void deep_and_huge_requests_end_in_errors(void **state) {
    (void)state;
    struct buf text;
    buf_init(&text, 0);
    buf_addz(&text, "{\"Any\":");
    for (int i = 0; i < 100000; i++) buf_addc(&text, '[');
    assert_int_equal(shape_decode(&sample, buf_str(&text), false, &arena, &out, &fault), ERR_MALFORMED);
    buf_clear(&text);
    buf_addz(&text, "{\"Points\":[{}");
    for (int i = 0; i < 100000; i++) buf_addz(&text, ",{}");
    buf_addz(&text, "]}");
    assert_int_equal(shape_decode(&sample, buf_str(&text), false, &arena, &out, &fault), ERR_VALIDATION);
    assert_non_null(strstr(fault.message, "100002 validation errors detected: Value '[Point(id=null"));
    struct arena small;
    arena_init(&small, 65536);
    assert_int_equal(shape_decode(&sample, buf_str(&text), false, &small, &out, &fault), ERR_NOMEM);
    arena_fini(&small);
    buf_fini(&text);
}

static void check_judges_a_struct_filled_by_hand(void **state) {
    (void)state;
    struct point p = {.x = {true, 200}};
    assert_int_equal(shape_check(&point, &p, &arena, &fault), ERR_VALIDATION);
    assert_non_null(strstr(fault.message, "2 validation errors detected: Value null at 'id'"));
    p = (struct point){.id = STR("fine")};
    assert_int_equal(shape_check(&point, &p, &arena, &fault), ERR_OK);
}

static void *check_many(void *arg) {
    size_t wrong = 0;
    struct fault *f = malloc(sizeof *f);
    struct arena a;
    arena_init(&a, 0);
    for (int i = 0; i < 500; i++) {
        struct point p = {.id = i % 2 ? STR("good") : STR("b d")};
        wrong += shape_check(&point, &p, &a, f) != (i % 2 ? ERR_OK : ERR_VALIDATION);
    }
    arena_fini(&a);
    free(f);
    *(size_t *)arg = wrong;
    return NULL;
}

static void patterns_serve_many_threads(void **state) {
    (void)state;
    pthread_t threads[4];
    size_t wrong[4];
    for (int i = 0; i < 4; i++) assert_int_equal(pthread_create(&threads[i], NULL, check_many, &wrong[i]), 0);
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(wrong[i], 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(patterns_serve_many_threads, setup, teardown),
        cmocka_unit_test_setup_teardown(decode_then_encode_gives_the_same_text, setup, teardown),
        cmocka_unit_test_setup_teardown(decode_takes_null_and_unknown_members_as_absent, setup, teardown),
        cmocka_unit_test_setup_teardown(timestamps_before_1970_keep_their_sign, setup, teardown),
        cmocka_unit_test_setup_teardown(decode_strict_names_the_nearest_member, setup, teardown),
        cmocka_unit_test_setup_teardown(decode_keeps_a_nul_inside_a_string, setup, teardown),
        cmocka_unit_test_setup_teardown(constraints_speak_the_words_of_the_service, setup, teardown),
        cmocka_unit_test_setup_teardown(constraints_judge_lists_and_maps_of_scalars_as_a_whole, setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_are_counted_in_characters, setup, teardown),
        cmocka_unit_test_setup_teardown(wrong_types_name_the_place, setup, teardown),
        cmocka_unit_test_setup_teardown(broken_json_names_line_and_column, setup, teardown),
        cmocka_unit_test_setup_teardown(deep_and_huge_requests_end_in_errors, setup, teardown),
        cmocka_unit_test_setup_teardown(check_judges_a_struct_filled_by_hand, setup, teardown),
    };
    return cmocka_run_group_tests_name("base/shape", tests, NULL, NULL);
}

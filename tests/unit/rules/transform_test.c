#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "transform.h"

#define DETAIL                                                                                                                             \
    "{\"state\":\"on\",\"n\":5,\"f\":1.50,\"t\":true,\"nil\":null,\"list\":[\"A\",\"B\"],\"mixed\":[1,\"x\",{\"k\":\"v\"},[]],"            \
    "\"o\":{\"k\":\"v\",\"n\":1},\"quote\":\"say \\\"hi\\\"\",\"line\":\"a\\nb\",\"back\":\"a\\\\b\",\"euro\":\"\\u20ac\",\"empty\":\"\"}"
#define HEAD "\"version\":\"0\",\"id\":\"e-1\""
#define TAIL                                                                                                                               \
    ",\"source\":\"s\",\"account\":\"111122223333\",\"time\":\"2026-05-01T00:00:00Z\",\"region\":\"us-east-1\",\"resources\":[\"r1\"]"
#define EVENT "{" HEAD ",\"detail-type\":\"T\"" TAIL ",\"detail\":" DETAIL "}"

static struct arena arena;
static struct transform_event event = {.json = {EVENT, sizeof EVENT - 1},
                                       .rule_arn = {"arn:aws:events:us-east-1:111122223333:rule/r", 44},
                                       .rule_name = {"r", 1},
                                       .ingestion_ms = 1777593600123};
static const struct transform_path paths[] = {
    {{"state", 5}, {"$.detail.state", 14}},  {{"n", 1}, {"$.detail.n", 10}},         {{"f", 1}, {"$.detail.f", 10}},
    {{"t", 1}, {"$.detail.t", 10}},          {{"nil", 3}, {"$.detail.nil", 12}},     {{"list", 4}, {"$.detail.list", 13}},
    {{"o", 1}, {"$.detail.o", 10}},          {{"mixed", 5}, {"$.detail.mixed", 14}}, {{"quote", 5}, {"$.detail.quote", 14}},
    {{"line", 4}, {"$.detail.line", 13}},    {{"back", 4}, {"$.detail.back", 13}},   {{"euro", 4}, {"$.detail.euro", 13}},
    {{"miss", 4}, {"$.detail.missing", 16}}, {{"e", 1}, {"$.detail.empty", 14}},     {{"dash-ed_1", 9}, {"$.id", 4}},
    {{"all", 3}, {"$.detail.list[*]", 16}},  {{"no", 2}, {"$.nothing[*]", 12}},
};

static int setup(void **state) {
    (void)state;
    struct node *root;
    arena_init(&arena, 0);
    if (doc_parse(&arena, event.json, &root, NULL)) return -1;
    event.root = root;
    return 0;
}

static int teardown(void **state) {
    (void)state;
    arena_fini(&arena);
    return 0;
}

/* What the target gets; NULL: nothing, and *fault says why. */
static const char *result(struct transform_spec spec, struct fault *fault) {
    struct transform *t;
    struct str out;
    spec.target_id = STR("t-1");
    if (transform_new(&spec, &t, fault)) fail_msg("%s", fault->message);
    enum err err = transform_apply(t, &event, &arena, &out, fault);
    transform_free(t);
    if (err) assert_int_equal(err, ERR_VALIDATION);
    return err ? NULL : arena_str(&arena, out).p;
}

static void check(const char *given, struct transform_spec spec, const char *wanted) {
    struct fault f;
    const char *got = result(spec, &f);
    if (!got != !wanted || (got && strcmp(got, wanted) != 0))
        fail_msg("%s\ngives    %s\nexpected %s", given, got ? got : f.message, wanted ? wanted : "nothing");
}

static void constants_are_sent_minified(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"{ \"a\" : [1, 2.50] }", "{\"a\":[1,2.50]}"},     {"\"text\"", "\"text\""}, {"5", "5"}, {"null", "null"}, {"[]", "[]"},
        {"{\"a\":\" <state> \"}", "{\"a\":\" <state> \"}"}}; /* no placeholders here */
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i][0], (struct transform_spec){.input = str_from(rows[i][0])}, rows[i][1]);
}

static void a_path_sends_a_part_as_json(void **state) {
    (void)state;
    static const char *const rows[][2] = {
        {"$", EVENT},
        {"$.detail", DETAIL},
        {"$.detail.state", "\"on\""}, /* a string keeps its quotes */
        {"$.detail.n", "5"},
        {"$.detail.f", "1.50"},
        {"$.detail.nil", "null"},
        {"$.detail-type", "\"T\""},
        {"$.resources[0]", "\"r1\""},
        {"$.detail.list[*]", "[\"A\",\"B\"]"},
        {"$.detail.quote", "\"say \\\"hi\\\"\""},
        {"$.nothing", "{}"},
        {"$.nothing[*]", "[]"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i][0], (struct transform_spec){.input_path = str_from(rows[i][0])}, rows[i][1]);
}

static const struct {
    const char *template, *result; /* NULL: no JSON, nothing is delivered */
} rows[] = {
    /* an unquoted placeholder becomes its JSON form */
    {"{\"s\": <state>, \"n\": <n>}", "{\"s\":\"on\",\"n\":5}"},
    {"{\"f\":<f>,\"t\":<t>,\"nil\":<nil>}", "{\"f\":1.50,\"t\":true,\"nil\":null}"},
    {"{\"l\":<list>,\"o\":<o>}", "{\"l\":[\"A\",\"B\"],\"o\":{\"k\":\"v\",\"n\":1}}"},
    {"[<n>,<mixed>]", "[5,[1,\"x\",{\"k\":\"v\"},[]]]"},
    {"<o>", "{\"k\":\"v\",\"n\":1}"},
    {"<state>", "\"on\""},
    {"{\"q\":<quote>,\"l\":<line>,\"u\":<euro>}", "{\"q\":\"say \\\"hi\\\"\",\"l\":\"a\\nb\",\"u\":\"\\u20ac\"}"},
    {"{<state>:<n>}", "{\"on\":5}"},
    {"{\"i\":<dash-ed_1>,\"a\":<all>}", "{\"i\":\"e-1\",\"a\":[\"A\",\"B\"]}"},
    /* inside quotes it is spliced as text */
    {"{\"m\": \"now <state>!\"}", "{\"m\":\"now on!\"}"},
    {"{\"<state>\": 1}", "{\"on\":1}"},
    {"{\"m\":\"<n><t>\"}", "{\"m\":\"5true\"}"},
    {"{\"m\":\"<nil>|<e>|<f>\"}", "{\"m\":\"null||1.50\"}"},
    {"{\"m\":\"<quote>\"}", "{\"m\":\"say \\\"hi\\\"\"}"}, /* what must be escaped in a string is: it stays the string it was */
    {"{\"m\":\"<line> <back>\"}", "{\"m\":\"a\\nb a\\\\b\"}"},
    {"{\"m\":\"<euro>\"}", "{\"m\":\"\xE2\x82\xAC\"}"},
    {"{\"m\":\"\\\"<state>\\\"\"}", "{\"m\":\"\\\"on\\\"\"}"}, /* escaped quotes are no quotes */
    /* a string template is quoted and keeps its quotes */
    {"\"<state>\"", "\"on\""},
    {"\"now <state> and <n>\"", "\"now on and 5\""},
    {"  \"<state>\" \n", "\"on\""},
    {"\"no placeholder\"", "\"no placeholder\""},
    /* in it an object loses its inner quotes, a list becomes [A,B] */
    {"\"o: <o>\"", "\"o: {k:v,n:1}\""},
    {"\"l: <list>\"", "\"l: [A,B]\""},
    {"\"m: <mixed>\"", "\"m: [1,x,{k:v},[]]\""},
    {"\"all: <all>\"", "\"all: [A,B]\""},
    /* a missing path: the empty string; "" where it stands unquoted in JSON */
    {"\"x<miss>y\"", "\"xy\""},
    {"{\"m\":\"<miss>\",\"n\":<miss>}", "{\"m\":\"\",\"n\":\"\"}"},
    {"{\"n\":<no>}", "{\"n\":[]}"},
    /* the reserved ones */
    {"{\"a\":<aws.events.rule-arn>,\"n\":<aws.events.rule-name>}", "{\"a\":\"arn:aws:events:us-east-1:111122223333:rule/r\",\"n\":\"r\"}"},
    {"\"<aws.events.rule-name> of <aws.events.rule-arn>\"", "\"r of arn:aws:events:us-east-1:111122223333:rule/r\""},
    {"{\"t\":<aws.events.event.ingestion-time>}", "{\"t\":\"2026-05-01T00:00:00Z\"}"},
    {"\"at <aws.events.event.ingestion-time>\"", "\"at 2026-05-01T00:00:00Z\""},
    {"<aws.events.event>", "{" HEAD ",\"detailType\":\"T\"" TAIL "}"}, /* without detail, with detailType */
    {"<aws.events.event.json>", EVENT},
    {"{\"e\":<aws.events.event.json>,\"s\":<state>}", "{\"e\":" EVENT ",\"s\":\"on\"}"},
    {"\"<aws.events.event>\"",
     "\"{version:0,id:e-1,detailType:T,source:s,account:111122223333,time:2026-05-01T00:00:00Z,region:us-east-1,resources:[r1]}\""},
    /* no placeholders: blanks, operators, nothing between the angles */
    {"\"a < b > c\"", "\"a < b > c\""},
    {"\"<> <\"", "\"<> <\""},
    {"\"1 <n\"", "\"1 <n\""},
    {"{ \"a\" : [ 1 , 2 ] }", "{\"a\":[1,2]}"},
    /* what does not come out as JSON */
    {"now <state>", NULL},
    {"{\"a\": <state>", NULL},
    {"{\"a\": on}", NULL},
    {"\"a\" \"b\"", NULL},
    {"<state><n>", NULL},
    {"", NULL},
    {"\"open", NULL},
};

static void templates_give_what_the_specification_says(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        check(rows[i].template,
              (struct transform_spec){.template = str_from(rows[i].template), .paths = paths, .path_count = sizeof paths / sizeof paths[0]},
              rows[i].result);
}

static void what_is_no_json_is_said_with_its_place(void **state) {
    (void)state;
    struct fault f;
    assert_null(result((struct transform_spec){.template = STR("{\"a\": on}")}, &f));
    assert_true(str_starts(str_from(f.message), STR("The InputTemplate's result is not JSON: line 1, column 7: ")));
}

static void refused(struct transform_spec spec, const char *message) {
    struct transform *t;
    struct fault f;
    spec.target_id = STR("t-1");
    if (!transform_new(&spec, &t, &f)) fail_msg("taken, but expected: %s", message);
    assert_null(t);
    assert_int_equal(f.code, ERR_VALIDATION);
    assert_string_equal(f.message, message);
}

static void specifications_are_refused_in_the_services_words(void **state) {
    (void)state;
    static const char *const only = "Only one of Input, InputPath, or InputTransformer must be provided for target t-1.";
    refused((struct transform_spec){.input = STR("1"), .input_path = STR("$")}, only);
    refused((struct transform_spec){.input = STR("1"), .template = STR("1")}, only);
    refused((struct transform_spec){.input_path = STR("$"), .template = STR("1")}, only);
    refused((struct transform_spec){.input = STR("1"), .input_path = STR("$"), .template = STR("1")}, only);
    refused((struct transform_spec){.template = STR("\"<nope>\"")}, "InputTemplate for target t-1 contains invalid placeholder nope.");
    refused((struct transform_spec){.template = STR("<aws.events.rule>")},
            "InputTemplate for target t-1 contains invalid placeholder aws.events.rule.");
    refused((struct transform_spec){.template = STR("<State>"), .paths = paths, .path_count = 1},
            "InputTemplate for target t-1 contains invalid placeholder State.");
    refused((struct transform_spec){.input = STR("{\"a\": }")},
            "Input for target t-1 is not valid JSON: line 1, column 7: Unexpected character '}': expected a value (object, array, "
            "string, number, true, false or null)");
    refused((struct transform_spec){.input_path = STR("detail")},
            "Parameter InputPath of target t-1 is not valid. Reason: 'detail' is not a path: at character 1 '$' is expected.");
    static const struct transform_path bad[] = {
        {{"AWSx", 4}, {"$", 1}}, {{"a.b", 3}, {"$", 1}}, {{"", 0}, {"$", 1}}, {{"p", 1}, {"$.", 2}}};
    refused((struct transform_spec){.template = STR("1"), .paths = bad, .path_count = 1},
            "InputPathsMap of target t-1 has the key 'AWSx': letters, digits, '_' and '-' are allowed, and AWS cannot be its beginning.");
    refused((struct transform_spec){.template = STR("1"), .paths = bad + 1, .path_count = 1},
            "InputPathsMap of target t-1 has the key 'a.b': letters, digits, '_' and '-' are allowed, and AWS cannot be its beginning.");
    refused((struct transform_spec){.template = STR("1"), .paths = bad + 2, .path_count = 1},
            "InputPathsMap of target t-1 has the key '': letters, digits, '_' and '-' are allowed, and AWS cannot be its beginning.");
    refused((struct transform_spec){.template = STR("1"), .paths = bad + 3, .path_count = 1},
            "InputPathsMap of target t-1, key p: '$.' is not a path: at character 3 a name is expected (letters, digits, '_' and '-').");
}

static void counts_have_limits(void **state) {
    (void)state;
    struct transform_path many[101];
    char names[101][8];
    struct transform *t;
    for (int i = 0; i < 101; i++) {
        int n = snprintf(names[i], sizeof names[i], "p%d", i);
        many[i] = (struct transform_path){str_of(names[i], (size_t)n), STR("$")};
    }
    assert_int_equal(transform_new(&(struct transform_spec){.template = STR("<p99>"), .paths = many, .path_count = 100}, &t, NULL), ERR_OK);
    transform_free(t);
    refused((struct transform_spec){.template = STR("1"), .paths = many, .path_count = 101},
            "InputPathsMap of target t-1 has more than 100 keys.");
    struct buf long_one;
    buf_init(&long_one, 0);
    for (int i = 0; i < 2001; i++) buf_addz(&long_one, "<n>");
    refused((struct transform_spec){.template = buf_str(&long_one), .paths = paths, .path_count = 2},
            "The InputTemplate has more than 1000 parts.");
    buf_fini(&long_one);
    assert_int_equal(transform_new(&(struct transform_spec){.target_id = STR("t")}, &t, NULL),
                     ERR_OK); /* nothing given: the event goes as it is */
    assert_null(t);
    transform_free(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(constants_are_sent_minified, setup, teardown),
        cmocka_unit_test_setup_teardown(a_path_sends_a_part_as_json, setup, teardown),
        cmocka_unit_test_setup_teardown(templates_give_what_the_specification_says, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_no_json_is_said_with_its_place, setup, teardown),
        cmocka_unit_test_setup_teardown(specifications_are_refused_in_the_services_words, setup, teardown),
        cmocka_unit_test_setup_teardown(counts_have_limits, setup, teardown),
    };
    return cmocka_run_group_tests_name("rules/transform", tests, NULL, NULL);
}

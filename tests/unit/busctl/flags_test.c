#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <stdlib.h>
#include <unistd.h>

#include "flags.h"
#include "verb.h"

static struct fault fault;
static struct flags flags;

enum { WORDS_MOST = 16 };

static enum err parse(const char *verb, const char *const *words) {
    static char copies[WORDS_MOST][512];
    char *argv[WORDS_MOST];
    struct globals none = {.output = OUTPUT_TABLE};
    int argc = 0;
    for (; words[argc]; argc++) {
        snprintf(copies[argc], sizeof copies[argc], "%s", words[argc]);
        argv[argc] = copies[argc];
    }
    const struct operation *o = verb_find(NULL, verb, &fault);
    assert_non_null(o);
    return flags_parse(o, NULL, &none, argc, argv, &flags, &fault);
}
#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void gives(const char *verb, const char *const *words, const char *json) {
    if (parse(verb, words)) fail_msg("%s %s: %s", verb, words[0], fault.message);
    char *text = json_dumps(flags.request, JSON_COMPACT);
    assert_string_equal(text, json);
    free(text);
    flags_fini(&flags);
}
static void refuses(const char *verb, const char *const *words, const char *message) {
    assert_int_equal(parse(verb, words), ERR_USAGE);
    assert_string_equal(fault.message, message);
}

static void scalars_and_switches(void **state) {
    (void)state;
    gives("put-rule", WORDS("--name", "r", "--event-pattern", "{\"source\":[\"a\"]}", "--state", "ENABLED"),
          "{\"Name\":\"r\",\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\",\"State\":\"ENABLED\"}");
    gives("list-rules", WORDS("--limit", "5", "--name-prefix=x=y"), "{\"Limit\":5,\"NamePrefix\":\"x=y\"}");
    gives("delete-rule", WORDS("--force", "--name", "r"), "{\"Force\":true,\"Name\":\"r\"}");
    gives("delete-rule", WORDS("--no-force", "--name", "-5"), "{\"Force\":false,\"Name\":\"-5\"}");
    gives("remove-permission", WORDS("--remove-all-permissions"), "{\"RemoveAllPermissions\":true}");
    gives("put-rule", WORDS("--name", "\xc3\xa9\"\\"), "{\"Name\":\"\xc3\xa9\\\"\\\\\"}");
}

static void lists_take_several_words_or_json(void **state) {
    (void)state;
    gives("remove-targets", WORDS("--rule", "r", "--ids", "1", "2", "x y", "--event-bus-name", "b"),
          "{\"Rule\":\"r\",\"Ids\":[\"1\",\"2\",\"x y\"],\"EventBusName\":\"b\"}");
    gives("remove-targets", WORDS("--ids", "[\"1\",\"2\"]"), "{\"Ids\":[\"1\",\"2\"]}");
    gives("remove-targets", WORDS("--ids"), "{\"Ids\":[]}");
    gives("put-targets", WORDS("--targets", "[{\"Id\":\"1\",\"Arn\":\"a\"}]"), "{\"Targets\":[{\"Id\":\"1\",\"Arn\":\"a\"}]}");
    gives("put-targets", WORDS("--targets", "{\"Id\":\"1\",\"Arn\":\"a\"} {\"Id\":\"2\",\"Arn\":\"b\"}"),
          "{\"Targets\":[{\"Id\":\"1\",\"Arn\":\"a\"},{\"Id\":\"2\",\"Arn\":\"b\"}]}");
    gives("put-targets", WORDS("--targets", "{\"Id\":\"1\"}", "Id=2"), "{\"Targets\":[{\"Id\":\"1\"},{\"Id\":\"2\"}]}");
}

static void shorthand_as_the_aws_cli_has_it(void **state) {
    (void)state;
    gives("put-targets", WORDS("--rule", "r", "--targets", "Id=1,Arn=arn:aws:sqs:us-east-1:111122223333:q", "\"Id\"=\"2\",\"Arn\"=\"a,b\""),
          "{\"Rule\":\"r\",\"Targets\":[{\"Id\":\"1\",\"Arn\":\"arn:aws:sqs:us-east-1:111122223333:q\"},{\"Id\":\"2\",\"Arn\":\"a,b\"}]}");
    gives("put-targets",
          WORDS("--targets", "Id=1,Arn=a,InputTransformer={InputPathsMap={x=$.detail.x,y=$.id},InputTemplate='{\"v\": "
                             "<x>}'},RetryPolicy={MaximumRetryAttempts=3}"),
          "{\"Targets\":[{\"Id\":\"1\",\"Arn\":\"a\",\"InputTransformer\":{\"InputPathsMap\":{\"x\":\"$.detail.x\",\"y\":\"$.id\"},"
          "\"InputTemplate\":\"{\\\"v\\\": <x>}\"},\"RetryPolicy\":{\"MaximumRetryAttempts\":3}}]}");
    gives("put-targets", WORDS("--targets", "Id=1,HttpParameters={PathParameterValues=[a,1],HeaderParameters={X-A=b}},Arn=z"),
          "{\"Targets\":[{\"Id\":\"1\",\"HttpParameters\":{\"PathParameterValues\":[\"a\",\"1\"],\"HeaderParameters\":{\"X-A\":\"b\"}},"
          "\"Arn\":\"z\"}]}");
    gives("put-events",
          WORDS("--entries", "Source=shop,DetailType=Order Placed,Detail={\"id\":1,\"tags\":[\"a\"]},Resources=r1,r2,EventBusName=b"),
          "{\"Entries\":[{\"Source\":\"shop\",\"DetailType\":\"Order Placed\",\"Detail\":\"{\\\"id\\\":1,\\\"tags\\\":[\\\"a\\\"]}\","
          "\"Resources\":[\"r1\",\"r2\"],\"EventBusName\":\"b\"}]}");
    gives("put-events", WORDS("--entries", "Source=a\\,b,Detail='it\\'s',Resources=[],Time=2026-05-01T00:00:00Z"),
          "{\"Entries\":[{\"Source\":\"a,b\",\"Detail\":\"it's\",\"Resources\":[],\"Time\":1777593600}]}");
    gives("put-events", WORDS("--entries", "Source=,Detail={not json},TraceHeader=[x"),
          "{\"Entries\":[{\"Source\":\"\",\"Detail\":\"{not json}\",\"TraceHeader\":\"[x\"}]}");
    gives("put-targets", WORDS("--targets", "Id=1,EcsParameters={\"TaskCount\":2}"),
          "{\"Targets\":[{\"Id\":\"1\",\"EcsParameters\":{\"TaskCount\":2}}]}");
}

static void shorthand_refusals_tell_the_place(void **state) {
    (void)state;
    refuses("put-targets", WORDS("--targets", "Id=1,Anr=a"), "--targets: Target has no member 'Anr', did you mean 'Arn'?");
    refuses("put-targets", WORDS("--targets", "Id=1,Id=2"), "--targets: a name stands twice, before at character 10 of 'Id=1,Id=2'");
    refuses("put-targets", WORDS("--targets", "Id"), "--targets: name=value is expected at character 3 of 'Id'");
    refuses("put-targets", WORDS("--targets", "Id='1"), "--targets: a quote is not closed at character 6 of 'Id='1'");
    refuses("put-targets", WORDS("--targets", "RetryPolicy=3"), "--targets: '{' is expected at character 13 of 'RetryPolicy=3'");
    refuses("put-targets", WORDS("--targets", "RetryPolicy={MaximumRetryAttempts=x}"), "--targets: 'x' is no integer");
    refuses("put-targets", WORDS("--targets", "RetryPolicy={MaximumRetryAttempts=3"),
            "--targets: '}' is missing at character 36 of 'RetryPolicy={MaximumRetryAttempts=3'");
    refuses("put-targets", WORDS("--targets", ""), "--targets: name=value is expected at character 1 of ''");
    refuses("put-events", WORDS("--entries", "Time=yesterday"),
            "--entries: 'yesterday' is no time (2026-05-01T00:00:00Z, or seconds since 1970)");
}

static void json_is_checked_against_the_shape(void **state) {
    (void)state;
    refuses("put-targets", WORDS("--targets", "[{\"Id\":\"1\",\"arn\":\"a\"}]"),
            "--targets: Target has no member 'arn', did you mean 'Arn'?");
    refuses("put-targets", WORDS("--targets", "[1]"), "--targets: Target must be a JSON object");
    refuses("put-targets", WORDS("--targets", "[{\"Id\":"),
            "--targets: not well-formed JSON: unexpected token near end of file (line 1, column 7)");
    gives("put-events", WORDS("--entries", "[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":{\"b\":1,\"a\":[true]}}]"),
          "{\"Entries\":[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":\"{\\\"b\\\":1,\\\"a\\\":[true]}\"}]}");
    gives("put-rule", WORDS("--name", "n", "--cli-input-json", "{\"Name\":\"other\",\"EventPattern\":{\"source\":[\"a\"]}}"),
          "{\"Name\":\"n\",\"EventPattern\":\"{\\\"source\\\":[\\\"a\\\"]}\"}");
    refuses("put-rule", WORDS("--cli-input-json", "{\"Nmae\":\"x\"}"),
            "--cli-input-json: PutRuleRequest has no member 'Nmae', did you mean 'Name'?");
}

static void files_are_read(void **state) {
    (void)state;
    char path[] = "flags_test.XXXXXX", word[64];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    static const char text[] = "{\"Source\":\"a\",\"Detail\":{\"x\":1}}\n{\"Source\":\"b\",\n \"Detail\":\"{}\"}\n\n";
    assert_int_equal(write(fd, text, sizeof text - 1), sizeof text - 1);
    snprintf(word, sizeof word, "file://%s", path);
    gives("put-events", WORDS("--entries", word),
          "{\"Entries\":[{\"Source\":\"a\",\"Detail\":\"{\\\"x\\\":1}\"},{\"Source\":\"b\",\"Detail\":\"{}\"}]}");
    assert_int_equal(ftruncate(fd, 0), 0);
    gives("put-events", WORDS("--entries", word), "{\"Entries\":[]}");
    close(fd);
    unlink(path);
    assert_int_equal(parse("put-events", WORDS("--entries", word)), ERR_NOT_FOUND);
    refuses("put-rule", WORDS("--event-pattern", "file://"), "--event-pattern: 'file://' names no file");
}

static void unknown_flags_come_with_the_nearest(void **state) {
    (void)state;
    refuses("put-rule", WORDS("--nmae", "x"), "there is no flag --nmae, did you mean '--name'?");
    refuses("put-rule", WORDS("--event-patern=x"), "there is no flag --event-patern, did you mean '--event-pattern'?");
    refuses("put-rule", WORDS("stray"), "'stray' belongs to no flag");
    refuses("put-rule", WORDS("--name"), "--name needs a value");
    refuses("put-rule", WORDS("--name", "--state"), "--name needs a value");
    refuses("put-rule", WORDS("--output", "xml"), "--output: 'xml' is neither table nor json");
    refuses("put-rule", WORDS("--name", "\xff"), "--name: the text is not UTF-8");
}

static void required_flags_are_named(void **state) {
    (void)state;
    assert_int_equal(parse("put-targets", WORDS("--rule", "r")), ERR_OK);
    assert_int_equal(flags_missing(verb_find(NULL, "put-targets", &fault), &flags, &fault), ERR_USAGE);
    assert_string_equal(fault.message, "--targets is missing");
    flags_fini(&flags);
    assert_int_equal(parse("put-targets", WORDS("--output=json")), ERR_OK);
    assert_int_equal(flags.globals.output, OUTPUT_JSON);
    assert_int_equal(flags_missing(verb_find(NULL, "put-targets", &fault), &flags, &fault), ERR_USAGE);
    assert_string_equal(fault.message, "--rule, --targets are missing");
    flags_fini(&flags);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scalars_and_switches),
        cmocka_unit_test(lists_take_several_words_or_json),
        cmocka_unit_test(shorthand_as_the_aws_cli_has_it),
        cmocka_unit_test(shorthand_refusals_tell_the_place),
        cmocka_unit_test(json_is_checked_against_the_shape),
        cmocka_unit_test(files_are_read),
        cmocka_unit_test(unknown_flags_come_with_the_nearest),
        cmocka_unit_test(required_flags_are_named),
    };
    return cmocka_run_group_tests_name("busctl/flags", tests, NULL, NULL);
}

/* Whole command lines against a bus that answers from a script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <unistd.h>

#include "scripted_bus.h"

static int forget(void **state) {
    (void)state;
    open_err = BUS_ERR_OK;
    unsetenv("BUS_ENDPOINT");
    unsetenv("BUS_DATA");
    unsetenv("AWS_PROFILE");
    unsetenv("AWS_SHARED_CREDENTIALS_FILE");
    return 0;
}

/* ---- plain verbs -------------------------------------------------------------------------------------------------------------- */

static void answers_are_tables_or_as_they_came(void **state) {
    (void)state;
    assert_int_equal(runs(STEPS({"events.PutRule", "{\"Name\":\"r\",\"EventPattern\":\"{}\"}", "{\"RuleArn\": \"arn\"}", 0, NULL}),
                          WORDS("put-rule", "--name", "r", "--event-pattern", "{}")),
                     0);
    assert_string_equal(out, "RuleArn  arn\n");
    assert_int_equal(closed, 1);
    assert_int_equal(runs(STEPS({"events.PutRule", NULL, "{\"RuleArn\": \"arn\"}", 0, NULL}),
                          WORDS("--output", "json", "events", "put-rule", "--name", "r")),
                     0);
    assert_string_equal(out, "{\"RuleArn\": \"arn\"}\n");
    assert_int_equal(runs(STEPS({"events.DeleteRule", "{\"Name\":\"r\"}", "{}", 0, NULL}), WORDS("delete-rule", "--name=r")), 0);
    assert_string_equal(out, "");
}

static void all_pages_are_asked_for_unless_one_was(void **state) {
    (void)state;
    assert_int_equal(runs(STEPS({"events.ListRules", "{}", "{\"Rules\":[{\"Name\":\"a\"}],\"NextToken\":\"t\"}", 0, NULL},
                                {"events.ListRules", "{\"NextToken\":\"t\"}", "{\"Rules\":[{\"Name\":\"b\"}]}", 0, NULL}),
                          WORDS("list-rules", "--output", "json")),
                     0);
    assert_string_equal(out, "{\"Rules\":[{\"Name\":\"a\"},{\"Name\":\"b\"}]}\n");
    assert_int_equal(runs(STEPS({"events.ListRules", "{\"Limit\":1}", "{\"Rules\":[{\"Name\":\"a\"}],\"NextToken\":\"t\"}", 0, NULL}),
                          WORDS("list-rules", "--limit", "1")),
                     0);
    assert_string_equal(out, "NextToken  t\n\nRules:\nName\na\n");
}

static void refusals_are_told_with_a_hint(void **state) {
    (void)state;
    assert_int_equal(runs(STEPS({"events.PutRule", NULL, NULL, BUS_ERR_VALIDATION, "1 validation error detected: ..."}),
                          WORDS("put-rule", "--name", "r r")),
                     3);
    assert_string_equal(err, "busctl: put-rule: ValidationException: 1 validation error detected: ...\n");
    assert_string_equal(out, "");
    assert_int_equal(
        runs(STEPS({"events.ListRules", NULL, NULL, BUS_ERR_ACCESS_DENIED, "no\x1b[2J"}), WORDS("list-rules", "--profile", "guest")), 3);
    assert_non_null(strstr(err, "busctl: list-rules: AccessDeniedException: no\\x1b[2J\n  hint: asked as profile [guest]"));
    assert_int_equal(runs(STEPS({"events.ListRules", NULL, NULL, BUS_ERR_UNKNOWN_KEY, "x"}), WORDS("list-rules")), 3);
    assert_non_null(strstr(err, "does not know the access key (profile [default])"));
    assert_int_equal(runs(STEPS({"events.ListRules", NULL, NULL, BUS_ERR_TIMEOUT, "x"}), WORDS("list-rules")), 4);
    assert_non_null(strstr(err, "tried ipc:///run/bus.sock"));
    open_err = BUS_ERR_UNREACHABLE;
    assert_int_equal(runs(NULL, WORDS("list-rules", "--endpoint", "tcp://h:1")), 4);
    assert_non_null(strstr(err, "hint: tried tcp://h:1; is busd running there?"));
    open_err = BUS_ERR_NO_CREDENTIALS;
    assert_int_equal(runs(NULL, WORDS("--profile", "p", "list-rules")), 3);
    assert_non_null(strstr(err, "from [p] in ~/.aws/credentials"));
}

static void usage_errors_are_two(void **state) {
    (void)state;
    assert_int_equal(runs(NULL, WORDS(NULL)), 2);
    assert_int_equal(runs(NULL, WORDS("put-rul")), 2);
    assert_string_equal(err, "busctl: there is no verb 'put-rul', did you mean 'put-rule'?\n  hint: busctl --help shows what it takes\n");
    assert_int_equal(runs(NULL, WORDS("put-rule")), 2);
    assert_string_equal(err, "busctl: put-rule: --name is missing\n  hint: busctl put-rule --help shows what it takes\n");
    assert_int_equal(runs(NULL, WORDS("--endpoint")), 2);
    assert_int_equal(runs(NULL, WORDS("-x")), 2);
    assert_int_equal(runs(NULL, WORDS("events")), 2);
    assert_int_equal(runs(NULL, WORDS("bus", "put-rule")), 2);
    assert_int_equal(runs(NULL, WORDS("reference", "x")), 2);
}

static void help_is_there_for_everything(void **state) {
    (void)state;
    assert_int_equal(runs(NULL, WORDS("--help")), 0);
    assert_non_null(strstr(out, "put-targets"));
    assert_int_equal(runs(NULL, WORDS("events", "--help")), 0);
    assert_null(strstr(out, "create-account"));
    assert_int_equal(runs(NULL, WORDS("put-targets", "--help")), 0);
    assert_non_null(strstr(out, "--targets Id=...,Arn=...,RoleArn=...,... ..."));
    assert_non_null(strstr(out, "MaximumRetryAttempts"));
    assert_int_equal(runs(NULL, WORDS("help", "put-rule")), 0);
    assert_non_null(strstr(out, "--event-pattern"));
    assert_int_equal(runs(NULL, WORDS("test-pattern", "--help")), 0);
    assert_non_null(strstr(out, "--pattern FILE"));
    assert_int_equal(runs(NULL, WORDS("--version")), 0);
    assert_non_null(strstr(out, BUS_VERSION));
    assert_int_equal(runs(NULL, WORDS("reference")), 0);
    assert_non_null(strstr(out, "### put-rule\n\nMakes or changes a rule. Operation `events.PutRule`"));
}

/* The manual and the list of fields come from the same tables. */
static void the_reference_has_three_forms(void **state) {
    (void)state;
    assert_int_equal(runs(NULL, WORDS("reference", "--format", "man", "--service", "events")), 0);
    assert_true(strncmp(out, ".TH \"eventbusctl-events\" 1 ", 27) == 0);
    assert_non_null(strstr(out, ".SS put\\-rule\nMakes or changes a rule. Operation events.PutRule; changes state; policy action events:PutRule.\n"));
    assert_non_null(strstr(out, ".TP\n\\fB\\-\\-event\\-bus\\-name\\fR \\fITEXT\\fR\n"));
    assert_non_null(strstr(out, "[\\e.\\e\\-_A\\-Za\\-z0\\-9]+")); /* no letter of an expression is taken for roff's */
    assert_non_null(strstr(out, "\n.SH STRUCTURES\n"));
    assert_non_null(strstr(out, "\n.SS RetryPolicy\n"));
    assert_null(strstr(out, "SendMessage"));
    for (const char *at = out; (at = strstr(at, "\n.")); at++) /* every line that begins with a dot is a request */
        if (strncmp(at + 2, "SH", 2) && strncmp(at + 2, "SS", 2) && strncmp(at + 2, "TP", 2) && strncmp(at + 2, "PP", 2) && strncmp(at + 2, "nf", 2) &&
            strncmp(at + 2, "fi", 2) && strncmp(at + 2, "RS", 2) && strncmp(at + 2, "RE", 2) && strncmp(at + 2, "nh", 2) && strncmp(at + 2, "ad", 2))
            fail_msg("%.40s", at + 1);
    assert_int_equal(runs(NULL, WORDS("reference", "--format", "man")), 0);
    assert_non_null(strstr(out, "\\fBeventbusctl\\-sqs\\fR(1)"));
    assert_non_null(strstr(out, ".SS test\\-pattern\n"));
    assert_int_equal(runs(NULL, WORDS("reference", "--format", "fields")), 0);
    assert_non_null(strstr(out, "events.PutRule\nevents.PutRule in PutRuleRequest.Name\n"));
    assert_non_null(strstr(out, "events.PutTargets in RetryPolicy.MaximumRetryAttempts\n"));
    assert_non_null(strstr(out, "events.PutRule out PutRuleResponse.RuleArn\n"));
    assert_int_equal(runs(NULL, WORDS("reference", "--format", "html")), 2);
    assert_string_equal(err, "busctl: reference: --format is markdown, man or fields, not 'html'\n");
    assert_int_equal(runs(NULL, WORDS("reference", "--format", "man", "--service", "nosuch")), 2);
    assert_int_equal(runs(NULL, WORDS("reference", "--service", "events")), 2);
}

static void endpoint_and_keys_come_from_the_data_directory(void **state) {
    (void)state;
    char dir[] = "/tmp/command_test.XXXXXX", endpoint[256], file[256];
    assert_non_null(mkdtemp(dir));
    snprintf(endpoint, sizeof endpoint, "ipc://%s/bus.sock", dir);
    snprintf(file, sizeof file, "%s/credentials", dir);
    const struct step *list = STEPS({"events.ListRules", NULL, "{}", 0, NULL});
    setenv("BUS_ENDPOINT", "tcp://elsewhere:1", 1);
    assert_int_equal(runs(list, WORDS("--data", dir, "list-rules")), 0);
    assert_string_equal(opened_endpoint, endpoint);
    assert_string_equal(opened_file, file);
    assert_int_equal(runs(list, WORDS("--data", dir, "list-rules", "--endpoint-url", "tcp://x:1")), 0);
    assert_string_equal(opened_endpoint, "tcp://x:1");
    setenv("BUS_DATA", dir, 1); /* weaker than BUS_ENDPOINT, which libbus reads */
    assert_int_equal(runs(list, WORDS("list-rules")), 0);
    assert_string_equal(opened_endpoint, "");
    assert_string_equal(opened_file, file);
    unsetenv("BUS_ENDPOINT");
    setenv("AWS_SHARED_CREDENTIALS_FILE", "/elsewhere", 1);
    assert_int_equal(runs(list, WORDS("list-rules")), 0);
    assert_string_equal(opened_endpoint, endpoint);
    assert_string_equal(opened_file, "");
    rmdir(dir);
}

/* ---- special verbs ------------------------------------------------------------------------------------------------------------ */

static void put_events_sends_ten_at_a_time(void **state) {
    (void)state;
    char path[] = "/tmp/command_test.XXXXXX", word[64];
    int fd = mkstemp(path);
    FILE *file = fdopen(fd, "w");
    for (int i = 0; i < 12; i++) fprintf(file, "{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":{\"n\":%d}}\n", i);
    fclose(file);
    snprintf(word, sizeof word, "file://%s", path);
    static const char ten[] = "{\"FailedEntryCount\":0,\"Entries\":[{\"EventId\":\"0\"},{\"EventId\":\"1\"},{\"EventId\":\"2\"},{"
                              "\"EventId\":\"3\"},{\"EventId\":\"4\"},"
                              "{\"EventId\":\"5\"},{\"EventId\":\"6\"},{\"EventId\":\"7\"},{\"EventId\":\"8\"},{\"EventId\":\"9\"}]}";
    static const char rest[] = "{\"Entries\":[{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":\"{\\\"n\\\":10}\"},{\"Source\":\"s\","
                               "\"DetailType\":\"t\",\"Detail\":\"{\\\"n\\\":11}\"}]}";
    static const char two[] = "{\"FailedEntryCount\":1,\"Entries\":[{\"EventId\":\"10\"},{\"ErrorCode\":\"ResourceNotFoundException\","
                              "\"ErrorMessage\":\"Event bus x does not exist.\"}]}";
    assert_int_equal(runs(STEPS({"events.PutEvents", NULL, ten, 0, NULL}, {"events.PutEvents", rest, two, 0, NULL}),
                          WORDS("put-events", "--entries", word, "--output", "json")),
                     3);
    assert_non_null(strstr(out, "\"FailedEntryCount\":1"));
    assert_non_null(strstr(out, "{\"EventId\":\"10\"},{\"ErrorCode\""));
    assert_string_equal(err, "busctl: put-events: entry 12: ResourceNotFoundException: Event bus x does not exist.\n");
    assert_int_equal(
        runs(STEPS({"events.PutEvents", NULL, ten, 0, NULL}, {"events.PutEvents", NULL, NULL, BUS_ERR_THROTTLING, "Rate exceeded"}),
             WORDS("put-events", "--entries", word)),
        3);
    assert_non_null(strstr(err, "entries 1 to 10 of 12 were put, entry 11 and those behind it were not"));
    assert_non_null(strstr(out, "EventId\n0\n"));
    assert_int_equal(runs(NULL, WORDS("put-events", "--entries", "[]")), 2);
    unlink(path);
}

static void failed_entries_are_refusals_and_no_is_one(void **state) {
    (void)state;
    assert_int_equal(
        runs(STEPS({"events.PutTargets", NULL,
                    "{\"FailedEntryCount\":1,\"FailedEntries\":[{\"TargetId\":\"1\",\"ErrorCode\":\"E\",\"ErrorMessage\":\"m\"}]}", 0,
                    NULL}),
             WORDS("put-targets", "--rule", "r", "--targets", "Id=1,Arn=a")),
        3);
    assert_string_equal(err, "busctl: put-targets: entry 1: E: m\n");
    assert_int_equal(runs(STEPS({"events.TestEventPattern", NULL, "{\"Result\":false}", 0, NULL}),
                          WORDS("test-event-pattern", "--event-pattern", "{}", "--event", "{}")),
                     1);
    assert_int_equal(runs(STEPS({"events.TestEventPattern", NULL, "{\"Result\":true}", 0, NULL}),
                          WORDS("test-event-pattern", "--event-pattern", "{}", "--event", "{}")),
                     0);
}

static void a_new_key_is_printed_as_a_section(void **state) {
    (void)state;
    const struct step *steps =
        STEPS({"bus.CreateAccessKey", "{\"AccountId\":\"111122223333\"}",
               "{\"AccessKey\":{\"AccountId\":\"111122223333\",\"AccessKeyId\":\"AKID\",\"SecretAccessKey\":\"s3cret\"}}", 0, NULL});
    assert_int_equal(runs(steps, WORDS("create-access-key", "--account-id", "111122223333")), 0);
    assert_non_null(strstr(out, "\n[111122223333]\naws_access_key_id = AKID\naws_secret_access_key = s3cret\nregion = "
                                "us-east-1\nbus_endpoint = ipc:///run/bus.sock\n"));
    assert_int_equal(runs(steps, WORDS("create-access-key", "--account-id", "111122223333", "--output=json")), 0);
    assert_int_equal(out[0], '{');
}

static void test_pattern_needs_no_daemon(void **state) {
    (void)state;
    char dir[] = "/tmp/command_test.XXXXXX", pattern[64], event[64], broken[64];
    static const char *const texts[] = {
        "{\"source\":[\"a\"]}",
        "{\"id\":\"1\",\"account\":\"1\",\"source\":\"%s\",\"time\":\"2026-01-01T00:00:00Z\",\"region\":\"r\",\"detail-type\":\"x\"}",
        "{\"source\":\"a\"}"};
    assert_non_null(mkdtemp(dir));
    snprintf(pattern, sizeof pattern, "%s/pattern", dir);
    snprintf(event, sizeof event, "%s/event", dir);
    snprintf(broken, sizeof broken, "%s/broken", dir);
    const char *const names[] = {pattern, event, broken};
    for (int wanted = 0; wanted < 2; wanted++) {
        for (int i = 0; i < 3; i++) {
            FILE *f = fopen(names[i], "w");
            if (i == 1)
                fprintf(f,
                        "{\"id\":\"1\",\"account\":\"1\",\"source\":\"%s\",\"time\":\"2026-01-01T00:00:00Z\",\"region\":\"r\",\"detail-"
                        "type\":\"x\"}",
                        wanted ? "b" : "a");
            else
                fputs(texts[i], f);
            fclose(f);
        }
        assert_int_equal(runs(NULL, WORDS("test-pattern", "--pattern", pattern, "--event", event)), wanted);
        assert_string_equal(out, wanted ? "no match\n" : "match\n");
    }
    assert_int_equal(runs(NULL, WORDS("test-pattern", "--pattern", broken, "--event", event)), 3);
    assert_non_null(strstr(err, "InvalidEventPatternException: Event pattern is not valid. Reason:"));
    assert_int_equal(runs(NULL, WORDS("test-pattern", "--pattern", pattern, "--event", pattern)), 3);
    assert_non_null(strstr(err, "Parameter Event is not valid."));
    assert_int_equal(runs(NULL, WORDS("test-pattern", "--pattern", pattern)), 2);
    assert_int_equal(runs(NULL, WORDS("test-pattern", "--patern", pattern)), 2);
    assert_int_equal(runs(NULL, WORDS("test-pattern", "--pattern", "/nowhere/x", "--event", event)), 2);
    for (int i = 0; i < 3; i++) unlink(names[i]);
    rmdir(dir);
}

/* ---- validate ----------------------------------------------------------------------------------------------------------------- */

static void put_file(const char *path, const char *text) {
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void validate_tells_every_mistake_of_every_file(void **state) {
    (void)state;
    static const char *const good =
        "accounts: {\"111122223333\": {buses: {default: {rules: {r: {pattern: {source: [a]}, targets: {t: {queue: q}}}}}}}}\n";
    static const char *const bad = "accounts:\n  \"111122223333\":\n    nmae: x\n    buses: {default: {rules: {ec2: {pattern: {detail: "
                                   "{state: [on, {prefx: s}]}}}}}}\n";
    char dir[] = "/tmp/validate_test.XXXXXX", a[64], b[64], c[64], wanted[1024];
    assert_non_null(mkdtemp(dir));
    snprintf(a, sizeof a, "%s/a.yaml", dir);
    snprintf(b, sizeof b, "%s/b.yml", dir);
    snprintf(c, sizeof c, "%s/c.txt", dir);
    put_file(a, good);
    assert_int_equal(runs(NULL, WORDS("validate", a)), 0);
    assert_string_equal(out, "");
    assert_string_equal(err, "");
    assert_int_equal(runs(NULL, WORDS("validate", "--region", "eu-west-1", dir)), 0);
    put_file(b, bad);
    put_file(c, bad); /* of another ending: not looked at */
    snprintf(wanted, sizeof wanted,
             "%s:3:5: accounts.111122223333.nmae: 'nmae' is not known here; did you mean name?\n"
             "%s:4:68: accounts.111122223333.buses.default.rules.ec2.pattern.detail.state[1]: Event pattern is not valid. Reason: "
             "Unrecognized match type prefx\n",
             b, b);
    assert_int_equal(runs(NULL, WORDS("validate", dir)), 3);
    assert_string_equal(out, wanted);
    assert_int_equal(runs(NULL, WORDS("validate", a, b)), 3);
    assert_string_equal(out, wanted);
    put_file(b, "a: [\x01\n");
    assert_int_equal(runs(NULL, WORDS("validate", b)), 3);
    snprintf(wanted, sizeof wanted, "%s:1:5: the control character U+0001 cannot stand in a text file; take it out, or write \"\\u0001\" in quotes\n",
             b);
    assert_string_equal(out, wanted);
    unlink(a);
    unlink(b);
    assert_int_equal(runs(NULL, WORDS("validate", dir)), 2); /* nothing to look at is no success */
    assert_non_null(strstr(err, "has no file that ends in .yaml, .yml, .json or .template"));
    unlink(c);
    rmdir(dir);
}

static void validate_counts_what_it_does_not_show(void **state) {
    (void)state;
    char path[] = "/tmp/validate_test.XXXXXX", line[80];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    for (int i = 0; i < 120; i++) {
        int n = snprintf(line, sizeof line, "x%d: 1\n", i);
        assert_int_equal(write(fd, line, (size_t)n), n);
    }
    close(fd);
    assert_int_equal(runs(NULL, WORDS("validate", path)), 3);
    snprintf(line, sizeof line, "%s: and 20 more\n", path);
    assert_non_null(strstr(out, line));
    unlink(path);
}

static void validate_is_used_with_files(void **state) {
    (void)state;
    assert_int_equal(runs(NULL, WORDS("validate")), 2);
    assert_non_null(strstr(err, "busctl: validate: which files? busctl validate FILE...\n"));
    assert_int_equal(runs(NULL, WORDS("validate", "--rules", "x")), 2);
    assert_non_null(strstr(err, "--rules is not known"));
    assert_int_equal(runs(NULL, WORDS("validate", "/nowhere/x.yaml")), 2);
    assert_non_null(strstr(err, "/nowhere/x.yaml"));
    assert_int_equal(runs(NULL, WORDS("validate", "--help")), 0);
    assert_non_null(strstr(out, "FILE..."));
    assert_int_equal(runs(NULL, WORDS("--help")), 0);
    assert_non_null(strstr(out, "validate"));
}

/* ---- generate ----------------------------------------------------------------------------------------------------------------- */

static char *template_file(const char *text) {
    static char path[] = "/tmp/generate-test-XXXXXX";
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    close(fd);
    return path;
}

static void generated_records_go_one_way_and_refusals_are_counted(void **state) {
    (void)state;
    char *path = template_file("{\"n\":{{sequence}}}\n");
    assert_int_equal(runs(STEPS({NULL, NULL, NULL, 0, NULL}), WORDS("generate", "--template", path, "--count", "2")), 0);
    assert_string_equal(out, "{\"n\":1}\n{\"n\":2}\n");
    assert_int_equal(runs(STEPS({"put", "{\"n\":1}", NULL, 0, NULL}, {"put", "{\"n\":2}", NULL, BUS_ERR_ACCESS_DENIED, "not you"}),
                          WORDS("generate", "--template", path, "--count", "2", "--source", "s", "--detail-type", "t")),
                     3);
    assert_string_equal(err, "1 accepted, 1 refused\nbusctl: generate: the first refusal: AccessDeniedException: not you\n");
    assert_int_equal(runs(STEPS({"kinesis.PutRecords",
                                 "{\"StreamName\":\"st\",\"Records\":[{\"PartitionKey\":\"k1\",\"Data\":\"eyJuIjoxfQ==\"}]}",
                                 "{\"FailedRecordCount\":0,\"Records\":[{\"SequenceNumber\":\"1\",\"ShardId\":\"s\"}]}", 0, NULL}),
                          WORDS("generate", "--template", path, "--count", "1", "--stream-name", "st", "--partition-key", "k{{sequence}}")),
                     0);
    assert_string_equal(err, "1 accepted, 0 refused\n");
    unlink(path);
    path = template_file("{\"Source\":\"s\",\"DetailType\":\"t\",\"Detail\":{\"n\":1}}");
    assert_int_equal(runs(STEPS({"put", "{\"n\":1}", NULL, 0, NULL}), WORDS("generate", "--template", path, "--count", "1", "--event-bus-name", "b")), 0);
    unlink(path);
    path = template_file("{{x}}");
    char wanted[256];
    snprintf(wanted, sizeof wanted, "busctl: generate: %s:1:1: there is no placeholder 'x'\n", path);
    assert_int_equal(runs(STEPS({NULL, NULL, NULL, 0, NULL}), WORDS("generate", "--template", path, "--count", "1")), 2);
    assert_string_equal(err, wanted);
    unlink(path);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(answers_are_tables_or_as_they_came, forget),
        cmocka_unit_test_setup(all_pages_are_asked_for_unless_one_was, forget),
        cmocka_unit_test_setup(refusals_are_told_with_a_hint, forget),
        cmocka_unit_test_setup(usage_errors_are_two, forget),
        cmocka_unit_test_setup(the_reference_has_three_forms, forget),
        cmocka_unit_test_setup(help_is_there_for_everything, forget),
        cmocka_unit_test_setup(endpoint_and_keys_come_from_the_data_directory, forget),
        cmocka_unit_test_setup(put_events_sends_ten_at_a_time, forget),
        cmocka_unit_test_setup(failed_entries_are_refusals_and_no_is_one, forget),
        cmocka_unit_test_setup(a_new_key_is_printed_as_a_section, forget),
        cmocka_unit_test_setup(test_pattern_needs_no_daemon, forget),
        cmocka_unit_test_setup(validate_tells_every_mistake_of_every_file, forget),
        cmocka_unit_test_setup(validate_counts_what_it_does_not_show, forget),
        cmocka_unit_test_setup(validate_is_used_with_files, forget),
        cmocka_unit_test_setup(generated_records_go_one_way_and_refusals_are_counted, forget),
    };
    int failed = cmocka_run_group_tests_name("busctl/command", tests, NULL, NULL);
    free(out);
    free(err);
    return failed;
}

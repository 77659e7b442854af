/* Records from templates: each placeholder, dates, mistakes with their place, and what a seed promises. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include <regex.h>
#include <stdlib.h>
#include <time.h>

#include "generator.h"
#include "placeholder.h"

#define T0 INT64_C(1767323045678) /* 2026-01-02T03:04:05.678Z, a Friday */

static char text[8192];

/* Into `text`: `count` records, each with a line end. */
static enum err make(const char *template, uint64_t seed, int count, struct fault *fault) {
    struct arena a;
    struct generator *g;
    struct buf out;
    arena_init(&a, 0);
    buf_init(&out, 0);
    fault_clear(fault);
    enum err err = generator_new(str_from(template), seed, &a, &g, fault);
    for (int i = 0; !err && i < count; i++) {
        generator_next(g, T0, &out);
        buf_addc(&out, '\n');
    }
    assert_true(str_copyz(text, sizeof text, buf_str(&out)));
    buf_fini(&out);
    arena_fini(&a);
    return err;
}

static void matches(const char *template, const char *pattern) {
    struct fault fault;
    regex_t regex;
    char whole[1024];
    snprintf(whole, sizeof whole, "^(%s\n){20}$", pattern);
    assert_int_equal(regcomp(&regex, whole, REG_EXTENDED | REG_NOSUB), 0);
    assert_int_equal(make(template, 42, 20, &fault), ERR_OK);
    if (regexec(&regex, text, 0, NULL, 0)) fail_msg("%s gave\n%snot %s", template, text, pattern);
    regfree(&regex);
}

static void every_placeholder_has_its_form(void **state) {
    (void)state;
    static const struct {
        const char *template, *pattern;
    } rows[] = {
        {"{{random.number(9)}}", "[0-9]"},
        {"{{random.number({\"min\":10,\"max\":12})}}", "1[0-2]"},
        {"{{random.number({\"min\":-3,\"max\":-1})}}", "-[1-3]"},
        {"{{random.number({\"max\":1,\"precision\":0.25})}}", "(0\\.00|0\\.25|0\\.50|0\\.75|1\\.00)"},
        {"{{random.float({\"min\":1,\"max\":2})}}", "(1\\.[0-9]{2}|2\\.00)"},
        {"{{random.arrayElement([\"a b\",7,true,{\"x\":[1]}])}}", "(a b|7|true|\\{\"x\":\\[1\\]\\})"},
        {"{{random.weightedArrayElement({\"weights\":[0,1,0],\"data\":[1,2,3]})}}", "2"},
        {"{{ random.boolean }}", "(true|false)"},
        {"{{random.uuid}} {{uuid}}", "[0-9a-f-]{14}4[0-9a-f]{3}-[89ab][0-9a-f-]{16} [0-9a-f-]{36}"},
        {"{{random.alphaNumeric(5)}}{{random.hexaDecimal(3)}}", "[0-9a-z]{5}[0-9a-f]{3}"},
        {"{{internet.ip}}", "[0-9]{1,3}(\\.[0-9]{1,3}){3}"},
        {"{{internet.ipv6}}", "2001:db8(:[0-9a-f]{1,4}){6}"},
        {"{{internet.mac}}", "[0-9a-f]{2}(:[0-9a-f]{2}){5}"},
        {"{{internet.port}}", "[0-9]{4,5}"},
        {"{{internet.userAgent}}", "(Mozilla|curl)/[0-9].*"},
        {"{{internet.email}}", "[a-z]+_[0-9]+@[a-z]+\\.example(\\.[a-z]+)?"},
        {"{{internet.url}}", "https://[a-z]+\\.example(\\.[a-z]+)?"},
        {"{{name.firstName}} {{name.lastName}}", "[A-Z][a-z]+ [A-Z][a-z]+"},
        {"{{phone.phoneNumber}}", "555-[0-9]{3}-[0-9]{4}"},
        {"{{address.zipCode}}", "[0-9]{5}"},
        {"{{address.latitude}},{{address.longitude}}", "-?[0-9]{1,2}\\.[0-9]{4},-?[0-9]{1,3}\\.[0-9]{4}"},
        {"{{commerce.price}}", "[0-9]{1,4}\\.[0-9]{2}"},
        {"{{lorem.sentence(3)}}", "[A-Z][a-z]+ [a-z]+ [a-z]+\\."},
        {"{\"a\":{{{random.arrayElement([\"\\\"b\\\":1\"])}}}}", "\\{\"a\":\\{\"b\":1\\}\\}"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) matches(rows[i].template, rows[i].pattern);
}

static void all_that_is_listed_works(void **state) {
    (void)state;
    const struct generator_name *known;
    size_t count = 0;
    for (; (known = generator_known(count)); count++) {
        struct fault fault;
        char template[200], first[100];
        const char * or = strstr(known->arguments, " or ");
        snprintf(first, sizeof first, "%.*s", or ? (int)(or -known->arguments) : (int)strlen(known->arguments), known->arguments);
        snprintf(template, sizeof template, "<{{%s%s}}>", known->name, first);
        assert_int_equal(make(template, 1, 1, &fault), ERR_OK);
        assert_true(strlen(text) > 3);
    }
    assert_true(count > 40);
}

static void dates_are_moments(void **state) {
    (void)state;
    static const struct {
        const char *format, *wanted;
        int64_t ms;
    } rows[] = {
        {"YYYY-MM-DDTHH:mm:ss.SSS[Z]", "2026-01-02T03:04:05.678Z", T0},
        {"DD/MMM/YYYY:HH:mm:ss Z", "02/Jan/2026:03:04:05 +00:00", T0},
        {"ZZ X x", "+0000 1767323045 1767323045678", T0},
        {"dddd, MMMM Do YY", "Friday, January 2nd 26", T0},
        {"ddd dd d D M", "Fri Fr 5 2 1", T0},
        {"h:mm A hh a", "3:04 AM 03 am", T0},
        {"h:m:s A, DDD DDDD", "12:0:0 AM, 1 001", 0},
        {"hA S SS", "12PM 0 00", INT64_C(43200000)},
        {"[at] HH", "at 03", T0},
        {"Do Do", "11th 11th", INT64_C(864000000)},
        {"Do", "23rd", INT64_C(1900800000)},
        {"[open", "[open", T0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct buf out;
        buf_init(&out, 0);
        placeholder_date(str_from(rows[i].format), rows[i].ms, true, &out);
        buf_addc(&out, 0);
        if (i + 1 < sizeof rows / sizeof rows[0]) assert_string_equal(out.p, rows[i].wanted);
        buf_fini(&out);
    }
    setenv("TZ", "XYZ-05:30", 1);
    tzset();
    struct fault fault;
    assert_int_equal(make("{{date.now(\"HH:mm Z ZZ\")}} {{date.utc('HH:mm')}} {{date.now(YYYY)}} {{date.utc}}", 1, 1, &fault), ERR_OK);
    assert_string_equal(text, "08:34 +05:30 +0530 03:04 2026 2026-01-02T03:04:05+00:00\n");
    unsetenv("TZ");
    tzset();
}

static void sequences_count_each_for_itself(void **state) {
    (void)state;
    struct fault fault;
    assert_int_equal(make("{{sequence}} {{sequence(10)}} {{sequence({\"start\":5,\"step\":-5})}}", 1, 3, &fault), ERR_OK);
    assert_string_equal(text, "1 10 5\n2 11 0\n3 12 -5\n");
}

static void the_same_seed_gives_the_same_records(void **state) {
    (void)state;
    struct fault fault;
    static char first[sizeof text];
    const char *template = "{{random.number}} {{uuid}} {{name.findName}} {{internet.ip}}";
    assert_int_equal(make(template, 9, 50, &fault), ERR_OK);
    memcpy(first, text, sizeof text);
    assert_int_equal(make(template, 9, 50, &fault), ERR_OK);
    assert_string_equal(text, first);
    assert_int_equal(make(template, 10, 50, &fault), ERR_OK);
    assert_string_not_equal(text, first);
}

static void weights_are_kept(void **state) {
    (void)state;
    struct fault fault;
    int count[2] = {0};
    for (uint64_t seed = 0; seed < 10; seed++) {
        assert_int_equal(make("{{random.weightedArrayElement({\"weights\":[0.9,0.1],\"data\":[0,1]})}}", seed, 1000, &fault), ERR_OK);
        for (const char *c = text; *c; c += 2) count[*c - '0']++;
    }
    assert_in_range(count[1], 850, 1150); /* 10,000 throws, p = 0.1: five standard deviations */
}

static void json_templates_become_one_line(void **state) {
    (void)state;
    struct fault fault;
    assert_int_equal(make("\n{\n    \"a\": {{sequence}},\r\n\t\"b\": \"x y\"\n}\n\n", 1, 1, &fault), ERR_OK);
    assert_string_equal(text, "{\"a\": 1,\"b\": \"x y\"}\n");
    assert_int_equal(make("{{sequence}},\n two\n", 1, 1, &fault), ERR_OK);
    assert_string_equal(text, "1,\n two\n");
}

static void mistakes_have_their_place(void **state) {
    (void)state;
    static const struct {
        const char *template;
        int line, column;
        const char *sentence;
    } rows[] = {
        {"", 1, 1, "the template is empty"},
        {" \n", 1, 1, "the template is empty"},
        {"\xff", 1, 1, "the template is not UTF-8"},
        {"a\nb {{random.numbr(5)}}", 2, 3, "there is no placeholder 'random.numbr', did you mean 'random.number'?"},
        {"{{xyzzy}}", 1, 1, "there is no placeholder 'xyzzy'"},
        {"{{}}", 1, 1, "a placeholder begins with a name: {{random.number(50)}}"},
        {"x{{uuid", 1, 2, "this placeholder is not closed by }}"},
        {"x{{uuid}", 1, 2, "this placeholder is not closed by }}"},
        {"{{random.number(5}}", 1, 16, "this parenthesis is not closed"},
        {"{{random.number({\"min\":})}}", 1, 16, "the argument is not JSON: unexpected token near '}'"},
        {"{{random.number(\"x\")}}", 1, 1, "a largest number, or {\"min\":0,\"max\":100}, is expected"},
        {"{{random.number({\"mix\":1})}}", 1, 1, "the numbers 'min', 'max' and 'precision' may be given, not 'mix'"},
        {"{{random.number({\"min\":2,\"max\":1})}}", 1, 1, "min is larger than max"},
        {"{{random.number({\"max\":1,\"precision\":0})}}", 1, 1, "precision must be larger than 0"},
        {"{{random.number(1e300)}}", 1, 1, "there are too many numbers between min and max"},
        {"{{uuid(3)}}", 1, 1, "uuid takes no argument"},
        {"{{random.arrayElement([])}}", 1, 1, "a list with at least one element is expected: [\"a\",\"b\"]"},
        {"{{random.arrayElement}}", 1, 1, "a list with at least one element is expected: [\"a\",\"b\"]"},
        {"{{random.weightedArrayElement({\"weights\":[1],\"data\":[1,2]})}}", 1, 1,
         "'weights' and 'data' must be lists of the same length"},
        {"{{random.weightedArrayElement({\"weights\":[-1],\"data\":[1]})}}", 1, 1, "a weight is a number from 0 up"},
        {"{{random.weightedArrayElement({\"weights\":[0],\"data\":[1]})}}", 1, 1, "the weights are all 0"},
        {"{{random.weightedArrayElement([1])}}", 1, 1, "{\"weights\":[0.8,0.2],\"data\":[\"a\",\"b\"]} is expected"},
        {"{{random.alphaNumeric(0)}}", 1, 1, "a length from 1 to 65,536 is expected"},
        {"{{date.now(5)}}", 1, 1, "a format is expected: \"YYYY-MM-DD HH:mm:ss\""},
        {"{{sequence({\"begin\":1})}}", 1, 1, "the whole numbers 'start' and 'step' may be given, not 'begin'"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct fault fault;
        assert_int_equal(make(rows[i].template, 1, 1, &fault), ERR_SYNTAX);
        assert_string_equal(fault.message, rows[i].sentence);
        assert_int_equal(fault.line, rows[i].line);
        assert_int_equal(fault.column, rows[i].column);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_placeholder_has_its_form),
        cmocka_unit_test(all_that_is_listed_works),
        cmocka_unit_test(dates_are_moments),
        cmocka_unit_test(sequences_count_each_for_itself),
        cmocka_unit_test(the_same_seed_gives_the_same_records),
        cmocka_unit_test(weights_are_kept),
        cmocka_unit_test(json_templates_become_one_line),
        cmocka_unit_test(mistakes_have_their_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* aws-quirks: the service's odd answers; and the same requests without them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "api_host.h"

static int setup_quirks(void **state) {
    int result = api_setup(state);
    host.settings.aws_quirks = 1;
    return result;
}

#define PUT "{'Entries':[{'Source':'s','DetailType':'t','Detail':'{}','EventBusName':'none'},{'Source':'s','DetailType':'t','Detail':'{}'}]}"
static void an_unknown_bus_takes_events_and_loses_them(void **state) {
    (void)state;
    WALK({A1, "PutEvents", PUT, OK, "...{'FailedEntryCount':0,"}, {A1, "PutEvents", "{'Entries':[{'Source':'s','Detail':'{}','EventBusName':'none'}]}", OK, "...'FailedEntryCount':1"});
    assert_int_equal(count_of("EventsLostByQuirk"), 1);
}

static void an_unknown_bus_is_an_error_otherwise(void **state) {
    (void)state;
    WALK({A1, "PutEvents", PUT, OK, NULL});
    ANSWERED("FailedEntryCount", "1");
    ANSWERED("Entries.0.ErrorCode", "ResourceNotFoundException");
    ANSWERED("Entries.0.ErrorMessage", "Event bus none does not exist.");
    assert_int_equal(answered("Entries.1.EventId").n, 36);
    assert_int_equal(count_of("EventsLostByQuirk"), 0);
}

#define SIX_TARGETS                                                                                                                                   \
    "{'Rule':'r','Targets':[{'Id':'1','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'},{'Id':'2','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'},"                   \
    "{'Id':'3','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'},{'Id':'4','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'},{'Id':'5','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'},"
#define SIXTH "{'Id':'6','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'}]}"
#define FIFTH "{'Id':'5','Arn':'arn:aws:sqs:us-east-1:" A1 ":q'}]}"
#define LIMIT "The requested resource exceeds the maximum number allowed."
static void schedules_and_quotas_are_the_clouds(void **state) {
    (void)state;
    WALK({A1, "CreateEventBus", "{'Name':'b'}", OK, NULL},
         {A1, "PutRule", "{'Name':'r','EventBusName':'b','ScheduleExpression':'rate(1 day)'}", ERR_VALIDATION, "ScheduleExpression is supported only on the default event bus."},
         {A1, "PutRule", "{'Name':'r','ScheduleExpression':'rate(1 day)'}", OK, NULL}, {A1, "PutTargets", SIX_TARGETS SIXTH, ERR_LIMIT, LIMIT},
         {A1, "PutTargets", SIX_TARGETS FIFTH, OK, "...'FailedEntryCount':0"});
    char request[128];
    for (int i = 0; i < 300; i++) {
        snprintf(request, sizeof request, "{'Name':'r%d','EventBusName':'b','EventPattern':'{\\'source\\':[\\'a\\']}'}", i);
        WALK({A1, "PutRule", request, OK, NULL});
    }
    WALK({A1, "PutRule", "{'Name':'more','EventBusName':'b','EventPattern':'{\\'source\\':[\\'a\\']}'}", ERR_LIMIT, LIMIT});
}

static void they_are_settings_otherwise(void **state) {
    (void)state;
    WALK({A1, "CreateEventBus", "{'Name':'b'}", OK, NULL}, {A1, "PutRule", "{'Name':'r','EventBusName':'b','ScheduleExpression':'rate(1 day)'}", OK, NULL},
         {A1, "PutRule", "{'Name':'r','ScheduleExpression':'rate(1 day)'}", OK, NULL}, {A1, "PutTargets", SIX_TARGETS SIXTH, OK, "...'FailedEntryCount':0"});
    host.settings.targets_per_rule = 5;
    WALK({A1, "PutTargets", SIX_TARGETS SIXTH, ERR_LIMIT, LIMIT});
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_unknown_bus_takes_events_and_loses_them, setup_quirks, api_teardown),
        cmocka_unit_test_setup_teardown(an_unknown_bus_is_an_error_otherwise, api_setup, api_teardown),
        cmocka_unit_test_setup_teardown(schedules_and_quotas_are_the_clouds, setup_quirks, api_teardown),
        cmocka_unit_test_setup_teardown(they_are_settings_otherwise, api_setup, api_teardown),
    };
    return cmocka_run_group_tests_name("api/quirks", tests, NULL, NULL);
}

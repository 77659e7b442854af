#include "partners.h"

#include "declare.h"

#define SOURCE_AWS "aws\\.partner(/[\\.\\-_A-Za-z0-9]+){2,}"
#define SOURCE_POSIX "^aws\\.partner(/[._A-Za-z0-9-]+){2,}$"

STRING(text, "String");
STRING(source_name, "EventSourceName", BETWEEN(1, 256), .pattern = SOURCE_AWS, .posix = SOURCE_POSIX);
STRING(source_prefix, "EventSourceNamePrefix", BETWEEN(1, 256), .pattern = "[/\\.\\-_A-Za-z0-9]+", .posix = "^[/._A-Za-z0-9-]+$");
STRING(partner_prefix, "PartnerEventSourceNamePrefix", BETWEEN(1, 256), .pattern = "aws\\.partner/[\\.\\-_A-Za-z0-9]+/[/\\.\\-_A-Za-z0-9]*",
       .posix = "^aws\\.partner/[._A-Za-z0-9-]+/[/._A-Za-z0-9-]*$");
STRING(account_id, "AccountId", BETWEEN(12, 12), .pattern = "\\d{12}", .posix = "^[0-9]{12}$");
STRING(next_token, "NextToken", BETWEEN(1, 2048));
INTEGER(limit, "LimitMax100", BETWEEN(1, 100));
INTEGER(count, "Integer");
static const struct shape timestamp = {.type = SHAPE_TIMESTAMP, .name = "Timestamp"};

#define PAGE_MEMBERS(type)                                                                  \
    MEMBER(type, next_token, "NextToken", &next_token, OPTIONAL, "from the answer before"), \
    MEMBER(type, limit, "Limit", &limit, OPTIONAL, "how many at most in one answer")
#define NEXT_MEMBER(type) MEMBER(type, next_token, "NextToken", &next_token, OPTIONAL, "there are more: ask with this")

/* ---- the partner's side --------------------------------------------------------------------------------------------------------- */

STRUCT(offer, "CreatePartnerEventSourceRequest", struct partners_offer,
       MEMBER(struct partners_offer, name, "Name", &source_name, REQUIRED, "the source: aws.partner/PARTNER/NAME"),
       MEMBER(struct partners_offer, account, "Account", &account_id, REQUIRED, "the customer's account"),
       MEMBER_END);
STRUCT(offer_answer, "CreatePartnerEventSourceResponse", struct partners_create_answer,
       MEMBER(struct partners_create_answer, arn, "EventSourceArn", &text, OPTIONAL, "the source's ARN"),
       MEMBER_END);
STRUCT(source_by_name, "EventSourceRequest", struct partners_source_name,
       MEMBER(struct partners_source_name, name, "Name", &source_name, REQUIRED, "the source"),
       MEMBER_END);
STRUCT(source, "PartnerEventSource", struct partners_source,
       MEMBER(struct partners_source, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct partners_source, name, "Name", &text, OPTIONAL, "the source"),
       MEMBER_END);
LIST(sources, "PartnerEventSourceList", source);
STRUCT(list_sources, "ListPartnerEventSourcesRequest", struct partners_list_sources,
       MEMBER(struct partners_list_sources, name_prefix, "NamePrefix", &partner_prefix, REQUIRED, "sources whose names begin so"),
       PAGE_MEMBERS(struct partners_list_sources),
       MEMBER_END);
STRUCT(list_sources_answer, "ListPartnerEventSourcesResponse", struct partners_list_sources_answer,
       MEMBER(struct partners_list_sources_answer, sources, "PartnerEventSources", &sources, OPTIONAL, "what this account offers"),
       NEXT_MEMBER(struct partners_list_sources_answer),
       MEMBER_END);
STRUCT(list_accounts, "ListPartnerEventSourceAccountsRequest", struct partners_list_accounts,
       MEMBER(struct partners_list_accounts, name, "EventSourceName", &source_name, REQUIRED, "the source"),
       PAGE_MEMBERS(struct partners_list_accounts),
       MEMBER_END);
STRUCT(account, "PartnerEventSourceAccount", struct partners_account,
       MEMBER(struct partners_account, account, "Account", &text, OPTIONAL, "the customer's account"),
       MEMBER(struct partners_account, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was offered"),
       MEMBER(struct partners_account, expires_ms, "ExpirationTime", &timestamp, OPTIONAL, "when the offer is over, while it is PENDING"),
       MEMBER(struct partners_account, state, "State", &text, OPTIONAL, "PENDING, ACTIVE or DELETED"),
       MEMBER_END);
LIST(accounts, "PartnerEventSourceAccountList", account);
STRUCT(list_accounts_answer, "ListPartnerEventSourceAccountsResponse", struct partners_list_accounts_answer,
       MEMBER(struct partners_list_accounts_answer, accounts, "PartnerEventSourceAccounts", &accounts, OPTIONAL, "who it is offered to"),
       NEXT_MEMBER(struct partners_list_accounts_answer),
       MEMBER_END);

STRING(resource, "EventResource", AT_MOST(2048));
LIST(resources, "EventResourceList", resource);
STRUCT(entry, "PutPartnerEventsRequestEntry", struct partners_entry,
       MEMBER(struct partners_entry, time_ms, "Time", &timestamp, OPTIONAL, "when it happened (now)"),
       MEMBER(struct partners_entry, source, "Source", &source_name, OPTIONAL, "the event source it comes from"),
       MEMBER(struct partners_entry, resources, "Resources", &resources, OPTIONAL, "ARNs of what it is about"),
       MEMBER(struct partners_entry, detail_type, "DetailType", &text, OPTIONAL, "what kind of event it is"),
       MEMBER(struct partners_entry, detail, "Detail", &text, OPTIONAL, "what happened: a JSON object as text"),
       MEMBER_END);
LIST(entries, "PutPartnerEventsRequestEntryList", entry, BETWEEN(1, 20));
STRUCT(put_events, "PutPartnerEventsRequest", struct partners_put_events,
       MEMBER(struct partners_put_events, entries, "Entries", &entries, REQUIRED, "the events"),
       MEMBER_END);
STRUCT(put_result, "PutPartnerEventsResultEntry", struct events_put_result,
       MEMBER(struct events_put_result, event_id, "EventId", &text, OPTIONAL, "the accepted event's id"),
       MEMBER(struct events_put_result, error_code, "ErrorCode", &text, OPTIONAL, "or why it was not accepted"),
       MEMBER(struct events_put_result, error_message, "ErrorMessage", &text, OPTIONAL, "the same as a sentence"),
       MEMBER_END);
LIST(put_results, "PutPartnerEventsResultEntryList", put_result);
STRUCT(put_events_answer, "PutPartnerEventsResponse", struct events_put_events_answer,
       MEMBER(struct events_put_events_answer, failed_count, "FailedEntryCount", &count, OPTIONAL, "how many were not accepted"),
       MEMBER(struct events_put_events_answer, entries, "Entries", &put_results, OPTIONAL, "one result for each entry, in order"),
       MEMBER_END);

/* ---- the customer's side ---------------------------------------------------------------------------------------------------------- */

STRUCT(event_source, "EventSource", struct partners_event_source,
       MEMBER(struct partners_event_source, arn, "Arn", &text, OPTIONAL, "its ARN"),
       MEMBER(struct partners_event_source, created_by, "CreatedBy", &text, OPTIONAL, "the partner's account"),
       MEMBER(struct partners_event_source, created_ms, "CreationTime", &timestamp, OPTIONAL, "when it was offered"),
       MEMBER(struct partners_event_source, expires_ms, "ExpirationTime", &timestamp, OPTIONAL, "when the offer is over, while it is PENDING"),
       MEMBER(struct partners_event_source, name, "Name", &text, OPTIONAL, "the source, and the name of the bus that takes its events"),
       MEMBER(struct partners_event_source, state, "State", &text, OPTIONAL, "PENDING, ACTIVE or DELETED"),
       MEMBER_END);
LIST(event_sources, "EventSourceList", event_source);
STRUCT(list_event_sources, "ListEventSourcesRequest", struct partners_list_sources,
       MEMBER(struct partners_list_sources, name_prefix, "NamePrefix", &source_prefix, OPTIONAL, "only sources whose names begin so"),
       PAGE_MEMBERS(struct partners_list_sources),
       MEMBER_END);
STRUCT(list_event_sources_answer, "ListEventSourcesResponse", struct partners_list_event_sources_answer,
       MEMBER(struct partners_list_event_sources_answer, sources, "EventSources", &event_sources, OPTIONAL, "what partners offer this account"),
       NEXT_MEMBER(struct partners_list_event_sources_answer),
       MEMBER_END);

/* ---- the table ---------------------------------------------------------------------------------------------------------------------- */

#define ROW(name_, in_, out_, access_, help_, example_)                                                                                   \
    {.service = "events", .name = (name_), .in = (in_), .out = (out_), .action = "events:" name_, .access = (access_), .help = (help_), \
     .example = (example_)}
#define CRM "aws.partner/crm.example/orders"

const struct operation partners_operations[] = {
    ROW("CreatePartnerEventSource", &offer, &offer_answer, ACCESS_WRITE, "Offers another account the events of a source.",
        "busctl create-partner-event-source --name " CRM " --account 111122223333"),
    ROW("DeletePartnerEventSource", &offer, NULL, ACCESS_WRITE, "Takes the offer back.",
        "busctl delete-partner-event-source --name " CRM " --account 111122223333"),
    ROW("DescribePartnerEventSource", &source_by_name, &source, ACCESS_READ, "Shows a source that this account offers.",
        "busctl describe-partner-event-source --name " CRM),
    ROW("ListPartnerEventSources", &list_sources, &list_sources_answer, ACCESS_READ, "Lists the sources that this account offers.",
        "busctl list-partner-event-sources --name-prefix aws.partner/crm.example/"),
    ROW("ListPartnerEventSourceAccounts", &list_accounts, &list_accounts_answer, ACCESS_READ, "Lists the accounts that a source is offered to.",
        "busctl list-partner-event-source-accounts --event-source-name " CRM),
    ROW("PutPartnerEvents", &put_events, &put_events_answer, ACCESS_DATA, "Puts events of this account's sources onto its customers' buses.",
        "busctl put-partner-events --entries Source=" CRM ",DetailType=Order,Detail='{\"id\":1}'"),
    ROW("DescribeEventSource", &source_by_name, &event_source, ACCESS_READ, "Shows a source that a partner offers this account.",
        "busctl describe-event-source --name " CRM),
    ROW("ListEventSources", &list_event_sources, &list_event_sources_answer, ACCESS_READ, "Lists the sources that partners offer this account.",
        "busctl list-event-sources"),
    ROW("ActivateEventSource", &source_by_name, NULL, ACCESS_WRITE, "Lets a source's events onto the bus of its name again.",
        "busctl activate-event-source --name " CRM),
    ROW("DeactivateEventSource", &source_by_name, NULL, ACCESS_WRITE, "Keeps a source's events from the bus of its name.",
        "busctl deactivate-event-source --name " CRM),
    {.name = NULL},
};

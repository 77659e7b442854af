#include "explanation.h"

#include "declare.h"

STRING(text, "String");
STRING(rule_name, "RuleName", BETWEEN(1, 64), .pattern = "[\\.\\-_A-Za-z0-9]+", .posix = "^[._A-Za-z0-9-]+$");
STRING(bus_name_or_arn, "EventBusNameOrArn", BETWEEN(1, 1600),
       .pattern = "(arn:aws[\\w-]*:events:[a-z]{2}-[a-z]+-[\\w-]+:[0-9]{12}:event-bus\\/)?[/\\.\\-_A-Za-z0-9]+",
       .posix = "^(arn:aws[A-Za-z0-9_-]*:events:[A-Za-z0-9_-]+:[0-9]{12}:event-bus/)?[/._A-Za-z0-9-]+$");
STRING(pattern, "EventPattern", AT_MOST(65536));
STRING(event, "ExplainedEvent", BETWEEN(1, 4194304));
INTEGER(closest, "Closest", BETWEEN(0, 100));
INTEGER(count, "Integer");
static const struct shape boolean = {.type = SHAPE_BOOLEAN, .name = "Boolean"};

STRUCT(field, "ExplainedField", struct events_explained_field,
       MEMBER(struct events_explained_field, path, "Path", &text, OPTIONAL, "the field, its keys joined with dots"),
       MEMBER(struct events_explained_field, matched, "Matched", &boolean, OPTIONAL, "whether it matched by itself"),
       MEMBER(struct events_explained_field, code, "Code", &text, OPTIONAL,
              "Matched, NoField, NoValue, WrongType, WrongValue, Excluded or NotAbsent"),
       MEMBER(struct events_explained_field, wanted, "Wanted", &text, OPTIONAL, "what the pattern wants there"),
       MEMBER(struct events_explained_field, had, "Had", &text, OPTIONAL, "what the event has there"),
       MEMBER(struct events_explained_field, at, "At", &text, OPTIONAL, "where in the event the value stands that is told of"),
       MEMBER(struct events_explained_field, hint, "Hint", &text, OPTIONAL, "the nearest miss"),
       MEMBER_END);
LIST(fields, "ExplainedFieldList", field);
STRUCT(branch, "ExplainedBranch", struct events_explained_branch,
       MEMBER(struct events_explained_branch, number, "Number", &count, OPTIONAL, "which combination of $or branches, from 1"),
       MEMBER(struct events_explained_branch, matched, "Matched", &boolean, OPTIONAL, "whether it matched"),
       MEMBER(struct events_explained_branch, conflict, "Conflict", &text, OPTIONAL,
              "why all fields match, but not together: in which array elements they do"),
       MEMBER(struct events_explained_branch, field_count, "FieldCount", &count, OPTIONAL, "how many fields it has"),
       MEMBER(struct events_explained_branch, fields, "Fields", &fields, OPTIONAL, "its fields; of very many those that fail"),
       MEMBER_END);
LIST(branches, "ExplainedBranchList", branch);
static const struct member explanation_members[] = {
    MEMBER(struct events_explanation, matched, "Matched", &boolean, OPTIONAL, "whether the pattern takes the event"),
    MEMBER(struct events_explanation, reason, "Reason", &text, OPTIONAL, "the one line why not"),
    MEMBER(struct events_explanation, branch_count, "BranchCount", &count, OPTIONAL, "how many combinations of $or branches there are"),
    MEMBER(struct events_explanation, branches, "Branches", &branches, OPTIONAL, "the one that matched, then the closest ones"),
    MEMBER_END};
const struct shape explanation_shape = {
    .type = SHAPE_STRUCT, .name = "Explanation", .size = sizeof(struct events_explanation), .members = explanation_members};

#define FILLED_DOC "envelope fields that were missing and were filled as PutEvents fills them"
STRUCT(explain_rule, "ExplainRuleRequest", struct events_explain_rule,
       MEMBER(struct events_explain_rule, rule, "Rule", &rule_name, OPTIONAL, "the rule; or give a pattern"),
       MEMBER(struct events_explain_rule, bus, "EventBusName", &bus_name_or_arn, OPTIONAL, "name or ARN of the rule's bus (default)"),
       MEMBER(struct events_explain_rule, pattern, "EventPattern", &pattern, OPTIONAL, "a pattern instead of a rule: JSON"),
       MEMBER(struct events_explain_rule, event, "Event", &event, REQUIRED, "an event, or an entry as in PutEvents: JSON"),
       MEMBER_END);
STRUCT(explain_rule_answer, "ExplainRuleResponse", struct events_explain_rule_answer,
       MEMBER(struct events_explain_rule_answer, result, "Result", &boolean, OPTIONAL, "whether they match"),
       MEMBER(struct events_explain_rule_answer, rule_arn, "RuleArn", &text, OPTIONAL, "the rule's ARN"),
       MEMBER(struct events_explain_rule_answer, state, "State", &text, OPTIONAL, "a disabled rule takes no event"),
       MEMBER(struct events_explain_rule_answer, filled, "Filled", &text, OPTIONAL, FILLED_DOC),
       MEMBER(struct events_explain_rule_answer, explanation, "Explanation", &explanation_shape, OPTIONAL, "field by field"),
       MEMBER_END);

STRUCT(matching_rule, "MatchingRule", struct events_matching_rule,
       MEMBER(struct events_matching_rule, name, "Name", &text, OPTIONAL, "the rule"),
       MEMBER(struct events_matching_rule, state, "State", &text, OPTIONAL, "a disabled rule takes no event"),
       MEMBER_END);
LIST(matching_rules, "MatchingRuleList", matching_rule);
STRUCT(close_rule, "CloseRule", struct events_close_rule,
       MEMBER(struct events_close_rule, name, "Name", &text, OPTIONAL, "the rule"),
       MEMBER(struct events_close_rule, state, "State", &text, OPTIONAL, "ENABLED or DISABLED"),
       MEMBER(struct events_close_rule, reason, "Reason", &text, OPTIONAL, "why it does not match"),
       MEMBER(struct events_close_rule, distance, "Distance", &count, OPTIONAL, "0 to 1000: how far from a match"),
       MEMBER_END);
LIST(close_rules, "CloseRuleList", close_rule);
STRUCT(explain_event, "ExplainEventRequest", struct events_explain_event,
       MEMBER(struct events_explain_event, event, "Event", &event, REQUIRED, "an event, or an entry as in PutEvents: JSON"),
       MEMBER(struct events_explain_event, bus, "EventBusName", &bus_name_or_arn, OPTIONAL, "name or ARN of the bus (default)"),
       MEMBER(struct events_explain_event, closest, "Closest", &closest, OPTIONAL, "how many rules that do not match to tell of (5)"),
       MEMBER_END);
STRUCT(explain_event_answer, "ExplainEventResponse", struct events_explain_event_answer,
       MEMBER(struct events_explain_event_answer, result, "Result", &boolean, OPTIONAL, "whether a rule matches"),
       MEMBER(struct events_explain_event_answer, matched_count, "MatchedCount", &count, OPTIONAL, "how many rules match"),
       MEMBER(struct events_explain_event_answer, rules_examined, "RulesExamined", &count, OPTIONAL,
              "how many rules with a pattern were asked within the time there is"),
       MEMBER(struct events_explain_event_answer, rule_count, "RuleCount", &count, OPTIONAL, "how many rules with a pattern there are"),
       MEMBER(struct events_explain_event_answer, filled, "Filled", &text, OPTIONAL, FILLED_DOC),
       MEMBER(struct events_explain_event_answer, matched, "Matched", &matching_rules, OPTIONAL, "the rules that match, at most 1,000"),
       MEMBER(struct events_explain_event_answer, closest, "Closest", &close_rules, OPTIONAL, "the others, the closest first"),
       MEMBER_END);

#define ROW(name_, in_, out_, help_, example_) \
    {.service = "events", .name = (name_), .in = (in_), .out = (out_), .action = "events:" name_, .access = ACCESS_READ, .help = (help_),\
     .example = (example_)}

const struct operation explain_operations[] = {
    ROW("ExplainRule", &explain_rule, &explain_rule_answer, "Explains, field by field, why a rule or a pattern matches an event or not.",
        "busctl explain-rule --rule orders --event file://event.json"),
    ROW("ExplainEvent", &explain_event, &explain_event_answer,
        "Tells which rules of a bus match an event and, of the closest others, the reason why not.",
        "busctl explain-event --event file://event.json --closest 3"),
    {.name = NULL},
};

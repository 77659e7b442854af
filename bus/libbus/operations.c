/* The typed forms of the most used operations: a request in JSON, bus_call, a look at the answer. */
#include <stdlib.h>

#include "answer.h"
#include "client.h"
#include "json.h"

/* A request being written. */
struct form {
    struct buf text;
    struct json json;
    bool bad_text; /* a string is not UTF-8 */
};

static void form_begin(struct form *f) {
    buf_init(&f->text, WIRE_FRAME_MAX);
    json_init(&f->json, &f->text);
    f->bad_text = false;
    json_object_begin(&f->json);
}

static void form_text(struct form *f, const char *key, const char *value) {
    if (!value) return;
    if (!str_is_utf8(str_from(value))) f->bad_text = true;
    else json_key_str(&f->json, key, str_from(value));
}

/* Sends what was written, and frees it. */
static enum bus_err form_call(struct form *f, struct bus *bus, const char *operation, char **answer, struct bus_fault *fault) {
    json_object_end(&f->json);
    buf_addc(&f->text, 0);
    enum bus_err err;
    if (f->bad_text) err = client_fail(fault, ERR_USAGE, "%s: a text is not UTF-8", operation);
    else if (f->text.failed) err = client_fail(fault, ERR_NOMEM, NULL);
    else err = bus_call(bus, operation, f->text.p, answer, fault);
    buf_fini(&f->text);
    return err;
}

static enum bus_err form_call_for(struct form *f, struct bus *bus, const char *operation, const char *member, char **value, struct bus_fault *fault) {
    char *answer = NULL;
    if (value) *value = NULL;
    enum bus_err err = form_call(f, bus, operation, value ? &answer : NULL, fault);
    if (err || !value) return err;
    struct fault detail;
    enum err read = answer_string(answer, member, value, &detail);
    free(answer);
    return client_fault(fault, &detail, read);
}

static enum bus_err form_call_entries(struct form *f, struct bus *bus, const char *operation, struct bus_fault *fault) {
    char *answer = NULL;
    enum bus_err err = form_call(f, bus, operation, &answer, fault);
    if (err) return err;
    struct fault detail;
    enum err read = answer_failed_entries(answer, "TargetId", &detail);
    free(answer);
    return client_fault(fault, &detail, read);
}

enum bus_err bus_create_event_bus(struct bus *bus, const char *name, char **arn, struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "Name", name);
    return form_call_for(&f, bus, "events.CreateEventBus", "EventBusArn", arn, fault);
}

enum bus_err bus_delete_event_bus(struct bus *bus, const char *name, struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "Name", name);
    return form_call(&f, bus, "events.DeleteEventBus", NULL, fault);
}

enum bus_err bus_put_rule(struct bus *bus, const struct bus_rule *rule, char **arn, struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "Name", rule->name);
    form_text(&f, "EventBusName", rule->bus_name);
    form_text(&f, "EventPattern", rule->event_pattern);
    form_text(&f, "ScheduleExpression", rule->schedule);
    form_text(&f, "Description", rule->description);
    form_text(&f, "State", rule->disabled ? "DISABLED" : "ENABLED");
    return form_call_for(&f, bus, "events.PutRule", "RuleArn", arn, fault);
}

static enum bus_err rule_call(struct bus *bus, const char *operation, const char *bus_name, const char *rule, struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "Name", rule);
    form_text(&f, "EventBusName", bus_name);
    return form_call(&f, bus, operation, NULL, fault);
}

enum bus_err bus_delete_rule(struct bus *bus, const char *bus_name, const char *rule, struct bus_fault *fault) {
    return rule_call(bus, "events.DeleteRule", bus_name, rule, fault);
}
enum bus_err bus_enable_rule(struct bus *bus, const char *bus_name, const char *rule, struct bus_fault *fault) {
    return rule_call(bus, "events.EnableRule", bus_name, rule, fault);
}
enum bus_err bus_disable_rule(struct bus *bus, const char *bus_name, const char *rule, struct bus_fault *fault) {
    return rule_call(bus, "events.DisableRule", bus_name, rule, fault);
}

static void write_target(struct form *f, const struct bus_target *t) {
    json_object_begin(&f->json);
    form_text(f, "Id", t->id);
    form_text(f, "Arn", t->arn);
    form_text(f, "Input", t->input);
    form_text(f, "InputPath", t->input_path);
    if (t->input_transformer && !str_is_utf8(str_from(t->input_transformer))) {
        f->bad_text = true;
    } else if (t->input_transformer) {
        json_key(&f->json, STR("InputTransformer"));
        json_raw(&f->json, str_from(t->input_transformer));
    }
    if (t->dead_letter_arn) {
        json_key(&f->json, STR("DeadLetterConfig"));
        json_object_begin(&f->json);
        form_text(f, "Arn", t->dead_letter_arn);
        json_object_end(&f->json);
    }
    json_object_end(&f->json);
}

enum bus_err bus_put_targets(struct bus *bus, const char *bus_name, const char *rule, const struct bus_target *targets, size_t count,
                             struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "Rule", rule);
    form_text(&f, "EventBusName", bus_name);
    json_key(&f.json, STR("Targets"));
    json_array_begin(&f.json);
    for (size_t i = 0; i < count; i++) write_target(&f, &targets[i]);
    json_array_end(&f.json);
    return form_call_entries(&f, bus, "events.PutTargets", fault);
}

enum bus_err bus_remove_targets(struct bus *bus, const char *bus_name, const char *rule, const char *const *ids, size_t count,
                                struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "Rule", rule);
    form_text(&f, "EventBusName", bus_name);
    json_key(&f.json, STR("Ids"));
    json_array_begin(&f.json);
    for (size_t i = 0; i < count; i++) {
        if (!ids[i] || !str_is_utf8(str_from(ids[i]))) f.bad_text = true;
        else json_str(&f.json, str_from(ids[i]));
    }
    json_array_end(&f.json);
    return form_call_entries(&f, bus, "events.RemoveTargets", fault);
}

enum bus_err bus_put_permission(struct bus *bus, const char *bus_name, const char *statement_id, const char *principal, struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "EventBusName", bus_name);
    form_text(&f, "StatementId", statement_id);
    form_text(&f, "Principal", principal);
    form_text(&f, "Action", "events:PutEvents");
    return form_call(&f, bus, "events.PutPermission", NULL, fault);
}

enum bus_err bus_remove_permission(struct bus *bus, const char *bus_name, const char *statement_id, struct bus_fault *fault) {
    struct form f;
    form_begin(&f);
    form_text(&f, "EventBusName", bus_name);
    form_text(&f, "StatementId", statement_id);
    return form_call(&f, bus, "events.RemovePermission", NULL, fault);
}

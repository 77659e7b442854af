/* The types of resources, their names, and what Ref and Fn::GetAtt give of them. */
#include <stdio.h>

#include "hash.h"
#include "nearest.h"
#include "template_state.h"

/* ---- types ----------------------------------------------------------------------------------------------- */
static const struct template_type types[] = {
    {"AWS::Events::EventBus", "EventBus", "Name", 256, false, template_load_bus},
    {"AWS::Events::EventBusPolicy", "EventBusPolicy", NULL, 64, false, template_load_bus_policy},
    {"AWS::Events::Rule", "Rule", "Name", 64, false, template_load_rule},
    {"AWS::Events::Archive", "Archive", "ArchiveName", 48, false, template_load_archive},
    {"AWS::Events::Connection", "Connection", "Name", 64, false, template_load_connection},
    {"AWS::Events::ApiDestination", "ApiDestination", "Name", 64, false, template_load_destination},
    {"AWS::SQS::Queue", "Queue", "QueueName", 80, false, template_load_queue},
    {"AWS::SQS::QueuePolicy", "QueuePolicy", NULL, 80, false, template_load_queue_policy},
    {"AWS::SNS::Topic", "Topic", "TopicName", 256, false, template_load_topic},
    {"AWS::SNS::Subscription", "Subscription", NULL, 256, false, template_load_subscription},
    {"AWS::SNS::TopicPolicy", "TopicPolicy", NULL, 256, false, template_load_topic_policy},
    {"AWS::Kinesis::Stream", "Stream", "Name", 128, false, template_load_stream},
    {"AWS::Logs::LogGroup", "LogGroup", "LogGroupName", 255, false, template_load_log_group},
    {"AWS::Lambda::Function", "Function", "FunctionName", 64, false, template_load_function},
    {"AWS::Serverless::Function", "Serverless::Function", "FunctionName", 64, false, template_load_function},
    {"AWS::Lambda::Permission", NULL, NULL, 100, true, NULL},
    /* What has no meaning here, but a name or an ARN that templates speak of. */
    {"AWS::IAM::Role", NULL, "RoleName", 64, false, NULL},
    {"AWS::IAM::User", NULL, "UserName", 64, false, NULL},
    {"AWS::S3::Bucket", NULL, "BucketName", 63, false, NULL},
    {"AWS::DynamoDB::Table", NULL, "TableName", 255, false, NULL},
    {"AWS::StepFunctions::StateMachine", NULL, "StateMachineName", 80, false, NULL},
    {"AWS::Serverless::StateMachine", NULL, "Name", 80, false, NULL},
    {"AWS::ECS::Cluster", NULL, "ClusterName", 255, false, NULL},
    {"AWS::CloudWatch::Alarm", NULL, "AlarmName", 255, false, NULL},
};
enum { TYPES = sizeof types / sizeof types[0] };

/* What SAM makes of a function's event: the same as the resource of that type. */
static const struct template_type event_rule = {"AWS::Events::Rule", NULL, "RuleName", 64, false, template_load_event},
                                  event_schedule = {"AWS::Events::Rule", NULL, "Name", 64, false, template_load_event};

const struct template_type *template_event_type(struct str type) {
    if (str_eqz(type, "EventBridgeRule") || str_eqz(type, "CloudWatchEvent")) return &event_rule;
    return str_eqz(type, "Schedule") ? &event_schedule : NULL;
}

const struct template_type *template_type_of(struct str name) {
    for (size_t i = 0; i < TYPES; i++)
        if (str_eqz(name, types[i].name)) return &types[i];
    return NULL;
}

const char *template_nearest_type(struct str name) {
    const char *best = NULL;
    size_t least = SIZE_MAX;
    for (size_t i = 0; i < TYPES; i++) {
        size_t distance = nearest_distance(name, str_from(types[i].name));
        if (distance < least) least = distance, best = types[i].name;
    }
    return least <= 3 ? best : NULL; /* all names are long and begin alike: few letters must differ */
}

/* ---- names ----------------------------------------------------------------------------------------------- */
struct str template_generated_name(struct template *t, struct str id, size_t max) {
    uint8_t digest[32];
    char hex[17];
    struct str name = arena_printf(t->arena, "%.*s-%.*s", STR_ARG(t->options->stack), STR_ARG(id));
    if (!name.p) t->no_memory = true;
    if (name.n <= max || !name.p) return name;
    hash_sha256(name, digest);
    hash_hex(digest, 4, hex);
    name = arena_printf(t->arena, "%.*s-%s", (int)max - 9, name.p, hex);
    if (!name.p) t->no_memory = true;
    return name;
}

struct str template_uuid(struct template *t, struct str kind, struct str name) {
    uint8_t digest[32];
    char text[ID_TEXT_SIZE];
    struct id id;
    const struct rulefile_options *o = t->options;
    struct str all = arena_printf(t->arena, "%.*s %.*s %.*s %.*s", STR_ARG(kind), STR_ARG(o->region), STR_ARG(o->account), STR_ARG(name));
    hash_sha256(all, digest);
    memcpy(id.b, digest, sizeof id.b);
    id.b[6] = (uint8_t)((id.b[6] & 0x0F) | 0x50); /* RFC 9562: version 5 says "from a name" */
    id.b[8] = (uint8_t)((id.b[8] & 0x3F) | 0x80);
    id_text(id, text);
    struct str uuid = arena_str(t->arena, str_from(text));
    if (!all.p || !uuid.p) t->no_memory = true;
    return uuid;
}

/* Absent: none was given, or it could not be worked out (told). */
static struct str given_name(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->type && r->type->name_property && r->written ? template_get(r->written, r->type->name_property) : NULL;
    if (!n) return STR_NULL;
    struct template_resource *before = t->current;
    t->current = r; /* what the name needs, the resource needs */
    struct ynode *v = template_value(t, n, r->node);
    t->current = before;
    return v ? template_text(t, v) : STR_NULL;
}

static bool is_fifo(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->written ? template_get(r->written, "FifoQueue") : NULL;
    if (!n && r->written) n = template_get(r->written, "FifoTopic");
    struct ynode *v = n ? template_value(t, n, r->node) : NULL;
    return v && !v->unknown && v->kind < YNODE_LIST && str_eq_nocase(v->text, STR("true"));
}

struct str template_name_of(struct template *t, struct template_resource *r) {
    if (r->name.p || r->naming) return r->name; /* a name that asks for itself: the ring is told when resources are ordered */
    r->naming = true;
    struct str name = given_name(t, r);
    size_t max = r->type ? r->type->name_max : TEMPLATE_NAME_MAX;
    if (!name.p) {
        bool fifo = is_fifo(t, r);
        name = template_generated_name(t, r->id, fifo ? max - 5 : max);
        if (fifo && name.p) name = arena_printf(t->arena, "%.*s.fifo", STR_ARG(name));
    }
    r->naming = false;
    r->name = name;
    return name;
}

/* ---- attributes ------------------------------------------------------------------------------------------ */
/* %r region, %a account, %n name, %b "BUS/" on a bus of its own, %u a UUID, %i logical id. An attribute "" is what Ref gives. */
static const struct {
    const char *type, *attribute, *form;
} attributes[] = {
    {"AWS::Events::EventBus", "Arn", "arn:aws:events:%r:%a:event-bus/%n"},
    {"AWS::Events::EventBus", "Name", "%n"},
    {"AWS::Events::EventBus", "Policy", ""},
    {"AWS::Events::Rule", "Arn", "arn:aws:events:%r:%a:rule/%b%n"},
    {"AWS::Events::Archive", "Arn", "arn:aws:events:%r:%a:archive/%n"},
    {"AWS::Events::Archive", "ArchiveName", "%n"},
    {"AWS::Events::Connection", "Arn", "arn:aws:events:%r:%a:connection/%n"},
    {"AWS::Events::Connection", "ArnForPolicy", "arn:aws:events:%r:%a:connection/%n"},
    {"AWS::Events::Connection", "SecretArn", "arn:aws:secretsmanager:%r:%a:secret:events!connection/%n"},
    {"AWS::Events::ApiDestination", "Arn", "arn:aws:events:%r:%a:api-destination/%n"},
    {"AWS::Events::ApiDestination", "ArnForPolicy", "arn:aws:events:%r:%a:api-destination/%n"},
    {"AWS::SQS::Queue", "", "https://sqs.%r.amazonaws.com/%a/%n"},
    {"AWS::SQS::Queue", "Arn", "arn:aws:sqs:%r:%a:%n"},
    {"AWS::SQS::Queue", "QueueName", "%n"},
    {"AWS::SQS::Queue", "QueueUrl", "https://sqs.%r.amazonaws.com/%a/%n"},
    {"AWS::SNS::Topic", "", "arn:aws:sns:%r:%a:%n"},
    {"AWS::SNS::Topic", "TopicArn", "arn:aws:sns:%r:%a:%n"},
    {"AWS::SNS::Topic", "TopicName", "%n"},
    {"AWS::SNS::Subscription", "", "arn:aws:sns:%r:%a:%n:%u"},
    {"AWS::SNS::Subscription", "Arn", "arn:aws:sns:%r:%a:%n:%u"},
    {"AWS::Kinesis::Stream", "Arn", "arn:aws:kinesis:%r:%a:stream/%n"},
    {"AWS::Kinesis::Stream", "StreamId", "%u"},
    {"AWS::Logs::LogGroup", "Arn", "arn:aws:logs:%r:%a:log-group:%n"},
    {"AWS::Lambda::Function", "Arn", "arn:aws:lambda:%r:%a:function:%n"},
    {"AWS::Serverless::Function", "Arn", "arn:aws:lambda:%r:%a:function:%n"},
    {"AWS::IAM::Role", "Arn", "arn:aws:iam::%a:role/%n"},
    {"AWS::IAM::User", "Arn", "arn:aws:iam::%a:user/%n"},
    {"AWS::S3::Bucket", "Arn", "arn:aws:s3:::%n"},
    {"AWS::S3::Bucket", "DomainName", "%n.s3.amazonaws.com"},
    {"AWS::DynamoDB::Table", "Arn", "arn:aws:dynamodb:%r:%a:table/%n"},
    {"AWS::StepFunctions::StateMachine", "", "arn:aws:states:%r:%a:stateMachine:%n"},
    {"AWS::StepFunctions::StateMachine", "Arn", "arn:aws:states:%r:%a:stateMachine:%n"},
    {"AWS::StepFunctions::StateMachine", "Name", "%n"},
    {"AWS::Serverless::StateMachine", "", "arn:aws:states:%r:%a:stateMachine:%n"},
    {"AWS::Serverless::StateMachine", "Arn", "arn:aws:states:%r:%a:stateMachine:%n"},
    {"AWS::Serverless::StateMachine", "Name", "%n"},
    {"AWS::ECS::Cluster", "Arn", "arn:aws:ecs:%r:%a:cluster/%n"},
    {"AWS::CloudWatch::Alarm", "Arn", "arn:aws:cloudwatch:%r:%a:alarm:%n"},
};
enum { ATTRIBUTES = sizeof attributes / sizeof attributes[0] };

/* "BUS/" of the rule's bus, from its name or ARN; nothing on the default bus. */
static void add_bus(struct template *t, struct template_resource *r, struct buf *out) {
    const struct ynode *n = r->written ? template_get(r->written, "EventBusName") : NULL;
    struct template_resource *before = t->current;
    t->current = r;
    struct ynode *v = n ? template_value(t, n, r->node) : NULL;
    t->current = before;
    if (!v || v->unknown || v->kind >= YNODE_LIST) return;
    struct str name = v->text;
    size_t slash = str_starts(name, STR("arn:")) ? str_find(name, '/', 0) : name.n;
    if (slash < name.n) name = str_skip(name, slash + 1);
    if (!str_eqz(name, "default")) buf_addf(out, "%.*s/", STR_ARG(name));
}

static struct str expand(struct template *t, struct template_resource *r, const char *form) {
    struct buf out;
    struct str name = template_name_of(t, r);
    if (!name.p) return STR_NULL;
    buf_init(&out, TEMPLATE_TEXT_MAX);
    for (const char *p = form; *p; p++) {
        if (*p != '%') {
            buf_addc(&out, *p);
            continue;
        }
        switch (*++p) {
        case 'r': buf_add(&out, t->options->region); break;
        case 'a': buf_add(&out, t->options->account); break;
        case 'b': add_bus(t, r, &out); break;
        case 'u': buf_add(&out, template_uuid(t, r->id, name)); break;
        case 'i': buf_add(&out, r->id); break;
        default: buf_add(&out, name); break;
        }
    }
    return template_keep(t, &out);
}

static const char *form_of(const struct template_type *type, struct str attribute) {
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (strcmp(type->name, attributes[i].type) == 0 && str_eqz(attribute, attributes[i].attribute)) return attributes[i].form;
    return NULL;
}

static void tell_attributes(struct template *t, const struct ynode *at, const struct template_type *type, struct str attribute) {
    struct buf known;
    buf_init(&known, 1000);
    for (size_t i = 0; i < ATTRIBUTES; i++)
        if (strcmp(type->name, attributes[i].type) == 0 && *attributes[i].attribute)
            buf_addf(&known, "%s%s", known.n ? ", " : "", attributes[i].attribute);
    problem_at(t->problems, at, "%s has no attribute '%.*s'%s%.*s", type->name, STR_ARG(attribute), known.n ? "; it has " : "",
               STR_ARG(buf_str(&known)));
    buf_fini(&known);
}

/* Of a type that nobody here knows: "AWS::Some::Thing" -> an ARN of the service "some" when it is asked for one, else words that tell it.
 */
static struct str other_attribute(struct template *t, struct template_resource *r, struct str attribute) {
    struct str type = template_text(t, template_get(r->node, "Type")), piece = STR_NULL, none;
    char service[64] = "aws";
    if (str_ends(attribute, STR("Arn"))) {
        for (int i = 0; i < 2 && str_cut(&type, ':', &piece); i++) str_cut(&type, ':', &none);
        if (piece.n && str_is_utf8(piece)) str_copyz(service, sizeof service, piece);
        for (char *p = service; *p; p++) *p = (char)(*p >= 'A' && *p <= 'Z' ? *p | 0x20 : *p == '%' ? '_' : *p);
        struct str form = arena_printf(t->arena, "arn:aws:%s:%%r:%%a:%%n", service);
        return form.p ? expand(t, r, form.p) : STR_NULL;
    }
    struct str name = template_name_of(t, r);
    if (!name.p || !attribute.n) return name;
    return arena_printf(t->arena, "%.*s.%.*s", STR_ARG(name), STR_ARG(attribute));
}

struct str template_attribute(struct template *t, const struct ynode *at, struct template_resource *r, struct str attribute) {
    const char *form = r->type ? form_of(r->type, attribute.p ? attribute : STR("")) : NULL;
    struct str text;
    if (form) {
        text = expand(t, r, form);
    } else if (!attribute.p && r->type) {
        text = template_name_of(t, r);
    } else if (r->type && r->type->load) {
        tell_attributes(t, at, r->type, attribute);
        return STR_NULL;
    } else {
        text = other_attribute(t, r, attribute.p ? attribute : STR(""));
    }
    if (text.p && !(r->type && r->type->load) && !map_put(&t->left_out, text, r, NULL)) t->no_memory = true;
    return text;
}

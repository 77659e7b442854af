/* Functions of templates: how Runtime, Handler and code become a command of this machine, and what SAM makes of their events.
 *
 *   Metadata: {Command: [program, ...]}     that command, as in a rule file
 *   python3.x, Handler file.function        python3 -c BOOTSTRAP file.function, in the code's directory
 *   nodejs20.x, Handler file.function       node -e BOOTSTRAP file.function, in the code's directory
 *
 * The bootstraps are workers: processes that stay, take an event a line, call the handler, and answer a line (targets/function). What the
 * handler prints goes to the daemon's log. Code in S3, images and other runtimes cannot be run: the function is left out, with a warning.
 */
#include "template_state.h"

enum { INLINE_CODE_MAX = 4000, FUNCTION_TIMEOUT_S = 3 };

#define PYTHON_CONTEXT                                                                                                                     \
    "class Context:\n"                                                                                                                     \
    "    function_name = os.environ['BUS_FUNCTION_NAME']\n"                                                                                \
    "    function_version = '$LATEST'\n"                                                                                                   \
    "    invoked_function_arn = os.environ['BUS_FUNCTION_ARN']\n"                                                                          \
    "    memory_limit_in_mb = os.environ['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']\n"                                                             \
    "    log_group_name = '/aws/lambda/' + function_name\n"                                                                                \
    "    log_stream_name = str(os.getpid())\n"                                                                                             \
    "    identity = client_context = None\n"                                                                                               \
    "    def __init__(self):\n"                                                                                                            \
    "        self.aws_request_id = str(uuid.uuid4())\n"                                                                                    \
    "        self.end = time.monotonic() + int(os.environ['AWS_LAMBDA_FUNCTION_TIMEOUT'])\n"                                               \
    "    def get_remaining_time_in_millis(self):\n"                                                                                        \
    "        return max(0, int((self.end - time.monotonic()) * 1000))\n"
#define PYTHON_LOOP                                                                                                                        \
    "for line in sys.stdin:\n"                                                                                                             \
    "    try:\n"                                                                                                                           \
    "        answer = json.dumps(handler(json.loads(line), Context()))\n"                                                                  \
    "    except Exception as e:\n"                                                                                                         \
    "        traceback.print_exc()\n"                                                                                                      \
    "        answer = json.dumps({'errorMessage': str(e) or type(e).__name__, 'errorType': type(e).__name__})\n"                           \
    "    print(answer, file=out, flush=True)\n"
#define PYTHON_BEGIN                                                                                                                       \
    "import importlib, json, os, sys, time, traceback, types, uuid\n"                                                                      \
    "out = os.fdopen(os.dup(1), 'w')\n"                                                                                                    \
    "os.dup2(2, 1)\n"
/* argv: -c, file.function */
static const char python_files[] = PYTHON_BEGIN "sys.path.insert(0, os.getcwd())\n"
                                                "module, _, name = sys.argv[1].rpartition('.')\n" PYTHON_CONTEXT
                                                "handler = getattr(importlib.import_module(module.replace('/', '.')), name)\n" PYTHON_LOOP;
/* argv: -c, file.function, code */
static const char python_inline[] =
    PYTHON_BEGIN "module, _, name = sys.argv[1].rpartition('.')\n" PYTHON_CONTEXT "code = types.ModuleType(module)\n"
                 "sys.modules[module] = code\n"
                 "exec(compile(sys.argv[2], module + '.py', 'exec'), code.__dict__)\n"
                 "handler = getattr(code, name)\n" PYTHON_LOOP;

#define NODE_BEGIN                                                                                                                         \
    "const fs = require('fs'), path = require('path'), url = require('url'), crypto = require('crypto'), env = process.env;\n"             \
    "const answer = process.stdout.write.bind(process.stdout);\n"                                                                          \
    "process.stdout.write = process.stderr.write.bind(process.stderr);\n"                                                                  \
    "console.log = console.info = console.debug = console.error;\n"                                                                        \
    "const dot = process.argv[1].lastIndexOf('.'), file = path.resolve(process.argv[1].slice(0, dot)), name = process.argv[1].slice(dot "  \
    "+ 1);\n"
#define NODE_LOOP                                                                                                                          \
    "const context = () => {\n"                                                                                                            \
    "  const end = Date.now() + 1000 * env.AWS_LAMBDA_FUNCTION_TIMEOUT;\n"                                                                 \
    "  return {functionName: env.BUS_FUNCTION_NAME, functionVersion: '$LATEST', invokedFunctionArn: env.BUS_FUNCTION_ARN,\n"               \
    "    memoryLimitInMB: env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE, awsRequestId: crypto.randomUUID(),\n"                                       \
    "    logGroupName: '/aws/lambda/' + env.BUS_FUNCTION_NAME, logStreamName: String(process.pid), callbackWaitsForEmptyEventLoop: "       \
    "true,\n"                                                                                                                              \
    "    getRemainingTimeInMillis: () => Math.max(0, end - Date.now())};\n"                                                                \
    "};\n"                                                                                                                                 \
    "const run = (handler, event) => new Promise((resolve, reject) => {\n"                                                                 \
    "  const result = handler(event, context(), (error, value) => error ? reject(error) : resolve(value));\n"                              \
    "  if (result && typeof result.then === 'function') result.then(resolve, reject);\n"                                                   \
    "  else if (handler.length < 3) resolve(result);\n"                                                                                    \
    "});\n"                                                                                                                                \
    "const main = async () => {\n"                                                                                                         \
    "  const handler = (await load())[name];\n"                                                                                            \
    "  if (typeof handler !== 'function') throw new Error('there is no function ' + name);\n"                                              \
    "  for await (const line of require('readline').createInterface({input: process.stdin})) {\n"                                          \
    "    let text;\n"                                                                                                                      \
    "    try {\n"                                                                                                                          \
    "      const value = await run(handler, JSON.parse(line));\n"                                                                          \
    "      text = JSON.stringify(value === undefined ? null : value);\n"                                                                   \
    "    } catch (e) {\n"                                                                                                                  \
    "      console.error(e);\n"                                                                                                            \
    "      text = JSON.stringify({errorMessage: String(e && e.message || e), errorType: e && e.name || 'Error'});\n"                       \
    "    }\n"                                                                                                                              \
    "    answer(text + '\\n');\n"                                                                                                          \
    "  }\n"                                                                                                                                \
    "};\n"                                                                                                                                 \
    "main().catch((e) => { console.error(e); process.exit(1); });\n"
static const char node_files[] =
    NODE_BEGIN "const load = async () => {\n"
               "  const found = ['.js', '.cjs', '.mjs'].map((end) => file + end).find((f) => fs.existsSync(f));\n"
               "  if (!found) throw new Error('there is no ' + file + '.js, .cjs or .mjs');\n"
               "  const module = await import(url.pathToFileURL(found));\n"
               "  return name in module ? module : module.default;\n"
               "};\n" NODE_LOOP;
static const char node_inline[] = NODE_BEGIN "const load = async () => {\n"
                                             "  const m = new (require('module'))(file + '.js');\n"
                                             "  m.paths = [];\n"
                                             "  m._compile(process.argv[2], file + '.js');\n"
                                             "  return m.exports;\n"
                                             "};\n" NODE_LOOP;

/* ---- code ------------------------------------------------------------------------------------------------ */
struct code {
    struct str directory; /* absent: inline */
    struct str inline_text;
    const struct ynode *at;
};

static struct str below(struct template *t, struct str path) {
    struct str dir = t->options->dir;
    while (path.n > 1 && path.p[path.n - 1] == '/') path.n--;
    if (!path.n || path.p[0] == '/' || !dir.n) return path;
    if (str_eqz(path, ".") || str_eqz(path, "./")) return dir;
    while (str_starts(path, STR("./"))) path = str_skip(path, 2);
    struct str full = arena_printf(t->arena, "%.*s/%.*s", STR_ARG(dir), STR_ARG(path));
    if (!full.p) t->no_memory = true;
    return full;
}

static bool is_elsewhere(struct str path) {
    return str_starts(path, STR("s3://")) || str_starts(path, STR("https://")) || str_ends(path, STR(".zip")) ||
           str_ends(path, STR(".jar"));
}

static void leave_out(struct template *t, struct template_resource *r, const struct ynode *at, const char *why) {
    problem_at(t->warnings, at ? at : r->properties,
               "the function %.*s is left out: %s; Metadata: {Command: [program, ...]} says what to run here", STR_ARG(r->id), why);
}

/* False: there is none that can be run, told. */
static bool find_code(struct template *t, struct template_resource *r, struct code *code) {
    const struct ynode *n = r->properties, *uri = template_get(n, "CodeUri"), *lambda = template_get(n, "Code"),
                       *text = template_get(n, "InlineCode");
    if (lambda && lambda->kind == YNODE_MAP && template_get(lambda, "ZipFile")) text = template_get(lambda, "ZipFile");
    *code = (struct code){.at = uri ? uri : text ? text : lambda};
    if (code->at && code->at->unknown) return false;
    if (text && !text->unknown) {
        code->inline_text = template_text(t, text);
        if (code->inline_text.n > INLINE_CODE_MAX)
            leave_out(t, r, text, "its code is too long to be given inline (4000 bytes); put it into a file");
        return code->inline_text.p && code->inline_text.n <= INLINE_CODE_MAX;
    }
    const struct ynode *path = uri && uri->kind < YNODE_LIST ? uri : lambda && lambda->kind < YNODE_LIST ? lambda : NULL;
    if (path && !is_elsewhere(path->text)) {
        code->directory = below(t, path->text);
        return code->directory.p;
    }
    leave_out(t, r, code->at, code->at ? "its code is no directory of this machine" : "it has no code");
    return false;
}

/* ---- the command ----------------------------------------------------------------------------------------- */
static void write_words(struct template_request *q, const char *program, const char *flags, const char *flag, const char *bootstrap,
                        struct str handler, struct str code) {
    json_key(&q->j, STR("Command"));
    json_array_begin(&q->j);
    json_str(&q->j, str_from(program));
    if (flags) json_str(&q->j, str_from(flags));
    json_str(&q->j, str_from(flag));
    json_str(&q->j, str_from(bootstrap));
    json_str(&q->j, handler);
    if (code.p) json_str(&q->j, code);
    json_array_end(&q->j);
}

/* Metadata: {Command, Mode}: as in a rule file. */
static bool write_own_command(struct template *t, struct template_request *q, const struct ynode *metadata) {
    struct ynode *v = metadata ? template_value(t, metadata, metadata->parent) : NULL;
    const struct ynode *command = v ? template_get(v, "Command") : NULL;
    bool first = true;
    if (!command || command->unknown) return false;
    json_key(&q->j, STR("Command"));
    json_array_begin(&q->j);
    for (const struct ynode *n = command->kind == YNODE_LIST ? command->child : command; n;
         n = command->kind == YNODE_LIST ? n->next : NULL) {
        struct str word = template_text(t, n);
        bool path = first && str_find(word, '/', 0) < word.n;
        if (word.p) json_str(&q->j, path ? below(t, word) : word);
        first = false;
    }
    json_array_end(&q->j);
    if (command->kind == YNODE_MAP || (command->kind == YNODE_LIST && !command->count))
        problem_at(t->problems, command, "a command is a list of the program and its arguments");
    template_member(q, "Mode", template_text(t, template_get(v, "Mode")));
    return true;
}

static bool write_command(struct template *t, struct template_request *q, struct template_resource *r) {
    const struct ynode *n = r->properties, *runtime = template_get(n, "Runtime"), *handler = template_get(n, "Handler");
    struct str kind = template_text(t, runtime), name = template_text(t, handler);
    struct code code;
    if (write_own_command(t, q, template_get(r->node, "Metadata"))) {
        const struct ynode *uri = template_get(n, "CodeUri");
        if (uri && uri->kind < YNODE_LIST && !uri->unknown && !is_elsewhere(uri->text))
            template_member(q, "WorkingDirectory", below(t, uri->text));
        return true;
    }
    bool python = str_starts(kind, STR("python3")), node = str_starts(kind, STR("nodejs"));
    if (runtime && runtime->unknown) return false;
    if (str_eqz(template_text(t, template_get(n, "PackageType")), "Image") || template_get(n, "ImageUri")) {
        leave_out(t, r, template_get(n, "ImageUri"), "it is a container image");
        return false;
    }
    if (!python && !node) {
        leave_out(t, r, runtime, runtime ? "its Runtime has no handler here (python3.x and nodejs have)" : "it has no Runtime");
        return false;
    }
    if (!find_code(t, r, &code)) return false;
    if (!name.p || str_find(name, '.', 0) == name.n) {
        if (!handler || !handler->unknown)
            problem_at(t->problems, handler ? handler : n,
                       "a Handler like app.handler is expected here: a file without its ending, a dot, and a function");
        return false;
    }
    bool is_inline = code.inline_text.p;
    if (python)
        write_words(q, "python3", "-B", "-c", is_inline ? python_inline : python_files, name, code.inline_text);
    else
        write_words(q, "node", NULL, "-e", is_inline ? node_inline : node_files, name, code.inline_text);
    json_key_str(&q->j, "Mode", STR("worker"));
    if (!is_inline) json_key_str(&q->j, "WorkingDirectory", code.directory);
    return true;
}

static void write_environment(struct template *t, struct template_request *q, struct template_resource *r, int64_t timeout_s) {
    const struct ynode *environment = template_get(r->properties, "Environment"), *memory = template_get(r->properties, "MemorySize"),
                       *variables = NULL;
    struct str megabytes = memory && !memory->unknown && memory->kind < YNODE_LIST ? memory->text : STR("128");
    if (environment && !environment->unknown) {
        struct template_request checked;
        template_begin(&checked);
        if (environment->kind == YNODE_MAP)
            template_write(t, &checked.j, environment, "Environment");
        else
            problem_at(t->problems, environment, "a mapping with Variables is expected here");
        buf_fini(&checked.out);
        variables = template_get(environment, "Variables");
        if (variables && !variables->unknown && variables->kind != YNODE_MAP)
            problem_at(t->problems, variables, "a mapping of names to texts is expected here");
    }
    json_key(&q->j, STR("Environment"));
    json_object_begin(&q->j);
    json_key(&q->j, STR("Variables"));
    json_object_begin(&q->j);
    for (const struct ynode *n = variables && variables->kind == YNODE_MAP ? variables->child : NULL; n; n = n->next) {
        struct str text = template_text(t, n);
        if (text.p) {
            json_key(&q->j, n->key);
            json_str(&q->j, text);
        }
    }
    json_key_str(&q->j, "AWS_REGION", t->options->region);
    json_key_str(&q->j, "AWS_DEFAULT_REGION", t->options->region);
    json_key_str(&q->j, "AWS_LAMBDA_FUNCTION_NAME", r->name);
    json_key_str(&q->j, "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", megabytes);
    json_key_str(&q->j, "AWS_LAMBDA_FUNCTION_TIMEOUT", arena_printf(t->arena, "%lld", (long long)timeout_s));
    json_object_end(&q->j);
    json_object_end(&q->j);
}

void template_load_function(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->properties, *timeout = template_get(n, "Timeout"),
                       *concurrency = template_get(n, "ReservedConcurrentExecutions");
    struct template_request q;
    int64_t seconds = FUNCTION_TIMEOUT_S, at_once = 0;
    template_begin(&q);
    template_member(&q, "FunctionName", r->name);
    template_write(t, &q.j, n, r->type->section);
    if (timeout && timeout->kind < YNODE_LIST && (!str_to_i64(timeout->text, &seconds) || seconds < 1))
        seconds = FUNCTION_TIMEOUT_S; /* told */
    if (!timeout) json_key_i64(&q.j, "Timeout", seconds);
    if (concurrency && template_number(t, concurrency, 0, 1000000, &at_once) && at_once)
        json_key_i64(&q.j, "Concurrency", at_once > 256 ? 256 : at_once);
    write_environment(t, &q, r, seconds);
    if (write_command(t, &q, r))
        template_declare(t, &q, "lambda.CreateFunction", "lambda.UpdateFunctionConfiguration", n,
                         arena_printf(t->arena, "function %.*s of account %.*s", STR_ARG(r->name), STR_ARG(t->options->account)));
    else
        buf_fini(&q.out);
}

/* ---- events of SAM functions ----------------------------------------------------------------------------- */
/* Enabled: false is State: DISABLED. */
static struct str event_state(struct template *t, const struct ynode *n) {
    const struct ynode *state = template_get(n, "State"), *enabled = template_get(n, "Enabled");
    bool on = true;
    struct str text = template_text(t, state);
    if (text.p && !str_eqz(text, "ENABLED") && !str_eqz(text, "DISABLED"))
        problem_at(t->problems, state, "ENABLED or DISABLED is expected here");
    if (!text.p && template_flag(t, enabled, &on)) return on ? STR("ENABLED") : STR("DISABLED");
    return text;
}

/* The dead-letter queue: one that is named, or one of its own. */
static struct str event_dead_letter(struct template *t, struct template_resource *r, const struct ynode *n) {
    const struct ynode *config = template_get(n, "DeadLetterConfig"), *type, *id;
    struct template_request q;
    if (!config || config->unknown) return STR_NULL;
    if (config->kind != YNODE_MAP) {
        problem_at(t->problems, config, "a mapping with Arn, or with Type: SQS, is expected here");
        return STR_NULL;
    }
    template_begin(&q);
    template_write(t, &q.j, config, "Event:DeadLetterConfig");
    buf_fini(&q.out);
    if (template_get(config, "Arn")) return template_text(t, template_get(config, "Arn"));
    type = template_get(config, "Type");
    id = template_get(config, "QueueLogicalId");
    if (!str_eqz(template_text(t, type), "SQS")) {
        problem_at(t->problems, type ? type : config, "Arn, or Type: SQS, is expected here");
        return STR_NULL;
    }
    struct str own = id ? template_text(t, id) : arena_printf(t->arena, "%.*sQueue", STR_ARG(r->id));
    struct str name = own.p ? template_generated_name(t, own, 80) : STR_NULL;
    if (!name.p) return STR_NULL;
    template_begin(&q);
    template_member(&q, "QueueName", name);
    template_member(&q, "QueueUrl", name);
    json_key(&q.j, STR("Attributes"));
    json_object_begin(&q.j);
    json_object_end(&q.j);
    template_declare(t, &q, "sqs.CreateQueue", "sqs.SetQueueAttributes", config,
                     arena_printf(t->arena, "queue %.*s of account %.*s", STR_ARG(name), STR_ARG(t->options->account)));
    return arena_printf(t->arena, "arn:aws:sqs:%.*s:%.*s:%.*s", STR_ARG(t->options->region), STR_ARG(t->options->account), STR_ARG(name));
}

static struct str target_id(struct template *t, struct template_resource *r, const struct ynode *n) {
    const struct ynode *target = template_get(n, "Target"), *id = target && target->kind == YNODE_MAP ? template_get(target, "Id") : NULL;
    if (target && !target->unknown && target->kind != YNODE_MAP) problem_at(t->problems, target, "a mapping with Id is expected here");
    struct str given = template_text(t, id);
    if (given.p) return given;
    given = arena_printf(t->arena, "%.*sLambdaTarget", STR_ARG(r->id)); /* as SAM names it */
    return given.n > 64 ? str_skip(given, given.n - 64) : given;
}

static void declare_target(struct template *t, struct template_resource *r, const char *section, struct str bus, struct str what) {
    struct template_request q;
    const struct ynode *n = r->properties;
    template_begin(&q);
    template_member(&q, "Rule", r->name);
    template_member(&q, "EventBusName", bus);
    json_key(&q.j, STR("Targets"));
    json_array_begin(&q.j);
    json_object_begin(&q.j);
    json_key_str(&q.j, "Id", target_id(t, r, n));
    json_key_str(&q.j, "Arn", template_attribute(t, r->node, r->owner, STR("Arn")));
    template_write(t, &q.j, n, section);
    struct str queue = event_dead_letter(t, r, n);
    if (queue.p) {
        json_key(&q.j, STR("DeadLetterConfig"));
        json_object_begin(&q.j);
        json_key_str(&q.j, "Arn", queue);
        json_object_end(&q.j);
    }
    json_object_end(&q.j);
    json_array_end(&q.j);
    template_declare(t, &q, "events.PutTargets", NULL, n, arena_printf(t->arena, "targets of %.*s", STR_ARG(what)));
}

void template_load_event(struct template *t, struct template_resource *r) {
    const struct ynode *n = r->properties, *bus_node = template_get(n, "EventBusName"), *pattern = template_get(n, "Pattern"),
                       *schedule = template_get(n, "Schedule");
    struct str type = template_text(t, template_get(r->node, "Type")), section = arena_printf(t->arena, "Event:%.*s", STR_ARG(type));
    struct str bus = bus_node ? template_text(t, bus_node) : STR("default");
    struct template_request q;
    if (!section.p) return;
    template_begin(&q);
    template_member(&q, "Name", r->name);
    template_member(&q, "EventBusName", bus);
    if (pattern) template_member(&q, "EventPattern", template_document(t, pattern));
    template_member(&q, "ScheduleExpression", template_text(t, schedule));
    template_member(&q, "State", event_state(t, n));
    template_member(&q, "Description", template_text(t, template_get(n, "Description")));
    template_check_rule(t, &(struct template_rule){.pattern = pattern, .schedule = template_text(t, schedule), .node = schedule});
    struct str what =
        arena_printf(t->arena, "rule %.*s on event bus %.*s of account %.*s", STR_ARG(r->name), STR_ARG(bus), STR_ARG(t->options->account));
    template_declare(t, &q, "events.PutRule", NULL, n, what);
    declare_target(t, r, section.p, bus, what);
}

/* put-rule: what looks wrong about the rule is told on stderr; the rule stands. */
#include "table.h"
#include "verb.h"

static const char *text_of(const json_t *object, const char *key) {
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : "";
}

static void tell(struct session *s, const json_t *warning) {
    struct buf line;
    buf_init(&line, 0);
    buf_addf(&line, "busctl: put-rule: %s: %s: ", text_of(warning, "Level"), text_of(warning, "Code"));
    table_text(str_from(text_of(warning, "Path")), false, &line);
    if (*text_of(warning, "Path")) buf_addz(&line, ": ");
    table_text(str_from(text_of(warning, "Message")), false, &line);
    fprintf(s->err, "%.*s\n", (int)line.n, line.p ? line.p : "");
    buf_fini(&line);
}

enum exit_code put_rule_run(struct session *s, const struct operation *operation, struct flags *flags) {
    char *text = NULL;
    json_t *answer = NULL, *warning;
    size_t i;
    enum exit_code code = session_open(s);
    if (!code) code = session_call(s, "events.PutRule", flags->request, 0, &answer, &text);
    if (!code) {
        json_array_foreach(json_object_get(answer, "Warnings"), i, warning) tell(s, warning);
        if (s->globals.output == OUTPUT_TABLE) json_object_del(answer, "Warnings"); /* none is fine */
        verb_print(s, operation, answer, text);
    }
    bus_free(text);
    json_decref(answer);
    return code;
}

/* create-access-key: for people the answer is a section that is ready for a shared-credentials file. */
#include "verb.h"

static const char *text_of(const json_t *key, const char *name) {
    const char *text = json_string_value(json_object_get(key, name));
    return text ? text : "";
}

enum exit_code create_access_key_run(struct session *s, const struct operation *operation, struct flags *flags) {
    char *text = NULL;
    json_t *answer = NULL;
    enum exit_code code = session_open(s);
    if (!code) code = session_call(s, "bus.CreateAccessKey", flags->request, 0, &answer, &text);
    if (!code && s->globals.output == OUTPUT_JSON) {
        verb_print(s, operation, answer, text);
    } else if (!code) {
        const json_t *key = json_object_get(answer, "AccessKey");
        fprintf(s->out,
                "# The secret is shown this once. Append this to ~/.aws/credentials (or $AWS_SHARED_CREDENTIALS_FILE), then: busctl "
                "--profile %s ...\n"
                "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\nregion = %s\nbus_endpoint = %s\n",
                text_of(key, "AccountId"), text_of(key, "AccountId"), text_of(key, "AccessKeyId"), text_of(key, "SecretAccessKey"),
                bus_region(s->bus), bus_endpoint(s->bus));
    }
    bus_free(text);
    json_decref(answer);
    return code;
}

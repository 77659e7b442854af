/* receive-message: waits as long as --wait-time-seconds says; --delete takes the messages off the queue once they are shown. */
#include "verb.h"

const struct extra receive_message_extras[] = {
    {"delete", NULL, "delete the messages once they are shown"},
    {NULL, NULL, NULL},
};
enum { EXTRA_DELETE };

static enum exit_code delete_all(struct session *s, const json_t *request, const json_t *answer) {
    size_t i;
    json_t *message;
    enum exit_code code = EXIT_CODE_DONE;
    if (fflush(s->out) || ferror(s->out)) return EXIT_CODE_REFUSED; /* what was not shown is not deleted; session_close tells */
    json_array_foreach(json_object_get(answer, "Messages"), i, message) {
        json_t *done = NULL, *one = json_pack("{s:O, s:O}", "QueueUrl", json_object_get(request, "QueueUrl"), "ReceiptHandle",
                                              json_object_get(message, "ReceiptHandle"));
        code = one ? session_call(s, "sqs.DeleteMessage", one, 0, &done, NULL)
                   : session_fail(s, "a message without a ReceiptHandle cannot be deleted");
        json_decref(done);
        json_decref(one);
        if (code) break;
    }
    return code;
}

enum exit_code receive_message_run(struct session *s, const struct operation *operation, struct flags *flags) {
    enum { WAIT_MOST_SECONDS = 200, MARGIN_MS = 15000 };
    char *text = NULL;
    json_t *answer = NULL;
    json_int_t wait = json_integer_value(json_object_get(flags->request, "WaitTimeSeconds"));
    int timeout_ms = (wait > 0 && wait < WAIT_MOST_SECONDS ? (int)wait * 1000 : 0) + MARGIN_MS;
    enum exit_code code = session_open(s);
    if (!code) code = session_call(s, "sqs.ReceiveMessage", flags->request, timeout_ms, &answer, &text);
    if (!code) verb_print(s, operation, answer, text);
    if (!code && flags->extra[EXTRA_DELETE]) code = delete_all(s, flags->request, answer);
    bus_free(text);
    json_decref(answer);
    return code;
}

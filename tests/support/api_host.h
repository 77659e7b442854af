/* The whole engine on a flow in memory (flow_host.h), asked as an account's key would: JSON in, JSON or AWS's sentence out. Included by one file of a
 * program. */
#ifndef SUPPORT_API_HOST_H
#define SUPPORT_API_HOST_H

#include "doc.h"
#include "engine.h"
#include "flow_host.h"

static struct api *api;
static struct caller *callers[3]; /* of A1, A2, A3 */

static int api_setup(void **state) {
    static const char *const accounts[] = {A1, A2, A3};
    struct fault fault;
    if (host_setup(state)) return -1;
    struct api_options options = {.flow = host.flow, .durability = STR("off"), .threads = 1};
    if (api_open(&options, &api, &fault)) return -1;
    for (int i = 0; i < 3; i++) {
        account(accounts[i]);
        callers[i] = caller_of(accounts[i]);
    }
    return 0;
}

static int api_teardown(void **state) {
    for (int i = 0; i < 3; i++) caller_release(callers[i]);
    api_close(api);
    clock_real();
    return host_teardown(state);
}

/* What a restart of the daemon is: on the same store. */
static inline void api_restart(void) {
    static const char *const accounts[] = {A1, A2, A3};
    struct fault fault;
    for (int i = 0; i < 3; i++) caller_release(callers[i]);
    api_close(api);
    host_reopen();
    struct api_options options = {.flow = host.flow, .durability = STR("off"), .threads = 1};
    assert_int_equal(api_open(&options, &api, &fault), ERR_OK);
    for (int i = 0; i < 3; i++) callers[i] = caller_of(accounts[i]);
}

static void api_host_done(struct api_call *x) {
    pthread_mutex_lock(&host_lock);
    *(bool *)x->ctx = true;
    pthread_cond_broadcast(&host_ended);
    pthread_mutex_unlock(&host_lock);
}

/* The answer's JSON, or the error's sentence, until the next call. Who: A1, A2, A3, or OPERATOR (the daemon itself, in account A1). */
#define OPERATOR "operator"
static char said[1 << 16];
static enum err ask(const char *who, const char *operation, const char *request) {
    if (strcmp(who, OPERATOR) == 0) {
        struct buf answer;
        struct fault fault;
        buf_init(&answer, 0);
        fault_clear(&fault);
        enum err err = api_run(api, STR(A1), str_from(operation), str_from(request), &answer, &fault);
        str_copyz(said, sizeof said, err ? str_from(fault.message) : buf_str(&answer));
        buf_fini(&answer);
        return err;
    }
    bool over = false;
    struct api_call x = {.caller = callers[who[0] - '1'], .operation = str_from(operation), .body = str_from(request), .done = api_host_done, .ctx = &over};
    buf_init(&x.answer, 0);
    fault_clear(&x.fault);
    api_call(api, &x);
    pthread_mutex_lock(&host_lock);
    while (!over) pthread_cond_wait(&host_ended, &host_lock);
    pthread_mutex_unlock(&host_lock);
    str_copyz(said, sizeof said, x.err ? str_from(x.fault.message) : buf_str(&x.answer));
    buf_fini(&x.answer);
    return x.err;
}

/* One step: as `who`. What is expected is the whole text, or with a leading "..." a part of it; NULL: whatever. ' stands for ". */
struct step {
    const char *who, *operation, *request;
    enum err err;
    const char *expected;
};

static inline void quoted(char *out, size_t size, const char *text) {
    assert_true(str_copyz(out, size, str_from(text)));
    for (char *at = out; *at; at++)
        if (*at == '\'') *at = '"';
}

static inline void walk(const struct step *steps) {
    static char request[8192], expected[8192];
    for (; steps->operation; steps++) {
        quoted(request, sizeof request, steps->request);
        enum err err = ask(steps->who, steps->operation, request);
        bool same = err == steps->err;
        if (same && steps->expected && err)
            same = strncmp(steps->expected, "...", 3) ? !strcmp(said, steps->expected) : strstr(said, steps->expected + 3) != NULL;
        else if (same && steps->expected) {
            quoted(expected, sizeof expected, steps->expected);
            same = strncmp(expected, "...", 3) ? !strcmp(said, expected) : strstr(said, expected + 3) != NULL;
        }
        if (!same)
            print_error("%s %s %s\n  got      %d %s\n  expected %d %s\n", steps->who, steps->operation, request, err, said, steps->err,
                        steps->expected ? steps->expected : "");
        assert_true(same);
    }
}
#define WALK(...) walk((const struct step[]){__VA_ARGS__, {NULL, NULL, NULL, ERR_OK, NULL}})
#define OK ERR_OK

/* A member of the last answer, by its path ("EventSources.0.State"); absent when it is not there. Until the test ends. */
static inline struct str answered(const char *path) {
    struct node *root;
    struct str rest = str_from(path), part, text = arena_str(&host.arena, str_from(said));
    assert_int_equal(doc_parse(&host.arena, text, &root, NULL), ERR_OK);
    const struct node *n = root;
    while (n && str_cut(&rest, '.', &part)) {
        int64_t index;
        if (n->kind == NODE_ARRAY && str_to_i64(part, &index)) {
            n = n->child;
            while (n && index-- > 0) n = n->next;
        } else {
            n = doc_get(n, part);
        }
    }
    return !n ? STR_NULL : n->text.p ? n->text : n->raw;
}
/* Asks for the next page of the last answer: the same request with its token. */
static inline void next_page(const char *who, const char *operation, const char *request, const char *token_out, const char *token_in) {
    static char next[8192];
    struct str token = answered(token_out);
    assert_true(token.n > 0);
    snprintf(next, sizeof next, "{'%s':'%.*s'%s%s", token_in, STR_ARG(token), request[1] == '}' ? "" : ",", request + 1);
    walk((const struct step[]){{who, operation, next, ERR_OK, NULL}, {NULL, NULL, NULL, ERR_OK, NULL}});
}
#define ANSWERED(path, value)                                                                                       \
    do {                                                                                                            \
        struct str got_ = answered(path);                                                                           \
        if (!str_eqz(got_, value)) fail_msg("%s is '%.*s', not '%s', in %s", path, STR_ARG(got_), value, said);     \
    } while (0)

#endif

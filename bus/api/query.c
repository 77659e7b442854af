/* AWS's query protocol (form parameters in, XML out), for the one operation that scripts ask of STS: who am I? */
#include "engine.h"
#include "hash.h"

#define STS_NAMESPACE "https://sts.amazonaws.com/doc/2011-06-15/"

static void add_xml(struct buf *out, struct str s) {
    for (size_t i = 0; i < s.n; i++) {
        switch (s.p[i]) {
        case '<': buf_addz(out, "&lt;"); break;
        case '>': buf_addz(out, "&gt;"); break;
        case '&': buf_addz(out, "&amp;"); break;
        case '"': buf_addz(out, "&quot;"); break;
        default:
            if ((unsigned char)s.p[i] >= 0x20 || s.p[i] == '\n' || s.p[i] == '\t') buf_addc(out, s.p[i]); /* XML 1.0 has no other */
        }
    }
}

static void add_element(struct buf *out, const char *name, struct str value) {
    buf_addf(out, "<%s>", name);
    add_xml(out, value);
    buf_addf(out, "</%s>", name);
}

/* The value of a form parameter, with its escapes undone, into `out`; false when it is not there. */
static bool parameter(struct str form, const char *name, struct buf *out) {
    struct str piece;
    while (str_cut(&form, '&', &piece)) {
        size_t equals = str_find(piece, '=', 0);
        if (!str_eqz(str_of(piece.p, equals), name)) continue;
        struct str value = str_skip(piece, equals + (equals < piece.n));
        for (size_t i = 0; i < value.n; i++) {
            char c = value.p[i] == '+' ? ' ' : value.p[i];
            if (c == '%' && i + 2 < value.n && hash_from_hex(str_of(value.p + i + 1, 2), &c, 1)) i += 2;
            buf_addc(out, c);
        }
        return true;
    }
    return false;
}

/* The query protocol's names of errors: without "Exception", and two of its own. */
static struct str code_of(enum err err) {
    if (err == ERR_UNKNOWN_KEY) return STR("InvalidClientTokenId");
    if (err == ERR_INVALID_SIGNATURE) return STR("SignatureDoesNotMatch");
    struct str type = str_from(err_row(err)->aws_type);
    if (str_ends(type, STR("Exception"))) type.n -= sizeof "Exception" - 1;
    return type;
}

int api_query_error(enum err err, const struct fault *fault, struct str request_id, struct buf *answer) {
    const struct err_row *row = err_row(err);
    buf_addz(answer, "<ErrorResponse xmlns=\"" STS_NAMESPACE "\"><Error>");
    add_element(answer, "Type", row->http_status < 500 ? STR("Sender") : STR("Receiver"));
    add_element(answer, "Code", code_of(err));
    add_element(answer, "Message", str_from(fault->message[0] ? fault->message : row->sentence));
    buf_addz(answer, "</Error>");
    add_element(answer, "RequestId", request_id);
    buf_addz(answer, "</ErrorResponse>\n");
    return row->http_status;
}

static void answer_identity(const struct caller *caller, struct str request_id, struct buf *answer) {
    buf_addz(answer, "<GetCallerIdentityResponse xmlns=\"" STS_NAMESPACE "\"><GetCallerIdentityResult>");
    add_element(answer, "Arn", caller->principal_arn);
    add_element(answer, "UserId", caller->key_id);
    add_element(answer, "Account", caller->account);
    buf_addz(answer, "</GetCallerIdentityResult><ResponseMetadata>");
    add_element(answer, "RequestId", request_id);
    buf_addz(answer, "</ResponseMetadata></GetCallerIdentityResponse>\n");
}

int api_query(struct api *api, struct caller *caller, struct str query, struct str form, struct str request_id, struct buf *answer) {
    struct fault fault;
    struct buf action;
    (void)api;
    fault_clear(&fault);
    buf_init(&action, 4096);
    bool found = parameter(form, "Action", &action) || parameter(query, "Action", &action);
    int status = 200;
    if (found && str_eqz(buf_str(&action), "GetCallerIdentity"))
        answer_identity(caller, request_id, answer);
    else if (found)
        status = api_query_error(fault_set(&fault, ERR_UNKNOWN_OPERATION, "Could not find operation %.*s for version 2011-06-15: GetCallerIdentity is the one there is.",
                                           (int)(action.n < 100 ? action.n : 100), action.p ? action.p : ""),
                                 &fault, request_id, answer);
    else
        status = api_query_error(fault_set(&fault, ERR_UNKNOWN_OPERATION, "There is neither an X-Amz-Target header (as in AWSEvents.PutEvents) nor an Action parameter."), &fault,
                                 request_id, answer);
    buf_fini(&action);
    return status;
}

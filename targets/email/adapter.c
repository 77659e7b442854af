/* The kind "email": a notification is a mail, handed over in a real SMTP conversation. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "hash.h"
#include "http/transfer.h"
#include "message.h"
#include "target.h"

enum { MESSAGE_MAX = 512 };

struct email {
    const struct target_host *host;
    struct transfer_loop *loop;
    char *url;  /* NULL: there is no relay */
    char *from; /* in angle brackets, as SMTP has it */
};

struct mail { /* one attempt under way */
    struct transfer transfer;
    struct attempt *attempt;
    struct curl_slist *to;
    struct buf text;
    size_t sent;
    char reply[256]; /* the server's last refusal */
};

static bool takes(struct str endpoint) { return str_starts(endpoint, STR("mailto:")); }

static void free_mail(struct mail *m) {
    if (m->transfer.easy) curl_easy_cleanup(m->transfer.easy);
    curl_slist_free_all(m->to);
    buf_fini(&m->text);
    free(m);
}

/* ---- outcomes ------------------------------------------------------------------------------------------------------------------- */

static size_t take_reply(char *bytes, size_t size, size_t count, void *ctx) {
    struct mail *m = ctx;
    size_t n = 0, given = size * count;
    if (given > 0 && bytes[0] != '4' && bytes[0] != '5') return given; /* the 221 after a refusal must not hide it */
    for (size_t i = 0; i < given && n < sizeof m->reply - 1; i++)
        if (bytes[i] != '\r' && bytes[i] != '\n') m->reply[n++] = bytes[i] >= ' ' && bytes[i] < 127 ? bytes[i] : '?';
    m->reply[n] = 0;
    return given;
}

/* The server's last reply code decides; without one, what libcurl met. */
static enum outcome outcome_of(CURLcode result, long code) {
    if (result == CURLE_OK) return OUTCOME_DELIVERED;
    if (result == CURLE_OPERATION_TIMEDOUT) return OUTCOME_TIMEOUT;
    if (result == CURLE_OUT_OF_MEMORY) return OUTCOME_INTERNAL_ERROR;
    if (result == CURLE_LOGIN_DENIED) return OUTCOME_NO_PERMISSIONS;
    if (code >= 400 && code < 500) return OUTCOME_THROTTLING;
    if (code >= 500 && code < 600) return OUTCOME_INVALID_PARAMETER;
    return OUTCOME_CONNECTION_FAILURE;
}

static void finished(struct transfer *t, enum transfer_end end, CURLcode result) {
    struct mail *m = (struct mail *)t; /* its first member */
    char message[MESSAGE_MAX] = "";
    long code = 0;
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &code);
    enum outcome outcome = outcome_of(result, code);
    if (end == TRANSFER_SHUTDOWN) {
        m->attempt->done(m->attempt, OUTCOME_INTERNAL_ERROR, "shutting down", -1);
    } else if (end == TRANSFER_FULL) {
        m->attempt->done(m->attempt, OUTCOME_THROTTLING, "too many mails wait to be sent", -1);
    } else {
        if (outcome == OUTCOME_THROTTLING || outcome == OUTCOME_INVALID_PARAMETER)
            snprintf(message, sizeof message, "the mail server answered: %s", m->reply);
        else if (outcome != OUTCOME_DELIVERED)
            snprintf(message, sizeof message, "the mail server cannot be used: %s", t->error[0] ? t->error : curl_easy_strerror(result));
        m->attempt->done(m->attempt, outcome, message, -1);
    }
    free_mail(m);
}

/* ---- mails ---------------------------------------------------------------------------------------------------------------------- */

static size_t give_text(char *to, size_t size, size_t count, void *ctx) {
    struct mail *m = ctx;
    struct str rest = str_skip(buf_str(&m->text), m->sent);
    size_t n = rest.n < size * count ? rest.n : size * count;
    if (n) memcpy(to, rest.p, n);
    m->sent += n;
    return n;
}

static bool write_text(const struct email *email, struct mail *m, struct str to) {
    const struct delivery *d = &m->attempt->delivery;
    char id[ID_TEXT_SIZE];
    id_text(id_random(), id);
    const struct message message = {.from = email->host->smtp_from,
                                    .to = to,
                                    .subject = d->subject,
                                    .body = d->input,
                                    .id = str_from(id),
                                    .topic_arn = d->source_arn,
                                    .date_ms = clock_now_ms()};
    buf_init(&m->text, 0);
    message_write(&message, &m->text);
    return !m->text.failed;
}

static bool prepare(const struct email *email, struct mail *m, struct str to) {
    char recipient[320];
    snprintf(recipient, sizeof recipient, "<%.*s>", STR_ARG(to));
    CURL *easy = transfer_easy(&m->transfer);
    m->to = curl_slist_append(NULL, recipient);
    if (!easy || !m->to || !write_text(email, m, to)) return false;
    bool ok = !curl_easy_setopt(easy, CURLOPT_URL, email->url);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    ok = ok && !curl_easy_setopt(easy, CURLOPT_PROXY, "");
    /* With a name and password in the URL they are not sent in the clear; without, TLS is used where the server offers it. */
    ok = ok && !curl_easy_setopt(easy, CURLOPT_USE_SSL, (long)(strchr(email->url, '@') ? CURLUSESSL_ALL : CURLUSESSL_TRY));
    ok = ok && !curl_easy_setopt(easy, CURLOPT_MAIL_FROM, email->from);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, m->to);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->text.n);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_READFUNCTION, give_text);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_READDATA, m);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_reply);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_WRITEDATA, m);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_reply);
    ok = ok && !curl_easy_setopt(easy, CURLOPT_HEADERDATA, m);
    return ok;
}

static void attempt_mail(void *self, struct attempt *attempt) {
    struct email *email = self;
    struct str to = str_skip(attempt->delivery.arn, 7);
    if (!email->url) {
        attempt->done(attempt, OUTCOME_NO_RESOURCE, "no mail server is set: give busd the setting smtp-url (smtp://HOST:PORT)", -1);
        return;
    }
    if (!takes(attempt->delivery.arn) || !address_is_valid(to)) {
        attempt->done(attempt, OUTCOME_INVALID_PARAMETER, "the endpoint is no mailto:NAME@DOMAIN", -1);
        return;
    }
    struct mail *m = calloc(1, sizeof *m);
    if (m) m->attempt = attempt;
    if (!m || !prepare(email, m, to)) {
        if (m) free_mail(m);
        attempt->done(attempt, OUTCOME_INTERNAL_ERROR, "out of memory", -1);
        return;
    }
    m->transfer.finished = finished;
    transfer_submit(email->loop, &m->transfer);
}

static int concurrency(void *self, struct str arn) {
    (void)self;
    (void)arn;
    return 4; /* a mail server is a shared thing */
}

static void stop(void *self) { transfer_loop_stop(((struct email *)self)->loop); }

static void free_email(void *self) {
    struct email *email = self;
    transfer_loop_free(email->loop);
    free(email->url);
    free(email->from);
    free(email);
}

static const struct target_kind kind = {
    .name = "email", .in_store = false, .takes = takes, .attempt = attempt_mail, .concurrency = concurrency};

/* The settings into the strings that libcurl takes. */
static enum err read_settings(struct email *email, struct fault *fault) {
    const struct target_host *host = email->host;
    if (!host->smtp_url.n) return ERR_OK;
    if (!str_starts(host->smtp_url, STR("smtp://")) && !str_starts(host->smtp_url, STR("smtps://")))
        return fault_at(fault, ERR_VALIDATION, "smtp-url", 0, 0, "smtp-url is %.*s; right is smtp://HOST:PORT or smtps://HOST:PORT",
                        STR_ARG(host->smtp_url));
    if (!address_is_valid(host->smtp_from))
        return fault_at(fault, ERR_VALIDATION, "smtp-from", 0, 0, "smtp-from is '%.*s'; right is an address, NAME@DOMAIN",
                        STR_ARG(host->smtp_from));
    email->url = strndup(host->smtp_url.p, host->smtp_url.n);
    if (asprintf(&email->from, "<%.*s>", STR_ARG(host->smtp_from)) < 0) email->from = NULL;
    return email->url && email->from ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

enum err target_email_new(const struct target_host *host, struct target *t, struct fault *fault) {
    struct email *email = calloc(1, sizeof *email);
    if (!email) return fault_set(fault, ERR_NOMEM, NULL);
    email->host = host;
    enum err err = read_settings(email, fault);
    if (!err) err = transfer_loop_start(&email->loop, fault);
    if (err) {
        free_email(email);
        return err;
    }
    *t = (struct target){&kind, email, NULL, stop, free_email};
    return ERR_OK;
}

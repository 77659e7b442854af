/* busd: composes everything; no logic of its own.
 *
 *   store -> committer -> flow (world, adapters, lanes) -> api -> rule files -> gateways -> "ready"
 *
 * and back in the opposite order on SIGTERM. */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "declare.h"
#include "engine.h"
#include "http.h"
#include "log.h"
#include "nng.h"
#include "os.h"
#include "watchdog.h"

struct busd {
    struct config config;
    char data[PATH_MAX];
    char ipc[PATH_MAX + 32];
    int lock_fd, signals;
    struct store *store;
    struct committer *committer;
    struct flow *flow;
    struct api *api;
    struct gate_nng *gate;
    struct gate_http *http; /* NULL: off */
};

static int said(const struct fault *fault) {
    if (fault->line)
        fprintf(stderr, "busd: %s:%d:%d: %s\n", fault->where, fault->line, fault->column, fault->message);
    else
        fprintf(stderr, "busd: %s\n", fault->message[0] ? fault->message : err_row(fault->code)->sentence);
    return 1;
}

/* ---- parts, in the order in which they are made ------------------------------------------------------------------------------------- */
static enum err open_data(struct busd *b, struct fault *fault) {
    const char *dir = b->config.data ? b->config.data : os_env("BUS_DATA", "bus-data");
    enum err err = os_make_dirs(dir, 0700, fault);
    if (err) return err;
    if (!realpath(dir, b->data)) return fault_set(fault, ERR_IO, "%s: %s", dir, strerror(errno));
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/lock", b->data);
    snprintf(b->ipc, sizeof b->ipc, "ipc://%s/bus.sock", b->data);
    return os_lock(path, &b->lock_fd, fault);
}

static enum err durability_of(const struct config *c, enum durability *durability, struct fault *fault) {
    static const char *const names[] = {[DURABILITY_FULL] = "full", [DURABILITY_NORMAL] = "normal", [DURABILITY_OFF] = "off"};
    *durability = DURABILITY_FULL;
    for (int i = 0; c->durability && i < 3; i++)
        if (strcmp(c->durability, names[i]) == 0) {
            *durability = (enum durability)i;
            return ERR_OK;
        }
    return c->durability ? fault_set(fault, ERR_USAGE, "durability is full, normal or off, not '%s'", c->durability) : ERR_OK;
}

static enum err open_store(struct busd *b, struct fault *fault) {
    struct store_options options = {.check = true};
    enum err err = durability_of(&b->config, &options.durability, fault);
    char path[PATH_MAX + 16];
    snprintf(path, sizeof path, "%s/bus.db", b->data);
    if (!err) err = store_open_sqlite(path, &options, &b->store, fault);
    return err ? err : committer_start(b->store, NULL, &b->committer, fault);
}

static enum err open_flow(struct busd *b, struct fault *fault) {
    const struct config *c = &b->config;
    struct flow_options options = {.committer = b->committer,
                                   .settings = &c->settings,
                                   .region = str_from(c->region ? c->region : "us-east-1"),
                                   .data_dir = str_from(b->data),
                                   .smtp_url = str_from(c->smtp_url),
                                   .smtp_from = str_from(c->smtp_from ? c->smtp_from : "busd@localhost"),
                                   .secret_key_file = str_from(c->secret_key_file),
                                   .destinations = {.private_destinations = (const char *const *)c->private_destinations.items,
                                                    .private_count = c->private_destinations.n,
                                                    .ca_file = c->destination_ca}};
    enum err err = flow_open(&options, &b->flow, fault);
    if (err) return err;
    struct api_options api = {.flow = b->flow,
                              .started_ms = clock_now_ms(),
                              .durability = str_from(c->durability ? c->durability : "full"),
                              .auth_open = c->auth && strcmp(c->auth, "open") == 0};
    return api_open(&api, &b->api, fault);
}

static enum err open_gate(struct busd *b, struct fault *fault) {
    const struct config *c = &b->config;
    const char *fallback[] = {b->ipc};
    struct gate_nng_options options = {.urls = c->listen.n ? (const char *const *)c->listen.items : fallback,
                                       .url_count = c->listen.n ? c->listen.n : 1,
                                       .tls_cert_file = c->tls_cert,
                                       .tls_key_file = c->tls_key};
    return gate_nng_start(b->api, &options, &b->gate, fault);
}

/* Checked before anything is opened: nobody finds out by being open to the world. */
static enum err check_auth(const struct config *c, const char *http, struct fault *fault) {
    if (!c->auth || strcmp(c->auth, "signed") == 0) return ERR_OK;
    if (strcmp(c->auth, "open") != 0) return fault_set(fault, ERR_USAGE, "auth is signed or open, not '%s'", c->auth);
    if (strncmp(http, "127.", 4) != 0 && strncmp(http, "[::1]:", 6) != 0 && strcmp(http, "off") != 0)
        return fault_set(fault, ERR_USAGE, "--auth open is for loopback addresses (127.0.0.1, [::1]), and --http is %s", http);
    log_line(LOG_WARN, "busd", "auth is open: over HTTP anybody on this machine may do anything, as any account", LOG_Z("http", http));
    return ERR_OK;
}

static const char *http_address(const struct config *c) { return c->http ? c->http : os_env("BUS_HTTP", "127.0.0.1:4566"); }

static enum err open_http(struct busd *b, struct fault *fault) {
    const struct config *c = &b->config;
    const struct settings *s = &c->settings;
    struct gate_http_options options = {.address = http_address(c),
                                        .cert_file = c->http_cert,
                                        .key_file = c->http_key,
                                        .cors_origin = c->http_cors,
                                        .body_bytes = (size_t)s->http_body_bytes,
                                        .connections = (size_t)s->http_connections,
                                        .connections_per_address = (size_t)s->http_connections_per_address,
                                        .idle_ms = s->http_idle_ms,
                                        .header_ms = s->http_header_ms,
                                        .body_ms = s->http_body_ms};
    return strcmp(options.address, "off") == 0 ? ERR_OK : gate_http_start(b->api, &options, &b->http, fault);
}

static enum err start(struct busd *b, struct fault *fault) {
    enum err err = check_auth(&b->config, http_address(&b->config), fault);
    if (!err) err = open_data(b, fault);
    if (!err) err = open_store(b, fault);
    if (!err) err = open_flow(b, fault);
    if (!err) err = declare_operator(b->api, str_from(b->data), str_from(b->config.listen.n ? b->config.listen.items[0] : b->ipc), fault);
    if (!err) err = declare_files(b->api, (const char *const *)b->config.rules.items, b->config.rules.n, fault);
    if (!err) err = open_gate(b, fault);
    return err ? err : open_http(b, fault);
}

/* What was acknowledged is durable before this begins. So if a library should never come back from closing (NNG 1.5 has been seen to), the
 * alarm ends the process, and nothing is lost. */
static void stop(struct busd *b) {
    int drain_ms = (int)b->config.settings.drain_ms;
    alarm((unsigned)(2 * drain_ms / 1000) + 30);
    if (b->gate) flow_end_waits(b->flow);
    if (b->http && gate_http_drain(b->http, drain_ms))
        log_line(LOG_WARN, "busd", "HTTP requests were still under way when time ran out", LOG_I("ms", drain_ms));
    if (b->gate && gate_nng_drain(b->gate, drain_ms))
        log_line(LOG_WARN, "busd", "requests were still under way when time ran out", LOG_I("ms", drain_ms));
    if (b->flow) flow_drain(b->flow, drain_ms);
    gate_http_stop(b->http);
    gate_nng_stop(b->gate);
    api_close(b->api);
    flow_close(b->flow);
    committer_stop(b->committer);
    store_close(b->store);
    if (b->lock_fd >= 0) close(b->lock_fd);
}

/* ---- running ----------------------------------------------------------------------------------------------------------------------------
 */
static void say_ready(const struct busd *b) {
    printf("ready http=%s", b->http ? gate_http_address(b->http) : "off");
    for (size_t i = 0; gate_nng_url(b->gate, i); i++) printf(" listen=%s", gate_nng_url(b->gate, i));
    printf("\n");
    fflush(stdout);
    os_sd_notify("READY=1\nSTATUS=serving");
    log_line(LOG_INFO, "busd", "ready", LOG_Z("version", BUSD_VERSION), LOG_Z("data", b->data), LOG_Z("listen", gate_nng_url(b->gate, 0)));
}

/* Before any thread is made, so that all inherit the mask. */
static int take_signals(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    pthread_sigmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC);
}

/* SIGHUP. */
static void reload(const struct busd *b) {
    struct fault fault;
    fault_clear(&fault);
    if (b->http && gate_http_reload(b->http, &fault))
        log_line(LOG_ERROR, "busd", "SIGHUP: the certificate stays as it was", LOG_Z("error", fault.message));
    else
        log_line(LOG_INFO, "busd", "SIGHUP: certificate and key of HTTP were read again; rule files are read at start only");
}

static void wait_for_end(const struct busd *b) {
    struct signalfd_siginfo info;
    const int interval_ms = watchdog_interval_ms();
    for (;;) {
        struct pollfd signals = {.fd = b->signals, .events = POLLIN};
        if (interval_ms > 0) watchdog_beat(b->committer);
        if (poll(&signals, 1, interval_ms) <= 0) continue;
        if (read(b->signals, &info, sizeof info) != sizeof info) {
            if (errno == EINTR) continue;
            return;
        }
        if (info.ssi_signo != SIGHUP) break;
        reload(b);
    }
    os_sd_notify("STOPPING=1\nSTATUS=draining");
    log_line(LOG_INFO, "busd", "draining", LOG_Z("signal", info.ssi_signo == SIGTERM ? "TERM" : "INT"));
}

static bool set_log_level(const struct config *c) {
    enum log_level level;
    if (!c->log_level) return true;
    if (!log_level_parse(str_from(c->log_level), &level)) {
        fprintf(stderr, "busd: log-level is error, warn, info or debug, not '%s'\n", c->log_level);
        return false;
    }
    log_level_set(level);
    return true;
}

int main(int argc, char **argv) {
    static struct busd b;
    struct fault fault;
    fault_clear(&fault);
    b.lock_fd = -1;
    config_init(&b.config);
    bool ok = config_read(&b.config, argc, argv);
    if (b.config.help)
        config_help();
    else if (b.config.version)
        printf("busd %s\n", BUSD_VERSION);
    else if (b.config.print)
        config_print();
    else
        ok = ok && set_log_level(&b.config);
    if (!ok || b.config.help || b.config.version || b.config.print) {
        config_fini(&b.config);
        return ok ? 0 : 2;
    }
    umask(0077);
    b.signals = take_signals();
    int status = 0;
    enum err err = start(&b, &fault);
    if (err) status = err == ERR_USAGE ? 2 * said(&fault) : said(&fault);
    if (!err) {
        say_ready(&b);
        wait_for_end(&b);
    }
    stop(&b);
    config_fini(&b.config);
    return status;
}

/* How fast events meet rules.
 *
 *   match --events FILE.jsonl --rules FILE.json [--threads N] [--counts] [--scanner NAME]
 *       an event a line; rules an array of {"name", "pattern"}. Prints a line with events/s, and with --counts a line `NAME COUNT` a rule
 *   match --workload NAME [--seed N] [--count N] [--threads N] [--counts]
 *       the same for generated events and rules (--list names them)
 *   match --write NAME --events FILE.jsonl --rules FILE.json [--seed N] [--count N]
 *       writes a generated workload to files
 *   match --table [--count N]
 *       all workloads, each beside the scanner alone in the same run, and the cost of changing rules
 *
 * Rates are medians of ROUNDS rounds over all events; the best round by processor time stands beside them, and all that follows is of it.
 */
#include <inttypes.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "clock.h"
#include "doc.h"
#include "matcher.h"
#include "os.h"
#include "scan.h"
#include "workload.h"

enum { ROUNDS = 9, THREADS_MAX = 64 };
#define FILE_BYTES_MAX ((size_t)4 << 30)

static void die(const char *what, const char *why) {
    fprintf(stderr, "match: %s: %s\n", what, why);
    exit(2);
}

static void *need(void *p) {
    if (!p) die("memory", "there is none left");
    return p;
}

struct options {
    const char *events, *rules, *workload, *write, *scanner;
    int64_t threads, seed, count;
    bool counts, table, list;
};

/* ---- input ---------------------------------------------------------------------------------------------------------------------- */

static void read_file(const char *path, struct buf *out) {
    struct fault f;
    buf_init(out, FILE_BYTES_MAX);
    if (os_read_file(path, FILE_BYTES_MAX, out, &f)) die(path, f.message);
}

static void read_events(const char *path, struct workload *w) {
    read_file(path, &w->event_bytes);
    struct str rest = buf_str(&w->event_bytes), line;
    size_t cap = 0;
    while (str_cut(&rest, '\n', &line)) {
        if (!line.n) continue;
        if (w->event_count == cap) {
            cap = cap ? cap * 2 : 1024;
            w->events = need(realloc(w->events, cap * sizeof *w->events));
        }
        w->events[w->event_count++] = line;
    }
    if (!w->event_count) die(path, "no events in it");
}

static struct str keep(struct str s) {
    char *p = need(malloc(s.n + 1));
    memcpy(p, s.p, s.n);
    p[s.n] = 0;
    return str_of(p, s.n);
}

static void read_rules(const char *path, struct workload *w) {
    struct buf text;
    struct arena a;
    struct node *root;
    struct fault f;
    read_file(path, &text);
    arena_init(&a, FILE_BYTES_MAX);
    if (doc_parse(&a, buf_str(&text), &root, &f)) die(path, f.message);
    if (root->kind != NODE_ARRAY) die(path, "expected an array of {\"name\", \"pattern\"}");
    w->rules = need(calloc(root->count + 1, sizeof *w->rules));
    for (const struct node *n = root->child; n; n = n->next) {
        const struct node *name = doc_get(n, STR("name")), *pattern = doc_get(n, STR("pattern"));
        if (!name || !pattern) die(path, "a rule has no name or no pattern");
        w->rules[w->rule_count++] =
            (struct workload_rule){keep(name->text), keep(pattern->kind == NODE_STRING ? pattern->text : pattern->raw)};
    }
    arena_fini(&a);
    buf_fini(&text);
}

/* ---- building ------------------------------------------------------------------------------------------------------------------- */

struct built {
    struct matcher *matcher;
    double parse_ms, compile_ms;
    double rss_mb; /* of the matcher, by the process's memory */
};

static double now_ms(void) { return (double)clock_mono_ns() / 1e6; }

static double rss_mb(void) {
    long pages = 0, resident = 0;
    FILE *in = fopen("/proc/self/statm", "re");
    if (in && fscanf(in, "%ld %ld", &pages, &resident) != 2) resident = 0;
    if (in) fclose(in);
    return (double)resident * 4096 / 1e6;
}

/* The owner of each rule is the place of its count. Patterns go as soon as the rules are compiled: only the matcher stays. */
static struct built build(const struct workload *w, uint64_t *counts) {
    struct built b = {0};
    struct pattern **patterns = need(calloc(w->rule_count + 1, sizeof *patterns));
    struct fault f;
    malloc_trim(0);
    double before_mb = rss_mb(), start = now_ms();
    for (size_t i = 0; i < w->rule_count; i++)
        if (pattern_parse(w->rules[i].pattern, &patterns[i], &f)) die(w->rules[i].name.p, f.message);
    double parsed = now_ms();
    struct matcher_set *set = need(matcher_set_new());
    for (size_t i = 0; i < w->rule_count; i++) {
        uint32_t id;
        if (matcher_set_add(set, patterns[i], &counts[i], &id)) die("matcher", "a rule cannot be added");
    }
    if (matcher_set_publish(set, &b.matcher)) die("matcher", "the rules cannot be compiled");
    double compiled = now_ms();
    matcher_set_free(set);
    for (size_t i = 0; i < w->rule_count; i++) pattern_free(patterns[i]);
    free(patterns);
    malloc_trim(0);
    b.rss_mb = rss_mb() - before_mb;
    b.parse_ms = parsed - start;
    b.compile_ms = compiled - parsed;
    return b;
}

/* ---- running -------------------------------------------------------------------------------------------------------------------- */

struct runner { /* owned by its thread while it runs */
    const struct workload *w;
    const struct matcher *matcher; /* NULL: the scanner alone */
    const char *scanner;
    size_t from, to;
    uint64_t *counts; /* NULL: none are kept */
    const uint64_t *first_count;
    uint64_t matches;
    struct matcher_work *work;
    struct scan scan;
    double cpu_ms; /* of the last round */
};

static void run_matcher(struct runner *r) {
    for (size_t i = r->from; i < r->to; i++) {
        struct matcher_found found;
        if (matcher_match(r->matcher, r->work, r->w->events[i], &found)) die("event", "it cannot be matched (is it JSON?)");
        r->matches += found.count;
        for (size_t k = 0; r->counts && k < found.count; k++) r->counts[(const uint64_t *)found.owners[k] - r->first_count]++;
    }
}

static double cpu_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void *run(void *arg) {
    struct runner *r = arg;
    double start = cpu_ms();
    if (r->matcher) run_matcher(r);
    for (size_t i = r->from; !r->matcher && i < r->to; i++)
        if (scan_read(&r->scan, NULL, r->w->events[i])) die("event", "it is not JSON");
    r->cpu_ms = cpu_ms() - start;
    return NULL;
}

static int ascending(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

struct rate {      /* events a second over all threads */
    double median; /* of the rounds, by the clock on the wall */
    double cpu;    /* of the best round, by the processor time of its busiest thread: what others do on the machine is not in it */
};

static struct rate measure(const struct workload *w, const struct matcher *m, const char *scanner, size_t threads, uint64_t *counts,
                           size_t rules, uint64_t *matches) {
    struct runner runners[THREADS_MAX] = {0};
    double rates[ROUNDS], least_ms = 0;
    for (size_t t = 0; t < threads; t++) {
        runners[t] = (struct runner){.w = w, .matcher = m, .from = w->event_count * t / threads, .to = w->event_count * (t + 1) / threads};
        runners[t].work = matcher_work_new(scanner);
        if (!runners[t].work || scan_init(&runners[t].scan, scanner ? scan_index_named(scanner) : NULL))
            die("scanner", "this machine has no such one");
        runners[t].first_count = counts;
        if (counts) runners[t].counts = need(calloc(rules + 1, sizeof *counts));
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        pthread_t ids[THREADS_MAX];
        double start = now_ms();
        for (size_t t = 1; t < threads; t++)
            if (pthread_create(&ids[t], NULL, run, &runners[t])) die("thread", "it cannot be started");
        run(&runners[0]);
        for (size_t t = 1; t < threads; t++) pthread_join(ids[t], NULL);
        double busiest_ms = 0;
        for (size_t t = 0; t < threads; t++)
            if (runners[t].cpu_ms > busiest_ms) busiest_ms = runners[t].cpu_ms;
        if (!round || busiest_ms < least_ms) least_ms = busiest_ms;
        rates[round] = (double)w->event_count / (now_ms() - start) * 1000;
    }
    *matches = 0;
    for (size_t t = 0; t < threads; t++) {
        *matches += runners[t].matches / ROUNDS;
        for (size_t i = 0; counts && i < rules; i++) counts[i] += runners[t].counts[i] / ROUNDS;
        free(runners[t].counts);
        matcher_work_free(runners[t].work);
        scan_fini(&runners[t].scan);
    }
    qsort(rates, ROUNDS, sizeof rates[0], ascending);
    return (struct rate){rates[ROUNDS / 2], (double)w->event_count / least_ms * 1000};
}

static size_t event_bytes(const struct workload *w) {
    size_t n = 0;
    for (size_t i = 0; i < w->event_count; i++) n += w->events[i].n;
    return n;
}

static void report(const struct options *o, const struct workload *w) {
    uint64_t *counts = need(calloc(w->rule_count + 1, sizeof *counts)), matches;
    struct built b = build(w, counts);
    struct rate r = measure(w, b.matcher, o->scanner, (size_t)o->threads, o->counts ? counts : NULL, w->rule_count, &matches);
    double bytes = (double)event_bytes(w) / (double)w->event_count;
    double rate = r.median;
    printf("%zu events of %.0f B, %zu rules, %" PRId64
           " thread%s: %.0f events/s (%.0f by processor time), %.0f MB/s, %.2f matches an event, memory %.2f MB (resident %.1f MB), "
           "build time %.2f ms (and %.2f ms to parse the patterns)\n",
           w->event_count, bytes, w->rule_count, o->threads, o->threads == 1 ? "" : "s", rate, r.cpu, rate * bytes / 1e6,
           (double)matches / (double)w->event_count, (double)matcher_bytes(b.matcher) / 1e6, b.rss_mb, b.compile_ms, b.parse_ms);
    for (size_t i = 0; o->counts && i < w->rule_count; i++) printf("%.*s %" PRIu64 "\n", STR_ARG(w->rules[i].name), counts[i]);
    matcher_release(b.matcher);
    free(counts);
}

/* ---- changing rules ------------------------------------------------------------------------------------------------------------- */

/* One rule more and one less in a big set, until each is in a matcher. */
static void report_changes(const struct workload *w) {
    struct matcher_set *set = need(matcher_set_new());
    uint32_t *ids = need(calloc(w->rule_count, sizeof *ids));
    struct pattern **patterns = need(calloc(w->rule_count, sizeof *patterns));
    struct matcher *m;
    double worst = 0, all = 0;
    size_t changes = 2000;
    for (size_t i = 0; i < w->rule_count; i++)
        if (pattern_parse(w->rules[i].pattern, &patterns[i], NULL) || matcher_set_add(set, patterns[i], patterns[i], &ids[i]))
            die("rule", "it cannot be added");
    if (matcher_set_publish(set, &m)) die("rules", "they cannot be compiled");
    matcher_release(m);
    for (size_t i = 0; i < changes; i++) {
        size_t rule = i * 7919 % w->rule_count;
        double start = now_ms();
        matcher_set_remove(set, ids[rule]);
        if (matcher_set_add(set, patterns[rule], patterns[rule], &ids[rule]) || matcher_set_publish(set, &m))
            die("rule", "it cannot be changed");
        double took = now_ms() - start;
        matcher_release(m);
        all += took;
        if (took > worst) worst = took;
    }
    printf("changing one of %zu rules until a matcher has it: %.3f ms in the mean of %zu, %.2f ms at worst\n", w->rule_count,
           all / (double)changes, changes, worst);
    matcher_set_free(set);
    for (size_t i = 0; i < w->rule_count; i++) pattern_free(patterns[i]);
    free(patterns);
    free(ids);
}

/* ---- all workloads -------------------------------------------------------------------------------------------------------------- */

static void table_row(const struct options *o, const char *name) {
    struct workload w;
    uint64_t matches;
    if (!workload_make(&w, name, (uint64_t)o->seed, (size_t)o->count)) die(name, "there is no such workload");
    uint64_t *counts = need(calloc(w.rule_count + 1, sizeof *counts));
    struct built b = build(&w, counts);
    struct rate scan = measure(&w, NULL, o->scanner, 1, NULL, 0, &matches);
    struct rate rate = measure(&w, b.matcher, o->scanner, 1, NULL, 0, &matches);
    struct rate two = measure(&w, b.matcher, o->scanner, 2, NULL, 0, &matches);
    double bytes = (double)event_bytes(&w) / (double)w.event_count;
    printf("%-24s %7zu %6.0f %9.0f %9.0f %6.0f %5.2f %5.2f %9.2f %7.2f %9.0f %9.0f\n", name, w.rule_count, bytes, rate.median, rate.cpu,
           rate.cpu * bytes / 1e6, rate.cpu / scan.cpu, two.cpu / rate.cpu, (double)matches / (double)w.event_count,
           (double)matcher_bytes(b.matcher) / 1e6, (double)w.rule_count / b.compile_ms * 1000,
           (double)w.rule_count / (b.compile_ms + b.parse_ms) * 1000);
    fflush(stdout);
    matcher_release(b.matcher);
    free(counts);
    workload_fini(&w);
}

static void table(const struct options *o) {
    struct workload w;
    printf("%-24s %7s %6s %9s %9s %6s %5s %5s %9s %7s %9s %9s\n", "workload", "rules", "bytes", "events/s", "cpu", "MB/s", "/scan", "2 thr",
           "matches", "MB", "compile/s", "+parse/s");
    for (const char *const *name = workload_names(); *name; name++) table_row(o, *name);
    if (!workload_make(&w, "exact-100000", (uint64_t)o->seed, 1)) die("exact-100000", "there is no such workload");
    report_changes(&w);
    workload_fini(&w);
}

/* ---- the command line ----------------------------------------------------------------------------------------------------------- */

static int usage(void) {
    fprintf(stderr, "usage: match --events FILE.jsonl --rules FILE.json [--threads N] [--counts] [--scanner portable|sse2|avx2|avx512]\n"
                    "       match --workload NAME [--seed N] [--count N] [--threads N] [--counts]\n"
                    "       match --write NAME --events FILE.jsonl --rules FILE.json [--seed N] [--count N]\n"
                    "       match --table [--count N] | --list\n");
    return 2;
}

static bool read_options(int argc, char **argv, struct options *o) {
    *o = (struct options){.threads = 1, .seed = 1, .count = 200000};
    for (int i = 1; i < argc; i++) {
        struct str a = str_from(argv[i]);
        if (str_eqz(a, "--counts"))
            o->counts = true;
        else if (str_eqz(a, "--table"))
            o->table = true;
        else if (str_eqz(a, "--list"))
            o->list = true;
        else if (i + 1 == argc)
            return false;
        else if (str_eqz(a, "--events"))
            o->events = argv[++i];
        else if (str_eqz(a, "--rules"))
            o->rules = argv[++i];
        else if (str_eqz(a, "--workload"))
            o->workload = argv[++i];
        else if (str_eqz(a, "--write"))
            o->write = argv[++i];
        else if (str_eqz(a, "--scanner"))
            o->scanner = argv[++i];
        else {
            int64_t *n = str_eqz(a, "--threads") ? &o->threads : str_eqz(a, "--seed") ? &o->seed : str_eqz(a, "--count") ? &o->count : NULL;
            if (!n || !str_to_i64(str_from(argv[++i]), n) || *n < 1) return false;
        }
    }
    bool files = o->events && o->rules;
    return o->threads <= THREADS_MAX && (o->list || o->table || o->workload || files) && (!o->write || files);
}

int main(int argc, char **argv) {
    struct options o;
    struct workload w = {0};
    if (!read_options(argc, argv, &o)) return usage();
    if (o.scanner && !scan_index_named(o.scanner)) die(o.scanner, "this machine has no such scanner");
    if (o.list) {
        for (const char *const *name = workload_names(); *name; name++) printf("%s\n", *name);
        return 0;
    }
    if (o.table) return table(&o), 0;
    const char *name = o.write ? o.write : o.workload;
    if (name && !workload_make(&w, name, (uint64_t)o.seed, (size_t)o.count)) die(name, "there is no such workload (--list)");
    if (o.write) {
        if (!workload_write(&w, o.events, o.rules)) die(o.events, "the files cannot be written");
        return 0;
    }
    if (!name) {
        read_events(o.events, &w);
        read_rules(o.rules, &w);
    }
    report(&o, &w);
    return 0;
}

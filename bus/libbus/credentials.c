#include "credentials.h"

#include "os.h"
#include "wire.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static struct str trim(struct str s) {
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t')) s = str_skip(s, 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t' || s.p[s.n - 1] == '\r')) s.n--;
    return s;
}

static struct str *member(struct credentials_profile *p, struct str key) {
    const struct {
        const char *key;
        struct str *value;
    } rows[] = {
        {"aws_access_key_id", &p->key_id},
        {"aws_secret_access_key", &p->secret},
        {"bus_endpoint", &p->endpoint},
        {"region", &p->region},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        if (str_eq_nocase(key, str_from(rows[i].key))) return rows[i].value;
    return NULL; /* the file is shared: what other tools keep in it is theirs */
}

static enum err parse_line(struct str line, const char *path, int number, struct str profile, bool *inside, bool *section_seen, bool *found,
                           struct credentials_profile *out, struct fault *fault) {
    struct str text = trim(line);
    bool indented = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
    int column = (int)(text.p - line.p) + 1;
    if (!text.n || text.p[0] == '#' || text.p[0] == ';') return ERR_OK;
    if (text.p[0] == '[') {
        if (text.p[text.n - 1] != ']') return fault_at(fault, ERR_SYNTAX, path, number, column, "%s:%d: a section's name ends with ']'", path, number);
        struct str name = trim(str_of(text.p + 1, text.n - 2));
        *section_seen = true;
        *inside = str_eq(name, profile);
        *found = *found || *inside;
        return ERR_OK;
    }
    size_t eq = str_find(text, '=', 0);
    if (indented && *section_seen) return ERR_OK; /* a nested setting of another tool ("s3 =" and its lines) */
    if (eq == text.n || eq == 0) return fault_at(fault, ERR_SYNTAX, path, number, column, "%s:%d: \"key = value\" is expected", path, number);
    if (!*section_seen) return fault_at(fault, ERR_SYNTAX, path, number, column, "%s:%d: a [profile] must stand before the first key", path, number);
    struct str *value = *inside ? member(out, trim(str_of(text.p, eq))) : NULL;
    if (value) *value = trim(str_skip(text, eq + 1));
    return ERR_OK;
}

enum err credentials_parse(struct str text, const char *path, struct str profile, struct arena *arena, struct credentials_profile *out,
                           struct fault *fault) {
    bool inside = false, section_seen = false, found = false;
    int number = 0;
    struct str rest = text, line;
    *out = (struct credentials_profile){0};
    while (str_cut(&rest, '\n', &line)) {
        number++;
        if (memchr(line.p, 0, line.n)) return fault_at(fault, ERR_SYNTAX, path, number, 1, "%s:%d: a NUL byte: this is not a text file", path, number);
        enum err err = parse_line(line, path, number, profile, &inside, &section_seen, &found, out, fault);
        if (err) return err;
    }
    if (!found) return fault_at(fault, ERR_NOT_FOUND, path, 0, 0, "%s: there is no profile [%.*s]", path, STR_ARG(profile));
    struct str *all[] = {&out->key_id, &out->secret, &out->endpoint, &out->region};
    for (size_t i = 0; i < 4; i++) {
        if (!all[i]->n) *all[i] = STR_NULL; /* an empty value says nothing */
        if (all[i]->p && !(*all[i] = arena_str(arena, *all[i])).p) return fault_set(fault, ERR_NOMEM, NULL);
    }
    return ERR_OK;
}

/* Where the file is; absent when nothing tells (no option, no variable, no home). */
static struct str file_path(const struct credentials_ask *ask, struct arena *arena) {
    const char *path = ask->credentials_file ? ask->credentials_file : os_env("AWS_SHARED_CREDENTIALS_FILE", NULL);
    if (path) return arena_str(arena, str_from(path));
    const char *home = os_env("HOME", NULL);
    return home ? arena_printf(arena, "%s/.aws/credentials", home) : STR_NULL;
}

static enum err read_profile(struct str path, struct str profile, struct arena *arena, struct credentials_profile *out, struct fault *fault) {
    struct buf text;
    buf_init(&text, FILE_BYTES_MAX);
    enum err err = os_read_file(path.p, FILE_BYTES_MAX, &text, fault);
    if (!err) err = credentials_parse(buf_str(&text), path.p, profile, arena, out, fault);
    if (text.p) explicit_bzero(text.p, text.cap); /* it held every secret of this user */
    buf_fini(&text);
    return err;
}

static enum err check_pair(struct str id, struct str secret, const char *where, struct fault *fault) {
    if (!id.p || !secret.p)
        return fault_set(fault, ERR_NO_CREDENTIALS, "%s: the %s is missing; both the access key id and the secret are needed", where,
                         id.p ? "secret access key" : "access key id");
    if (id.n > WIRE_KEY_ID_MAX) return fault_set(fault, ERR_USAGE, "%s: an access key id has at most %d characters", where, (int)WIRE_KEY_ID_MAX);
    return ERR_OK;
}

/* The profile is needed for the keys, or is only asked for the rest: then a file that is not there, or has no such profile, says nothing. */
static enum err use_profile(const struct credentials_ask *ask, struct arena *arena, bool keys_needed, struct credentials_profile *profile,
                            struct fault *fault) {
    const char *name = ask->profile ? ask->profile : os_env("AWS_PROFILE", "default");
    struct str path = file_path(ask, arena);
    *profile = (struct credentials_profile){0};
    enum err err = path.p ? read_profile(path, str_from(name), arena, profile, fault) : ERR_NOT_FOUND;
    if (!err && keys_needed) {
        struct str where = arena_printf(arena, "%s, profile [%s]", path.p, name);
        return where.p ? check_pair(profile->key_id, profile->secret, where.p, fault) : fault_set(fault, ERR_NOMEM, NULL);
    }
    if (err != ERR_NOT_FOUND) return err;
    if (!keys_needed && !ask->profile) return ERR_OK;
    return fault_at(fault, ERR_NO_CREDENTIALS, path.p ? path.p : "", 0, 0,
                    "no credentials: neither options nor AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY give a key, and %s has no profile [%s]; "
                    "busd writes such a file into its data directory: set AWS_SHARED_CREDENTIALS_FILE to it",
                    path.p ? path.p : "~/.aws/credentials (HOME is not set)", name);
}

enum err credentials_find(const struct credentials_ask *ask, struct arena *arena, struct credentials *out, struct fault *fault) {
    struct str id = str_from(ask->access_key_id), secret = str_from(ask->secret_access_key);
    struct str endpoint = str_from(ask->endpoint ? ask->endpoint : os_env("BUS_ENDPOINT", NULL));
    struct str region = str_from(ask->region ? ask->region : os_env("AWS_REGION", os_env("AWS_DEFAULT_REGION", NULL)));
    const char *where = "options";
    if (!id.p && !secret.p && !ask->profile) {
        id = str_from(os_env("AWS_ACCESS_KEY_ID", NULL));
        secret = str_from(os_env("AWS_SECRET_ACCESS_KEY", NULL));
        where = "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
    }
    bool keys_given = id.p || secret.p;
    enum err err = keys_given ? check_pair(id, secret, where, fault) : ERR_OK;
    if (err) return err;
    struct credentials_profile profile = {0};
    if (!keys_given || !endpoint.p) err = use_profile(ask, arena, !keys_given, &profile, fault);
    if (err) return err;
    out->key_id = arena_str(arena, keys_given ? id : profile.key_id);
    out->secret = arena_str(arena, keys_given ? secret : profile.secret);
    out->region = arena_str(arena, region.p ? region : profile.region.p ? profile.region : STR("us-east-1"));
    if (!endpoint.p) endpoint = profile.endpoint;
    if (!endpoint.p)
        return fault_set(fault, ERR_USAGE, "no endpoint: give the option, set BUS_ENDPOINT, or write \"bus_endpoint = ipc:///PATH\" into the profile");
    out->endpoint = arena_str(arena, endpoint);
    return out->key_id.p && out->secret.p && out->region.p && out->endpoint.p ? ERR_OK : fault_set(fault, ERR_NOMEM, NULL);
}

#include "memory.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 256, STRINGS_MAX = 16, LENGTH_MAX = 4000, DEPTH_MAX = 20 };

struct named {
    char *name;
    char *strings[STRINGS_MAX];
    size_t count, next;
};
struct memory {
    pthread_mutex_t lock;
    struct named names[NAMES_MAX];
    size_t count;
};

struct memory *memory_new(void) {
    struct memory *m = calloc(1, sizeof *m);
    if (m) pthread_mutex_init(&m->lock, NULL);
    return m;
}

void memory_free(struct memory *m) {
    if (!m) return;
    for (size_t i = 0; i < m->count; i++) {
        for (size_t k = 0; k < m->names[i].count; k++) free(m->names[i].strings[k]);
        free(m->names[i].name);
    }
    pthread_mutex_destroy(&m->lock);
    free(m);
}

static struct named *find_locked(struct memory *m, const char *name) {
    for (size_t i = 0; i < m->count; i++)
        if (strcmp(m->names[i].name, name) == 0) return &m->names[i];
    return NULL;
}

static bool is_own(const char *name) {
    return strcmp(name, "AccountId") == 0 || strcmp(name, "AccessKeyId") == 0 || strcmp(name, "SecretAccessKey") == 0 ||
           strcmp(name, "Account") == 0;
}

static void keep_locked(struct memory *m, const char *name, const char *text) {
    struct named *n = find_locked(m, name);
    if (is_own(name) || strlen(text) > LENGTH_MAX || (!n && m->count == NAMES_MAX)) return;
    for (size_t i = 0; n && i < n->count; i++)
        if (strcmp(n->strings[i], text) == 0) return;
    char *copy = strdup(text), *key = n ? n->name : strdup(name);
    if (!copy || !key) abort();
    if (!n) {
        n = &m->names[m->count++];
        n->name = key;
    }
    if (n->count == STRINGS_MAX)
        free(n->strings[n->next]);
    else
        n->count++;
    n->strings[n->next] = copy;
    n->next = (n->next + 1) % STRINGS_MAX;
}

static void learn_locked(struct memory *m, const char *name, const json_t *value, int depth) {
    const char *key;
    size_t i;
    json_t *child;
    if (depth > DEPTH_MAX) return;
    if (json_is_string(value)) keep_locked(m, name, json_string_value(value));
    json_object_foreach((json_t *)(uintptr_t)value, key, child) learn_locked(m, key, child, depth + 1);
    json_array_foreach(value, i, child) learn_locked(m, name, child, depth + 1);
}

void memory_learn(struct memory *m, const json_t *answer) {
    pthread_mutex_lock(&m->lock);
    learn_locked(m, "", answer, 0);
    pthread_mutex_unlock(&m->lock);
}

json_t *memory_pick(struct memory *m, const char *name, struct dice *d) {
    pthread_mutex_lock(&m->lock);
    const struct named *n = find_locked(m, name);
    json_t *text = n && n->count ? json_string(n->strings[dice_below(d, n->count)]) : NULL;
    pthread_mutex_unlock(&m->lock);
    return text;
}

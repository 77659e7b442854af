/* The properties of resources: one table that checks them, warns of unknown ones, and writes those that a request takes as they are. */
#include "doc.h"
#include "nearest.h"
#include "template_state.h"

enum property_kind {
    NOTED,       /* known; read elsewhere, or without meaning here */
    TEXT,        /* a scalar, as a string */
    NUMBER,      /* whole, from least to most */
    NUMBER_TEXT, /* the same, written as a string */
    FLAG,        /* true or false */
    FLAG_TEXT,
    DOCUMENT,     /* a mapping, or a string with JSON in it: written as a string with JSON in it */
    ANY,          /* as it is */
    SECTION,      /* a mapping with properties of its own: those of `sub` */
    SECTIONS,     /* a list of such mappings */
    SECTION_TEXT, /* the same, written as a string with JSON in it */
    TEXTS,        /* a list of scalars */
    TEXT_MAP,     /* names and scalars */
    TAGS,         /* a list of {Key, Value} */
};

static const struct property {
    const char *section, *key;
    enum property_kind kind;
    bool required;
    const char *sub;
    int64_t least, most;
} properties[] = {
#define P(section, key, kind) {section, key, kind, false, NULL, 0, 0},
#define R(section, key, kind) {section, key, kind, true, NULL, 0, 0},
#define N(section, key, kind, least, most) {section, key, kind, false, NULL, least, most},
#define S(section, key, kind, sub) {section, key, kind, false, sub, 0, 0},
#include "template_properties.def"
#undef P
#undef R
#undef N
#undef S
};
enum { PROPERTIES = sizeof properties / sizeof properties[0] };

/* ---- scalars --------------------------------------------------------------------------------------------- */
struct str template_text(struct template *t, const struct ynode *n) {
    if (!n || n->unknown || n->kind == YNODE_NULL) return STR_NULL;
    if (n->kind < YNODE_LIST && !n->tag.p) return n->text;
    problem_at(t->problems, n, "text is expected here");
    return STR_NULL;
}

bool template_flag(struct template *t, const struct ynode *n, bool *value) {
    if (!n || n->unknown || n->kind == YNODE_NULL) return false;
    if ((n->kind == YNODE_BOOL || n->kind == YNODE_STRING) && !n->tag.p) {
        *value = str_eq_nocase(n->text, STR("true"));
        if (*value || str_eq_nocase(n->text, STR("false"))) return true;
    }
    problem_at(t->problems, n, "true or false is expected here");
    return false;
}

bool template_number(struct template *t, const struct ynode *n, int64_t least, int64_t most, int64_t *value) {
    if (!n || n->unknown || n->kind == YNODE_NULL) return false;
    bool scalar = (n->kind == YNODE_NUMBER || n->kind == YNODE_STRING) && !n->tag.p;
    if (scalar && str_to_i64(n->text, value) && *value >= least && *value <= most) return true;
    problem_at(t->problems, n, "a whole number from %lld to %lld is expected here", (long long)least, (long long)most);
    return false;
}

struct str template_document(struct template *t, const struct ynode *n) {
    struct buf out;
    struct fault fault;
    if (!n || n->unknown || template_has_unknown(n)) return STR_NULL;
    if (n->kind == YNODE_STRING) {
        struct arena scratch;
        struct node *root;
        arena_init(&scratch, 0);
        enum err err = doc_parse(&scratch, n->text, &root, &fault);
        bool object = !err && root->kind == NODE_OBJECT;
        arena_fini(&scratch);
        if (err)
            problem_at(t->problems, n, "this text is no JSON: %s", fault.message);
        else if (!object)
            problem_at(t->problems, n, "a mapping, or a text that is a JSON object, is expected here");
        return object ? n->text : STR_NULL;
    }
    if (n->kind != YNODE_MAP) {
        problem_at(t->problems, n, "a mapping is expected here");
        return STR_NULL;
    }
    buf_init(&out, 0);
    ynode_json(&out, n);
    return template_keep(t, &out);
}

/* ---- writing --------------------------------------------------------------------------------------------- */
static void write_texts(struct template *t, struct json *j, const struct ynode *n) {
    json_array_begin(j);
    for (const struct ynode *c = n->kind == YNODE_LIST ? n->child : n; c; c = n->kind == YNODE_LIST ? c->next : NULL) {
        struct str text = template_text(t, c);
        if (text.p) json_str(j, text);
    }
    json_array_end(j);
}

static void write_text_map(struct template *t, struct json *j, const struct ynode *n) {
    json_object_begin(j);
    if (n->kind != YNODE_MAP) problem_at(t->problems, n, "a mapping of names to texts is expected here");
    for (const struct ynode *c = n->kind == YNODE_MAP ? n->child : NULL; c; c = c->next) {
        struct str text = template_text(t, c);
        if (text.p) {
            json_key(j, c->key);
            json_str(j, text);
        }
    }
    json_object_end(j);
}

static void write_tags(struct template *t, struct json *j, const struct ynode *n) {
    json_array_begin(j);
    if (n->kind != YNODE_LIST) problem_at(t->problems, n, "a list of Key and Value is expected here");
    for (const struct ynode *c = n->kind == YNODE_LIST ? n->child : NULL; c; c = c->next) {
        if (c->unknown) continue;
        struct str key = template_text(t, template_get(c, "Key")), value = template_text(t, template_get(c, "Value"));
        if (!key.p || !value.p) {
            if (!template_has_unknown(c)) problem_at(t->problems, c, "Key and Value are expected here");
            continue;
        }
        json_object_begin(j);
        json_key_str(j, "Key", key);
        json_key_str(j, "Value", value);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_section(struct template *t, struct json *j, const struct ynode *n, const char *section) {
    if (n->kind != YNODE_MAP) {
        problem_at(t->problems, n, "a mapping is expected here");
        return;
    }
    json_object_begin(j);
    template_write(t, j, n, section);
    json_object_end(j);
}

static void write_sections(struct template *t, struct json *j, const struct ynode *n, const char *section) {
    json_array_begin(j);
    if (n->kind != YNODE_LIST) problem_at(t->problems, n, "a list is expected here");
    for (const struct ynode *c = n->kind == YNODE_LIST ? n->child : NULL; c; c = c->next)
        if (!c->unknown) write_section(t, j, c, section);
    json_array_end(j);
}

static void write_section_text(struct template *t, struct json *j, const struct property *p, const struct ynode *n) {
    if (n->kind != YNODE_MAP) {
        struct str text = template_document(t, n);
        if (text.p) json_key_str(j, p->key, text);
        return;
    }
    struct buf out;
    struct json inner;
    buf_init(&out, 0);
    json_init(&inner, &out);
    write_section(t, &inner, n, p->sub);
    json_key_str(j, p->key, template_keep(t, &out));
}

static void write_property(struct template *t, struct json *j, const struct property *p, const struct ynode *n) {
    int64_t number = 0;
    bool flag = false;
    struct str text = STR_NULL;
    switch (p->kind) {
    case NOTED: return;
    case TEXT: text = template_text(t, n); break;
    case NUMBER:
        if (template_number(t, n, p->least, p->most, &number)) json_key_i64(j, p->key, number);
        return;
    case NUMBER_TEXT:
        if (template_number(t, n, p->least, p->most, &number)) text = arena_printf(t->arena, "%lld", (long long)number);
        break;
    case FLAG:
        if (template_flag(t, n, &flag)) json_key_bool(j, p->key, flag);
        return;
    case FLAG_TEXT:
        if (template_flag(t, n, &flag)) text = flag ? STR("true") : STR("false");
        break;
    case DOCUMENT: text = template_document(t, n); break;
    case SECTION_TEXT: write_section_text(t, j, p, n); return;
    default:
        json_key(j, str_from(p->key));
        if (p->kind == SECTION && n->kind != YNODE_MAP) json_put_null(j); /* told below */
        if (p->kind == SECTION) write_section(t, j, n, p->sub);
        if (p->kind == SECTIONS) write_sections(t, j, n, p->sub);
        if (p->kind == TEXTS) write_texts(t, j, n);
        if (p->kind == TAGS) write_tags(t, j, n);
        if (p->kind == TEXT_MAP) write_text_map(t, j, n);
        if (p->kind == ANY) {
            struct buf out;
            buf_init(&out, 0);
            ynode_json(&out, n);
            json_raw(j, template_keep(t, &out));
        }
        return;
    }
    if (text.p) json_key_str(j, p->key, text);
}

static const struct property *property_of(const char *section, struct str key) {
    for (size_t i = 0; i < PROPERTIES; i++)
        if (strcmp(properties[i].section, section) == 0 && str_eqz(key, properties[i].key)) return &properties[i];
    return NULL;
}

static void warn_unknown(struct template *t, const struct ynode *n, const char *section) {
    const char *best = NULL;
    size_t least = SIZE_MAX;
    struct ynode at = template_key_place(n);
    for (size_t i = 0; i < PROPERTIES; i++) {
        if (strcmp(properties[i].section, section) != 0) continue;
        size_t distance = nearest_distance(n->key, str_from(properties[i].key));
        if (distance < least) least = distance, best = properties[i].key;
    }
    if (best && nearest_is_close(n->key, least))
        problem_at(t->warnings, &at, "'%.*s' is not known here and does nothing; did you mean %s?", STR_ARG(n->key), best);
    else
        problem_at(t->warnings, &at, "'%.*s' is not known here and does nothing", STR_ARG(n->key));
}

void template_write(struct template *t, struct json *j, const struct ynode *map, const char *section) {
    for (const struct ynode *n = map->child; n; n = n->next) {
        const struct property *p = property_of(section, n->key);
        if (!p)
            warn_unknown(t, n, section);
        else if (!n->unknown)
            write_property(t, j, p, n);
    }
    for (size_t i = 0; i < PROPERTIES; i++)
        if (properties[i].required && strcmp(properties[i].section, section) == 0 && !template_get(map, properties[i].key))
            problem_at(t->problems, map, "%s is missing", properties[i].key);
}

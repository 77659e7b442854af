/* Walking over the C side of a shape: where its values lie, and what their place is called in a message. Used by shape.c and
 * constraint.c. Pure. */
#ifndef BASE_SHAPE_WALK_H
#define BASE_SHAPE_WALK_H

#include "shape.h"

/* Where a value stands in a request: a chain on the stack, rendered only when there is something to say about it. */
struct shape_path {
    const struct shape_path *up; /* NULL: the request itself, which has no name */
    struct str name;             /* a member's name or a map's key; absent: an item of a list */
    size_t index;                /* of the item, from 0 */
    bool is_key;                 /* the name is a map's key: it keeps its case */
};

/* Appends AWS's spelling: the first letter of each member in lower case, items counted from 1: "targets.1.member.id". */
void shape_path_text(const struct shape_path *path, struct buf *out);
/* The same for a fault's `where`: cut to `size` bytes between two characters, NUL-terminated. */
void shape_path_where(const struct shape_path *path, char *out, size_t size);
/* Appends a member's name with its first letter in lower case. */
void shape_name_text(struct str name, struct buf *out);

/* Bytes of an item of a list. */
size_t shape_item_size(const struct shape *item);
/* `slot` is what a struct's field of that shape is (for SHAPE_STRUCT a pointer to the pointer). */
bool shape_is_absent(const struct shape *shape, const void *slot);
/* Where a map's entry keeps a value of that shape, as a slot; booleans are read into *b. */
const void *shape_entry_slot(const struct shape *item, const struct map_entry *e, struct opt_bool *b);

#endif

#include "sandbox/shape.h"

#include <assert.h>
#include <string.h>

/* One object or list that is being walked. */
struct frame {
    const json_t *json;
    const struct shape *shape;
    size_t next; /* index of the member's shape, or of the element */
    size_t pointer_length;
};

struct walk {
    struct frame frames[SHAPE_DEPTH_MAX];
    size_t depth;
    struct pointer pointer;
    struct refusal *refusal;
};

static unsigned type_of(const json_t *json) {
    switch (json_typeof(json)) {
    case JSON_STRING:
        return SHAPE_TEXT;
    case JSON_INTEGER:
    case JSON_REAL:
        return SHAPE_NUMBER;
    case JSON_TRUE:
    case JSON_FALSE:
        return SHAPE_BOOLEAN;
    case JSON_OBJECT:
        return SHAPE_OBJECT;
    case JSON_ARRAY:
        return SHAPE_LIST;
    case JSON_NULL:
        return 0;
    }
    return 0;
}

static const char *type_name(unsigned types) {
    switch (types) {
    case SHAPE_TEXT:
        return "a string";
    case SHAPE_NUMBER:
        return "a number";
    case SHAPE_BOOLEAN:
        return "a boolean";
    case SHAPE_OBJECT:
        return "an object";
    case SHAPE_LIST:
        return "an array";
    default:
        return "of another type";
    }
}

static bool is_choice(const char *choices, const char *text) {
    size_t length = strlen(text);
    for (const char *begin = choices; *begin != '\0';) {
        size_t choice_length = strcspn(begin, "|");
        if (choice_length == length && memcmp(begin, text, length) == 0) {
            return true;
        }
        begin += choice_length + (begin[choice_length] == '|' ? 1 : 0);
    }
    return false;
}

/* Judges the value itself; true: it is an object or a list whose insides want a look. */
static bool check_value(struct walk *walk, const json_t *json, const struct shape *shape) {
    if (json_is_null(json) && (shape->flags & SHAPE_NULLABLE) != 0) {
        return false;
    }
    unsigned type = type_of(json);
    if ((type & shape->types) == 0) {
        refusal_add(walk->refusal, 400, walk->pointer.text, "The value must be %s.",
                    type_name(shape->types));
        return false;
    }
    if (type == SHAPE_TEXT && shape->choices != NULL &&
        !is_choice(shape->choices, json_string_value(json))) {
        refusal_add(walk->refusal, 400, walk->pointer.text, "The value must be one of: %s.",
                    shape->choices);
    }
    return (type == SHAPE_OBJECT && shape->members != NULL) ||
           (type == SHAPE_LIST && shape->element != NULL);
}

static void visit(struct walk *walk, const json_t *json, const struct shape *shape,
                  size_t pointer_length) {
    if (check_value(walk, json, shape)) {
        assert(walk->depth < SHAPE_DEPTH_MAX);
        walk->frames[walk->depth++] = (struct frame){json, shape, 0, pointer_length};
    } else {
        pointer_pop(&walk->pointer, pointer_length);
    }
}

static void leave(struct walk *walk) {
    walk->depth--;
    pointer_pop(&walk->pointer, walk->frames[walk->depth].pointer_length);
}

static void step_object(struct walk *walk, struct frame *frame) {
    const struct shape *member = &frame->shape->members[frame->next++];
    if (member->types == 0) {
        leave(walk);
        return;
    }
    const json_t *value = json_object_get(frame->json, member->name);
    size_t pointer_length = pointer_push_name(&walk->pointer, member->name);
    if (value != NULL) {
        visit(walk, value, member, pointer_length);
        return;
    }
    if ((member->flags & SHAPE_REQUIRED) != 0) {
        refusal_add(walk->refusal, 400, walk->pointer.text, "'%s' is a required field.",
                    member->name);
    }
    pointer_pop(&walk->pointer, pointer_length);
}

static void step_list(struct walk *walk, struct frame *frame) {
    size_t index = frame->next++;
    if (index >= json_array_size(frame->json)) {
        leave(walk);
        return;
    }
    size_t pointer_length = pointer_push_index(&walk->pointer, index);
    visit(walk, json_array_get(frame->json, index), frame->shape->element, pointer_length);
}

void shape_check(const json_t *document, const struct shape *shape, struct refusal *refusal) {
    struct walk walk = {.refusal = refusal};
    pointer_init(&walk.pointer, "");
    visit(&walk, document, shape, 0);
    while (walk.depth > 0) {
        struct frame *frame = &walk.frames[walk.depth - 1];
        if (json_is_object(frame->json)) {
            step_object(&walk, frame);
        } else {
            step_list(&walk, frame);
        }
    }
}

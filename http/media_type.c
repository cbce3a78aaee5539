#include "http/media_type.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

static const char BLANKS[] = " \t";

/* What follows the type: "" or ";" with parameters. NULL: it is another type. */
static const char *after_type(const char *value, const char *type) {
    size_t length = strlen(type);
    if (value == NULL || strncasecmp(value, type, length) != 0) {
        return NULL;
    }
    const char *rest = value + length;
    rest += strspn(rest, BLANKS);
    return *rest == '\0' || *rest == ';' ? rest : NULL;
}

bool media_type_is(const char *value, const char *type) {
    return after_type(value, type) != NULL;
}

bool media_type_is_utf8(const char *value, const char *type) {
    const char *rest = after_type(value, type);
    if (rest == NULL || *rest == '\0') {
        return rest != NULL;
    }
    rest++;
    rest += strspn(rest, BLANKS);
    return strcasecmp(rest, "charset=utf-8") == 0 || strcasecmp(rest, "charset=\"utf-8\"") == 0;
}

#include "common/store/sqlite/rows.h"

#include <stdlib.h>

void *sqlite_grown(void *elements, size_t count, size_t element_bytes, struct err *err) {
    if (elements != NULL && (count & (count - 1)) != 0) {
        return elements;
    }
    void *larger = reallocarray(elements, count == 0 ? 1 : 2 * count, element_bytes);
    if (larger == NULL) {
        (void)err_set(err, ERR_FATAL, "out of memory: ask for fewer rows with a limit");
    }
    return larger;
}

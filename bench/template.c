#include "bench/template.h"

#include <inttypes.h>
#include <string.h>

static void append_key(struct buf *out, const struct random *random) {
    uint64_t bits[2];
    random_fill(random, bits, sizeof bits);
    buf_append_format(out, "%016" PRIx64 "%016" PRIx64, bits[0], bits[1]);
}

void template_fill(struct buf *out, const char *text, const struct template_values *values) {
    static const char number[] = "{n}";
    static const char key[] = "{key}";
    while (text[0] != '\0') {
        size_t plain = strcspn(text, "{");
        buf_append(out, text, plain);
        text += plain;
        if (strncmp(text, number, sizeof number - 1) == 0) {
            buf_append_format(out, "%" PRId64, values->number);
            text += sizeof number - 1;
        } else if (strncmp(text, key, sizeof key - 1) == 0) {
            append_key(out, values->random);
            text += sizeof key - 1;
        } else if (text[0] != '\0') {
            buf_append(out, text, 1);
            text++;
        }
    }
}

#include "sandbox/dedup.h"

#include <assert.h>
#include <openssl/sha.h>
#include <stdlib.h>
#include <string.h>

enum { SLOTS_FIRST = 1024 };

struct dedup {
    struct dedup_key *slots; /* all zero: free */
    size_t slot_count;       /* a power of two */
    size_t used_count;
};

struct dedup_key dedup_key_of(const char *profile, const char *metric, const char *unique_id) {
    /* Each text is hashed by itself, so that no choice of texts can move a border between them. */
    unsigned char parts[3][SHA256_DIGEST_LENGTH];
    unsigned char whole[SHA256_DIGEST_LENGTH];
    SHA256((const unsigned char *)profile, strlen(profile), parts[0]);
    SHA256((const unsigned char *)metric, strlen(metric), parts[1]);
    SHA256((const unsigned char *)unique_id, strlen(unique_id), parts[2]);
    SHA256(parts[0], sizeof(parts), whole);

    struct dedup_key key;
    memcpy(&key, whole, sizeof(key));
    if (key.words[0] == 0 && key.words[1] == 0) {
        key.words[0] = 1;
    }
    return key;
}

static bool is_free(struct dedup_key slot) {
    return slot.words[0] == 0 && slot.words[1] == 0;
}

static bool is_equal(struct dedup_key a, struct dedup_key b) {
    return a.words[0] == b.words[0] && a.words[1] == b.words[1];
}

/* The slot that holds the key, or the free one where it belongs: there always is a free one. */
static size_t find_slot(const struct dedup_key *slots, size_t slot_count, struct dedup_key key) {
    size_t i = (size_t)key.words[0] & (slot_count - 1);
    while (!is_free(slots[i]) && !is_equal(slots[i], key)) {
        i = (i + 1) & (slot_count - 1);
    }
    return i;
}

enum err_code dedup_open(struct dedup **dedup_out, struct err *err) {
    struct dedup *dedup = calloc(1, sizeof(*dedup));
    struct dedup_key *slots = calloc(SLOTS_FIRST, sizeof(*slots));
    if (dedup == NULL || slots == NULL) {
        free(dedup);
        free(slots);
        return err_set(err, ERR_FATAL, "out of memory for the set of events");
    }
    *dedup = (struct dedup){.slots = slots, .slot_count = SLOTS_FIRST};
    *dedup_out = dedup;
    return ERR_OK;
}

void dedup_close(struct dedup *dedup) {
    if (dedup == NULL) {
        return;
    }
    free(dedup->slots);
    free(dedup);
}

static enum err_code grow(struct dedup *dedup, struct err *err) {
    size_t slot_count = dedup->slot_count * 2;
    struct dedup_key *slots = calloc(slot_count, sizeof(*slots));
    if (slots == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for a set of %zu events", slot_count);
    }
    for (size_t i = 0; i < dedup->slot_count; i++) {
        if (!is_free(dedup->slots[i])) {
            slots[find_slot(slots, slot_count, dedup->slots[i])] = dedup->slots[i];
        }
    }
    free(dedup->slots);
    dedup->slots = slots;
    dedup->slot_count = slot_count;
    return ERR_OK;
}

enum err_code dedup_add(struct dedup *dedup, struct dedup_key key, bool *was_there_out,
                        struct err *err) {
    assert(!is_free(key));
    if (dedup->used_count * 2 >= dedup->slot_count && grow(dedup, err) != ERR_OK) {
        return err->code;
    }
    size_t i = find_slot(dedup->slots, dedup->slot_count, key);
    *was_there_out = !is_free(dedup->slots[i]);
    if (!*was_there_out) {
        dedup->slots[i] = key;
        dedup->used_count++;
    }
    return ERR_OK;
}

bool dedup_has(const struct dedup *dedup, struct dedup_key key) {
    return !is_free(dedup->slots[find_slot(dedup->slots, dedup->slot_count, key)]);
}

size_t dedup_count(const struct dedup *dedup) {
    return dedup->used_count;
}

void dedup_clear(struct dedup *dedup) {
    memset(dedup->slots, 0, dedup->slot_count * sizeof(*dedup->slots));
    dedup->used_count = 0;
}

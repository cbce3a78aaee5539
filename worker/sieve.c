#include "worker/sieve.h"

#include <assert.h>
#include <string.h>

void sieve_init(struct sieve *sieve, size_t count) {
    assert(count >= 1 && count <= BULK_MEMBERS_MAX);
    *sieve = (struct sieve){.count = count, .aboard_max = count};
    memset(sieve->places, SIEVE_REST, count);
}

enum sieve_place sieve_place(const struct sieve *sieve, size_t member) {
    assert(member < sieve->count);
    return (enum sieve_place)sieve->places[member];
}

size_t sieve_count(const struct sieve *sieve, enum sieve_place place) {
    size_t count = 0;
    for (size_t i = 0; i < sieve->count; i++) {
        count += sieve->places[i] == place ? 1 : 0;
    }
    return count;
}

/* Moves the first `count_max` that stand in `from`. */
static void move(struct sieve *sieve, enum sieve_place from, enum sieve_place to,
                 size_t count_max) {
    size_t count = 0;
    for (size_t i = 0; i < sieve->count && count < count_max; i++) {
        if (sieve->places[i] == from) {
            sieve->places[i] = (unsigned char)to;
            count++;
        }
    }
}

static int first_in(const struct sieve *sieve, enum sieve_place place) {
    size_t i = 0;
    while (sieve->places[i] != place) {
        i++;
        assert(i < sieve->count);
    }
    return (int)i;
}

bool sieve_board(struct sieve *sieve) {
    assert(sieve_count(sieve, SIEVE_ABOARD) == 0);
    size_t suspect_count = sieve_count(sieve, SIEVE_SUSPECT);
    sieve->is_searching = suspect_count > 0;
    if (sieve->is_searching) {
        size_t half = (suspect_count + 1) / 2;
        move(sieve, SIEVE_SUSPECT, SIEVE_ABOARD,
             half < sieve->aboard_max ? half : sieve->aboard_max);
    } else {
        move(sieve, SIEVE_REST, SIEVE_ABOARD, sieve->aboard_max);
    }
    return sieve_count(sieve, SIEVE_ABOARD) > 0;
}

void sieve_leave_to_rest(struct sieve *sieve, size_t member) {
    assert(sieve_place(sieve, member) == SIEVE_ABOARD && !sieve->is_searching);
    sieve->places[member] = SIEVE_REST;
}

static void clear(struct sieve *sieve) {
    move(sieve, SIEVE_SUSPECT, SIEVE_REST, sieve->count);
    move(sieve, SIEVE_ABOARD, SIEVE_REST, sieve->count);
    sieve->is_searching = false;
}

void sieve_drop(struct sieve *sieve, size_t member) {
    enum sieve_place place = sieve_place(sieve, member);
    sieve->places[member] = SIEVE_GONE;
    if (place == SIEVE_SUSPECT || (place == SIEVE_ABOARD && sieve->is_searching)) {
        clear(sieve);
    }
}

void sieve_convict(struct sieve *sieve, size_t member) {
    assert(member < sieve->count);
    sieve->places[member] = SIEVE_GONE;
    clear(sieve);
}

static int convict(struct sieve *sieve, enum sieve_place place) {
    int member = first_in(sieve, place);
    sieve_convict(sieve, (size_t)member);
    return member;
}

int sieve_accept(struct sieve *sieve) {
    move(sieve, SIEVE_ABOARD, SIEVE_GONE, sieve->count);
    if (sieve_count(sieve, SIEVE_SUSPECT) == 1) {
        return convict(sieve, SIEVE_SUSPECT);
    }
    return SIEVE_NOBODY;
}

int sieve_refuse(struct sieve *sieve) {
    size_t aboard_count = sieve_count(sieve, SIEVE_ABOARD);
    assert(aboard_count > 0);
    if (aboard_count == 1) {
        return convict(sieve, SIEVE_ABOARD);
    }
    /* Of the other half nothing is known any more. */
    move(sieve, SIEVE_SUSPECT, SIEVE_REST, sieve->count);
    move(sieve, SIEVE_ABOARD, SIEVE_SUSPECT, sieve->count);
    return SIEVE_NOBODY;
}

int sieve_halve(struct sieve *sieve) {
    size_t aboard_count = sieve_count(sieve, SIEVE_ABOARD);
    assert(aboard_count > 0);
    if (aboard_count == 1) {
        return convict(sieve, SIEVE_ABOARD);
    }
    sieve->aboard_max = (aboard_count + 1) / 2;
    clear(sieve);
    return SIEVE_NOBODY;
}

#pragma once
/*
 * Which events of a bulk job go into its next request. A job that Klaviyo refuses without saying for
 * whose sake is sent again in parts until the culprit stands alone and the rest are sent; an accepted
 * half proves that the culprit is in the other one, which need not be sent for that. One culprit in
 * 1,000 costs at most 12 requests in all, without any help from Klaviyo's answers. Pure.
 */
#include <stdbool.h>
#include <stddef.h>

#include "worker/bulk_body.h"

/* Where an event of the job stands. */
enum sieve_place {
    SIEVE_GONE = 0, /* decided: no business of the job's any more */
    SIEVE_REST,     /* to be sent, nothing is known against it */
    SIEVE_SUSPECT, /* among those of which at least one is a culprit; not in the request under way */
    SIEVE_ABOARD,  /* in the request under way, or the next one */
};

struct sieve {
    unsigned char places[BULK_MEMBERS_MAX]; /* enum sieve_place */
    size_t count;                           /* of members */
    size_t aboard_max;                      /* in one request: less once a job was too large */
    bool is_searching;                      /* those aboard are suspects, too */
};

/* All are the rest. 1 to BULK_MEMBERS_MAX. */
void sieve_init(struct sieve *sieve, size_t count);

size_t sieve_count(const struct sieve *sieve, enum sieve_place place);
enum sieve_place sieve_place(const struct sieve *sieve, size_t member);

/* Puts the members of the next request aboard (nobody may be aboard yet): half of the suspects while
   there are any, else the rest. False: nobody is left. */
bool sieve_board(struct sieve *sieve);
/* One that is aboard finds no room in the request: it is the rest again. Not while searching, when
   those aboard found room together before. */
void sieve_leave_to_rest(struct sieve *sieve, size_t member);
/* It was decided without the request's answer, or others have it now. A search that it was part of
   proves nothing any more: all begin anew as the rest. */
void sieve_drop(struct sieve *sieve, size_t member);

enum { SIEVE_NOBODY = -1 };

/* The request was accepted. Returns the culprit, if that leaves exactly one suspect, or
   SIEVE_NOBODY. */
int sieve_accept(struct sieve *sieve);
/* It was refused and nobody was named. Returns the culprit if it was the only one aboard. */
int sieve_refuse(struct sieve *sieve);
/* It was refused for the sake of this one, which was aboard: the others are the rest again. Call it
   for each that was named. */
void sieve_convict(struct sieve *sieve, size_t member);
/* It was too large. Returns the culprit if it was the only one aboard. */
int sieve_halve(struct sieve *sieve);

#pragma once
/*
 * When to look after the other workers: their death must be found soon, and whoever is alone need not
 * wake for it. The looking itself is store_tend_workers.
 */
#include <stdbool.h>
#include <stdint.h>

#include "common/random.h"
#include "common/store.h"

struct neighbours {
    int64_t from_mono_ms; /* with the first look for events after this */
    int64_t by_mono_ms;   /* or now, whatever else there is to do */
};

/* At the start: with the first look for events. */
void neighbours_init(struct neighbours *neighbours, int64_t now_mono_ms);

/* `looks`: the worker is about to look for events anyhow. */
bool neighbours_are_due(const struct neighbours *neighbours, int64_t now_mono_ms, bool looks);

/* After a look: again within 250 ms if there are any, else with the poll. */
void neighbours_plan(struct neighbours *neighbours, const struct tend_report *tended,
                     int64_t now_mono_ms, int64_t poll_interval_ms, const struct random *random);

#pragma once
/*
 * Which connections a server ends, and when: those that are too slow, that nobody uses or wants any more,
 * that leave no room for others.
 *
 * Each function returns how many it cut; libmicrohttpd closes them in its next run. Threads: the server's.
 */
#include "http/connection.h"

/* Those with a refused head, once all before it is answered. */
int32_t sweep_refused(struct connections *connections);
/* Those whose request, or whose client's fetching of the reply, takes longer than the deadline. */
int32_t sweep_overdue(struct connections *connections);
/* The idle ones, but for those that were opened a moment ago and have not had a request yet. */
int32_t sweep_drained(struct connections *connections);
/* Those whose client has closed its side: libmicrohttpd does not notice if that came together with
   the last bytes it read. */
int32_t sweep_left(struct connections *connections);
/* Some of those that keep others waiting at the door: idle ones, else slow ones. */
int32_t sweep_room(struct connections *connections);

/* The shortest time until a clock runs out, at most `most_ms`. */
int32_t sweep_wait_ms(const struct connections *connections, int32_t most_ms);

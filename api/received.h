#pragma once
/*
 * What Stripe is told of an event that need not be sent again, and how events are counted.
 */
#include "common/domain/payment.h"
#include "common/metrics.h"
#include "http/message.h"

/* 200 with `outcome`, a word of ours; 503 when out of memory. */
struct reply received_reply(const struct request *request, const char *outcome);

/* Counts an event by its type, as far as it is one of those for us ("other" if not), and by what
   became of it. */
void received_count(struct metrics *metrics, const struct payment_event *event,
                    const char *outcome);

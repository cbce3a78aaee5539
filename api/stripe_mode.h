#pragma once
/*
 * Live or test: whose payment events count.
 *
 * Stripe's test mode is a world of its own, in which anybody pays with the card 4242…; its events say
 * `livemode: false`. One that reached a live shop, because somebody gave the API the secret of a
 * test endpoint, would complete a preorder that nobody paid for. An endpoint's secret does not tell
 * its mode, but a payment link does: https://buy.stripe.com/test_… is Stripe's form of a link in
 * test mode.
 */
#include "common/domain/catalog.h"

enum stripe_mode { STRIPE_MODE_ANY, STRIPE_MODE_LIVE, STRIPE_MODE_TEST };

/*
 * `setting` is PREORDER_STRIPE_MODE: live, test, or auto. Auto goes by those of the catalog's links
 * that are Stripe's own: the mode they agree on; any, if there is none or they disagree (links on a
 * domain of the shop's own do not tell).
 */
enum stripe_mode stripe_mode_find(const char *setting, const struct catalog *catalog);

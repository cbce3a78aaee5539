#pragma once
/*
 * Stripe's amounts in ISO 4217's minor units, as everything else here counts.
 *
 * They are the same but for three currencies (docs.stripe.com/currencies: zero-decimal currencies, special cases).
 * ISK and UGX have no minor unit, yet Stripe counts in hundredths: 500 is 5 ISK. MGA has one of a hundredth, yet
 * Stripe counts whole ones: 500 is 500 MGA. Pure.
 */
#include <stdint.h>

/* `currency` in upper case, "" if unknown. PAYMENT_AMOUNT_UNKNOWN stays so; so is what cannot be said in minor
   units: a fraction of a króna, which Stripe does not charge. */
int64_t stripe_amount_minor(int64_t amount, const char *currency);

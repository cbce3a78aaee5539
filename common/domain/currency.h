#pragma once
/*
 * Currencies: ISO 4217 codes with their exponents (how many digits the minor unit has).
 */
#include <stdbool.h>
#include <stdint.h>

enum { CURRENCY_BYTES = 4, CURRENCY_AMOUNT_BYTES = 32 };

/* The exponent (0, 2, 3 or 4) of a code in upper case; -1 if ISO 4217 has no such currency. */
int currency_exponent(const char *code);

/* Writes `amount` of minor units in major units, exactly: 4999 USD is "49.99", 500 JPY is "500",
   1234 KWD is "1.234". `code` must be one that currency_exponent knows. */
void currency_format_major(int64_t amount, const char *code, char text[CURRENCY_AMOUNT_BYTES]);

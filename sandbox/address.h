#pragma once
/*
 * Is it an e-mail address, is it a telephone number, as far as Klaviyo's pages say.
 */
#include <stdbool.h>

/* ASCII; one "@"; a local part of the WHATWG's characters; a domain of at least two labels. Klaviyo: valid
   and shorter than 100 characters. */
bool address_is_email(const char *text);

/* E.164: "+", then 7 to 15 digits, the first not 0. */
bool address_is_phone(const char *text);

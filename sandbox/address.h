#pragma once
/*
 * Is it an e-mail address, is it a telephone number, as far as Klaviyo's pages say.
 */
#include <stdbool.h>

/* As the WHATWG has it, ASCII only. Klaviyo: valid and shorter than 100 characters, and no word
   on what it takes for valid. */
bool address_is_email(const char *text);

/* E.164: "+", then 7 to 15 digits, the first not 0. */
bool address_is_phone(const char *text);

#pragma once
/*
 * Payment links: the address of a product's checkout page at the payment provider.
 */
#include <stddef.h>

#include "common/err.h"

/*
 * Checks that `text` is an https URL (plain http only to this machine) without fragment, user or
 * password, in printable ASCII, and without the parameters that a preorder adds to it.
 * ERR_INVALID: the text says which rule is broken, as in "must begin with https://".
 */
CHECKED enum err_code payment_link_check(const char *text, struct err *err);

#pragma once
/*
 * A catalog for the targets that read preorders, and what must be true of whatever they read.
 */
#include "common/domain/preorder.h"

/* Three products; made at the first call, kept. */
const struct catalog *shop_catalog(void);

/*
 * What a reader promises: of a valid draft that everything made from it is well-formed (the event's
 * body, the payment URL, both answers), else that every fault and the error can be shown to
 * anybody. Stops the program if that is not so. Releases the draft.
 */
void shop_check(enum err_code code, struct preorder_draft *draft, const struct err *err);

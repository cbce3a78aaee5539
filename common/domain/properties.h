#pragma once
/*
 * The client's own properties of a preorder: an object of at most PREORDER_PROPERTIES_MAX scalars.
 *
 * Names and strings are counted in characters (code points) and checked as text.h says: a name is
 * one line, a string may have many. Numbers keep their value: whole ones exactly (64 bits), others
 * to 15 significant digits, so that 49.90 stays 49.9; beyond 1e308 they are refused, because
 * rounding could carry them out of range. null, true and false are scalars.
 */
#include <jansson.h>

#include "common/domain/faults.h"
#include "common/err.h"

/*
 * Checks `value` and adds what is wrong to `faults`. If nothing is, hands out the object as compact
 * JSON text in jansson's memory. ERR_FATAL: out of memory.
 */
CHECKED enum err_code properties_read(json_t *value, struct faults *faults,
                                      char **properties_json_out, struct err *err);

#pragma once
/*
 * The yes that every change wants.
 */
#include "common/err.h"
#include "ctl/options.h"

/* Asks on the terminal whether to `act` ("retry 3 events"), unless --yes was given. ERR_INVALID:
   standard input is no terminal, so a yes must have been given. ERR_CONFLICT: the answer was no. */
CHECKED enum err_code confirm(const struct options *options, const char *act, struct err *err);

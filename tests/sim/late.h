#pragma once
/*
 * Opening a database by the million: the store prepares its hundred statements each time, and a story's
 * processes rarely live to use a tenth of them. In a program that is linked with late_wraps
 * (meson.build) a statement is prepared when it is first used; preparing reads nothing of the disk
 * that opening has not read.
 */
#include <stdbool.h>

/* A statement is being prepared now: the call under way is not the store's. */
bool late_is_preparing(void);

#pragma once
/*
 * Who sits at the keyboard, for audit_log.
 */

enum { ACTOR_BYTES = 128 };

/* Behind sudo the one who called it, else the login's name, else the user's, else "uid N". */
void actor_name(char name[ACTOR_BYTES]);

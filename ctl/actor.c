#include "ctl/actor.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/format.h"

void actor_name(char name[ACTOR_BYTES]) {
    char login[ACTOR_BYTES];
    /* Only root can be behind sudo; others could claim to be anybody. */
    const char *found = geteuid() == 0 ? getenv("SUDO_USER") : NULL;
    if ((found == NULL || found[0] == '\0') && getlogin_r(login, sizeof login) == 0) {
        found = login;
    }
    if (found == NULL || found[0] == '\0') {
        const struct passwd *user = getpwuid(getuid());
        found = user == NULL ? NULL : user->pw_name;
    }
    if (found == NULL || found[0] == '\0') {
        (void)snprintf(name, ACTOR_BYTES, "uid %u", (unsigned)getuid());
        return;
    }
    format_safe(found, strlen(found), name, ACTOR_BYTES);
}

#include "ctl/confirm.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum err_code confirm(const struct options *options, const char *act, struct err *err) {
    if (options->yes) {
        return ERR_OK;
    }
    if (isatty(STDIN_FILENO) != 1) {
        return err_set(err, ERR_INVALID, "this would %s: add --yes to do it, or --dry-run to look",
                       act);
    }
    (void)fflush(stdout);
    (void)fprintf(stderr, "%c%s? [y/N] ", toupper((unsigned char)act[0]), act + 1);
    char answer[16] = "";
    if (fgets(answer, sizeof answer, stdin) == NULL ||
        (strcmp(answer, "y\n") != 0 && strcmp(answer, "yes\n") != 0)) {
        return err_set(err, ERR_CONFLICT, "nothing was changed");
    }
    return ERR_OK;
}

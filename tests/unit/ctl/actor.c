/* Who sits at the keyboard, as sudo, the terminal and the list of users have it. */
#include "ctl/actor.h"

#include <errno.h>
#include <pwd.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What the machine says of this process; NULL: nothing. */
static struct {
    uid_t effective_uid;
    const char *login;
    char *user_name;
} machine;

uid_t __wrap_geteuid(void);
uid_t __wrap_getuid(void);
int __wrap_getlogin_r(char *name, size_t name_bytes);
struct passwd *__wrap_getpwuid(uid_t uid);

uid_t __wrap_geteuid(void) {
    return machine.effective_uid;
}

uid_t __wrap_getuid(void) {
    return 1234;
}

int __wrap_getlogin_r(char *name, size_t name_bytes) {
    if (machine.login == NULL) {
        return ENXIO;
    }
    (void)snprintf(name, name_bytes, "%s", machine.login);
    return 0;
}

struct passwd *__wrap_getpwuid(uid_t uid) {
    static struct passwd user;
    assert_int_equal(uid, 1234);
    user.pw_name = machine.user_name;
    return machine.user_name == NULL ? NULL : &user;
}

static void expect(const char *expected) {
    char name[ACTOR_BYTES];
    actor_name(name);
    assert_string_equal(name, expected);
}

static int forget(void **state) {
    (void)state;
    memset(&machine, 0, sizeof machine);
    return unsetenv("SUDO_USER");
}

static void behind_sudo_it_is_the_one_who_called_it(void **state) {
    (void)state;
    machine.login = "bea";
    assert_int_equal(setenv("SUDO_USER", "an\x1bna", 1), 0);
    expect("an na");
    machine.effective_uid = 1234;
    expect("bea"); /* anybody can set a variable */
}

static void without_sudo_it_is_who_logged_in(void **state) {
    (void)state;
    static char name[] = "carl";
    machine.login = "bea";
    machine.user_name = name;
    expect("bea");
    assert_int_equal(setenv("SUDO_USER", "", 1), 0);
    expect("bea");
}

static void without_a_terminal_it_is_the_user(void **state) {
    (void)state;
    static char name[] = "carl";
    machine.user_name = name;
    expect("carl");
    machine.login = "";
    expect("carl");
}

static void somebody_is_always_named(void **state) {
    (void)state;
    static char nothing[] = "";
    expect("uid 1234");
    machine.user_name = nothing;
    expect("uid 1234");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(behind_sudo_it_is_the_one_who_called_it, forget),
        cmocka_unit_test_setup(without_sudo_it_is_who_logged_in, forget),
        cmocka_unit_test_setup(without_a_terminal_it_is_the_user, forget),
        cmocka_unit_test_setup(somebody_is_always_named, forget),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

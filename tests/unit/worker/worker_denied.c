/* A worker without memory: it does not open, and an answer that cannot be kept is judged all the same. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/deny.h"
#include "tests/unit/worker/scene.h"

enum { NTH_MAX = 100 };

static void a_worker_that_cannot_open_says_so(void **state) {
    (void)state;
    struct scene scene;
    scene_open(&scene, 0, CONCURRENCY);
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct worker *worker = NULL;
        deny(DENY_MEMORY, nth, ENOMEM);
        enum err_code code = worker_open(&scene.options, &worker, &scene.err);
        was_denied = deny_end();
        assert_int_equal(code, was_denied ? ERR_FATAL : ERR_OK);
        assert_true(!was_denied || worker == NULL);
        worker_close(worker);
    }
    scene_close(&scene);
}

static void an_answer_that_cannot_be_kept_is_judged_all_the_same(void **state) {
    (void)state;
    bool was_denied = true;
    for (int nth = 1; was_denied; nth++) {
        assert_true(nth < NTH_MAX);
        struct scene scene;
        scene_open(&scene, 1, CONCURRENCY);
        scene_settle_down(&scene);
        fake_transport_answer_all(scene.wire, 400);
        deny(DENY_MEMORY, nth, ENOMEM);
        scene_settle_down(&scene);
        was_denied = deny_end();
        assert_int_equal(fake_store_count_lines(scene.store, OUTCOME_DEAD), 1);
        scene_close(&scene);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_worker_that_cannot_open_says_so),
        cmocka_unit_test(an_answer_that_cannot_be_kept_is_judged_all_the_same),
    };
    return cmocka_run_group_tests_name("worker/worker_denied", tests, NULL, NULL);
}

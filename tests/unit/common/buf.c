/* Bytes: that they grow to the maximum and not beyond, and that one failure is enough to see. */
#include "common/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"

/* realloc is wrapped by the linker: the test decides when memory is gone. */
void *__real_realloc(void *pointer, size_t byte_count);
void *__wrap_realloc(void *pointer, size_t byte_count);

static bool memory_is_gone;

void *__wrap_realloc(void *pointer, size_t byte_count) {
    return memory_is_gone ? NULL : __real_realloc(pointer, byte_count);
}

static void collects_text_bytes_and_formats(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 1000);
    assert_string_equal(buf_text(&buf), "");
    buf_append_text(&buf, "a");
    buf_append(&buf, "b\0c", 3);
    buf_append_format(&buf, "%d-%s", 42, "x");
    buf_append(&buf, NULL, 0);
    assert_false(buf_failed(&buf));
    assert_int_equal(buf.length, 8);
    assert_memory_equal(buf.bytes, "ab\0c42-x", 9);
    buf_release(&buf);
}

static void the_maximum_itself_fits_and_one_more_does_not(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    buf_append_text(&buf, "abc");
    assert_false(buf_failed(&buf));
    buf_append_text(&buf, "d");
    assert_true(buf_failed(&buf));
    assert_string_equal(buf_text(&buf), "abc");
    buf_release(&buf);
}

static void a_failure_sticks(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    buf_append_format(&buf, "%s", "abcd");
    buf_append_text(&buf, "a");
    assert_true(buf_failed(&buf));
    assert_string_equal(buf_text(&buf), "");
    assert_null(buf_take(&buf, NULL));
    buf_release(&buf);
}

static void clear_forgets_bytes_and_failure(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 3);
    buf_clear(&buf);
    buf_append_text(&buf, "ab");
    buf_append_text(&buf, "cd");
    assert_true(buf_failed(&buf));
    buf_clear(&buf);
    assert_false(buf_failed(&buf));
    assert_string_equal(buf_text(&buf), "");
    buf_append_text(&buf, "xyz");
    assert_string_equal(buf_text(&buf), "xyz");
    buf_release(&buf);
}

static void take_hands_over_and_leaves_it_usable(void **state) {
    (void)state;
    struct buf buf;
    size_t length = 99;
    buf_init(&buf, 10);
    char *empty = buf_take(&buf, &length);
    assert_string_equal(empty, "");
    assert_int_equal(length, 0);
    free(empty);
    buf_append_text(&buf, "abc");
    char *text = buf_take(&buf, NULL);
    assert_string_equal(text, "abc");
    free(text);
    buf_append_text(&buf, "next");
    assert_string_equal(buf_text(&buf), "next");
    buf_release(&buf);
}

static void release_is_right_for_a_zeroed_one(void **state) {
    (void)state;
    struct buf buf = {0};
    buf_release(&buf);
    buf_append_text(&buf, "x"); /* its maximum is 0 */
    assert_true(buf_failed(&buf));
}

static void out_of_memory_is_a_failure_that_keeps_what_is_there(void **state) {
    (void)state;
    struct buf buf;
    char much[1024] = {0};
    buf_init(&buf, 10000);
    buf_append_text(&buf, "abc");
    memory_is_gone = true;
    buf_append(&buf, much, sizeof much);
    memory_is_gone = false;
    assert_true(buf_failed(&buf));
    assert_string_equal(buf_text(&buf), "abc");
    buf_release(&buf);
}

static void without_a_maximum_it_grows_as_it_must(void **state) {
    (void)state;
    struct buf buf;
    char chunk[1000] = {0};
    buf_init(&buf, SIZE_MAX);
    for (int i = 0; i < 70; i++) {
        buf_append(&buf, chunk, sizeof chunk);
    }
    assert_false(buf_failed(&buf));
    assert_int_equal(buf.length, 70000);
    buf_release(&buf);
}

static void a_format_that_cannot_be_written_is_a_failure(void **state) {
    (void)state;
    struct buf buf;
    buf_init(&buf, 100);
    buf_append_text(&buf, "abc");
    buf_append_format(&buf, "%ls", L"\x20AC"); /* the C locale has no euro */
    assert_true(buf_failed(&buf));
    assert_string_equal(buf_text(&buf), "abc");
    buf_release(&buf);
}

static void memory_stays_near_the_maximum(void **state) {
    (void)state;
    struct buf buf;
    char chunk[1000] = {0};
    buf_init(&buf, 70000);
    for (int i = 0; i < 70; i++) {
        buf_append(&buf, chunk, sizeof chunk);
    }
    assert_false(buf_failed(&buf));
    assert_int_equal(buf.capacity, 70001);
    buf_release(&buf);
}

/* One random append, done to the buf and to a plain array; returns whether it had to fit. */
static bool append_both(struct buf *buf, char *model, size_t *model_length, size_t length_max,
                        const struct random *random) {
    char chunk[300];
    size_t byte_count = (size_t)random_below(random, sizeof chunk);
    memset(chunk, 'a' + (int)random_below(random, 26), sizeof chunk);
    if (random_below(random, 2) == 0) {
        buf_append(buf, chunk, byte_count);
    } else {
        buf_append_format(buf, "%.*s", (int)byte_count, chunk);
    }
    if (*model_length + byte_count > length_max) {
        return false;
    }
    memcpy(model + *model_length, chunk, byte_count);
    *model_length += byte_count;
    return true;
}

static void random_appends_agree_with_a_plain_array(void **state) {
    (void)state;
    struct random_seeded seeded;
    struct random random = random_seeded(&seeded, 20261122);
    for (int round = 0; round < 300; round++) {
        char model[2000];
        size_t model_length = 0;
        size_t length_max = (size_t)random_below(&random, sizeof model);
        struct buf buf;
        buf_init(&buf, length_max);
        bool fits = true;
        while (fits) {
            fits = append_both(&buf, model, &model_length, length_max, &random);
            assert_int_equal(buf_failed(&buf), !fits);
            assert_int_equal(buf.length, model_length);
            assert_memory_equal(buf_text(&buf), model, model_length);
            assert_int_equal(buf_text(&buf)[buf.length], '\0');
        }
        buf_release(&buf);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(collects_text_bytes_and_formats),
        cmocka_unit_test(the_maximum_itself_fits_and_one_more_does_not),
        cmocka_unit_test(a_failure_sticks),
        cmocka_unit_test(clear_forgets_bytes_and_failure),
        cmocka_unit_test(take_hands_over_and_leaves_it_usable),
        cmocka_unit_test(release_is_right_for_a_zeroed_one),
        cmocka_unit_test(out_of_memory_is_a_failure_that_keeps_what_is_there),
        cmocka_unit_test(without_a_maximum_it_grows_as_it_must),
        cmocka_unit_test(a_format_that_cannot_be_written_is_a_failure),
        cmocka_unit_test(memory_stays_near_the_maximum),
        cmocka_unit_test(random_appends_agree_with_a_plain_array),
    };
    return cmocka_run_group_tests_name("common/buf", tests, NULL, NULL);
}

/* The log as a process uses it: format by surroundings, levels, lines that stay whole. */
#include "common/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/log/format.h"
#include "tests/unit/common/capture.h"

/* Calls that are wrapped by the linker: the test decides whether there is a journal and what it says,
   whether files open, and how often a signal interrupts a write. */
struct iovec;
int __real_access(const char *path, int mode);
int __wrap_access(const char *path, int mode);
int __wrap_sd_journal_sendv(const struct iovec *parts, int part_count);
int __real_open64(const char *path, int flags, ...);
int __wrap_open64(const char *path, int flags, ...);
ssize_t __real_write(int fd, const void *bytes, size_t byte_count);
ssize_t __wrap_write(int fd, const void *bytes, size_t byte_count);

static struct {
    bool is_there;
    int answer;
    int line_count;
} journal;
static bool has_no_descriptors;
static int interrupts_left;

int __wrap_access(const char *path, int mode) {
    bool is_journal = strcmp(path, "/run/systemd/journal/socket") == 0;
    return is_journal ? journal.is_there ? 0 : -1 : __real_access(path, mode);
}

int __wrap_sd_journal_sendv(const struct iovec *parts, int part_count) {
    (void)parts;
    (void)part_count;
    journal.line_count++;
    return journal.answer;
}

int __wrap_open64(const char *path, int flags, ...) {
    if (has_no_descriptors) {
        errno = ENFILE;
        return -1;
    }
    return __real_open64(path, flags, 0);
}

/* Interrupted, then only the first byte is taken. */
ssize_t __wrap_write(int fd, const void *bytes, size_t byte_count) {
    if (interrupts_left > 0) {
        interrupts_left--;
        if (interrupts_left % 2 == 1) {
            errno = EINTR;
            return -1;
        }
        return __real_write(fd, bytes, 1);
    }
    return __real_write(fd, bytes, byte_count);
}

enum { TEXT_BYTES_MAX = 16 * 1024 * 1024 };

static char *log_one_line(enum log_format format) {
    struct capture capture;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_init("api", format, LOG_LEVEL_INFO);
    log_warning(LOG_MSG("hello"), LOG_INT("n", 1));
    capture_end(&capture, &text);
    return buf_take(&text, NULL);
}

static void before_init_lines_are_text_at_info(void **state) {
    (void)state;
    struct capture capture;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_debug(LOG_MSG("unseen"));
    log_info(LOG_MSG("seen"), LOG_TEXT("why", "no init yet"));
    capture_end(&capture, &text);
    assert_non_null(strstr(buf_text(&text), "Z info  seen why=\"no init yet\"\n"));
    assert_null(strstr(buf_text(&text), "unseen"));
    buf_release(&text);
}

static void auto_is_json_when_nobody_watches(void **state) {
    (void)state;
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    char *line = log_one_line(LOG_FORMAT_AUTO);
    assert_memory_equal(line, "{\"ts\":\"", 7);
    assert_non_null(
        strstr(line, "\"level\":\"warning\",\"msg\":\"hello\",\"component\":\"api\",\"n\":1}\n"));
    free(line);
}

static void a_journal_stream_that_is_not_stderr_does_not_count(void **state) {
    (void)state;
    assert_int_equal(setenv("JOURNAL_STREAM", "1:1", 1), 0);
    char *line = log_one_line(LOG_FORMAT_AUTO);
    assert_int_equal(line[0], '{');
    free(line);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
}

static void auto_takes_the_journal_when_stderr_is_connected_to_it(void **state) {
    (void)state;
    struct capture capture;
    struct buf text;
    struct stat stat;
    char stream[64];
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    int result = fstat(STDERR_FILENO, &stat);
    (void)snprintf(stream, sizeof stream, "%ju:%ju", (uintmax_t)stat.st_dev,
                   (uintmax_t)stat.st_ino);
    result += setenv("JOURNAL_STREAM", stream, 1);
    journal.line_count = 0;
    journal.is_there = true;
    log_init("api", LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
    log_info(LOG_MSG("to the journal"));
    journal.is_there = false;
    log_init("api", LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
    log_info(LOG_MSG("to stderr"));
    capture_end(&capture, &text);
    assert_int_equal(result, 0);
    assert_int_equal(unsetenv("JOURNAL_STREAM"), 0);
    assert_int_equal(journal.line_count, 1);
    assert_null(strstr(buf_text(&text), "to the journal"));
    assert_non_null(strstr(buf_text(&text), "Z info  to stderr\n"));
    buf_release(&text);
}

static void what_the_journal_does_not_take_goes_to_stderr(void **state) {
    (void)state;
    journal.is_there = true;
    journal.line_count = 0;
    journal.answer = 0;
    char *taken = log_one_line(LOG_FORMAT_JOURNAL);
    journal.answer = -ENOBUFS;
    char *refused = log_one_line(LOG_FORMAT_JOURNAL);
    journal.answer = 0;
    journal.is_there = false;
    char *without = log_one_line(LOG_FORMAT_JOURNAL);
    assert_int_equal(journal.line_count, 2);
    assert_string_equal(taken, "");
    assert_non_null(strstr(refused, "hello n=1\n"));
    assert_non_null(strstr(without, "hello n=1\n"));
    free(taken);
    free(refused);
    free(without);
}

static void a_line_survives_signals(void **state) {
    (void)state;
    struct capture capture;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_init("api", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    interrupts_left = 6;
    log_info(LOG_MSG("whole"));
    capture_end(&capture, &text);
    assert_int_equal(interrupts_left, 0);
    assert_non_null(strstr(buf_text(&text), "Z info  whole\n"));
    buf_release(&text);
}

static void auto_is_text_on_a_terminal(void **state) {
    (void)state;
    int controller = -1;
    int terminal = -1;
    char line[256] = {0};
    assert_int_equal(openpty(&controller, &terminal, NULL, NULL, NULL), 0);
    int saved = dup(STDERR_FILENO);
    assert_int_equal(dup2(terminal, STDERR_FILENO), STDERR_FILENO);
    log_init("api", LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
    log_error(LOG_MSG("hello"));
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    assert_true(read(controller, line, sizeof line - 1) > 0);
    assert_non_null(strstr(line, "Z error hello\r\n"));
    (void)close(saved);
    (void)close(terminal);
    (void)close(controller);
}

static void levels_below_the_chosen_one_are_left_out(void **state) {
    (void)state;
    struct capture capture;
    struct buf text;
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_init("api", LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
    log_warning(LOG_MSG("one"));
    log_error(LOG_MSG("two"));
    log_set_level(LOG_LEVEL_DEBUG);
    log_debug(LOG_MSG("three"));
    capture_end(&capture, &text);
    assert_null(strstr(buf_text(&text), "one"));
    assert_non_null(strstr(buf_text(&text), "two"));
    assert_non_null(strstr(buf_text(&text), "three"));
    buf_release(&text);
}

enum { THREADS = 4, LINES = 500 };

static void *write_many(void *context) {
    const char *name = context;
    char filling[1500];
    memset(filling, name[0], sizeof filling - 1);
    filling[sizeof filling - 1] = '\0';
    for (int i = 0; i < LINES; i++) {
        log_info(LOG_MSG("m"), LOG_TEXT("filling", filling), LOG_TEXT("end", "here"));
    }
    return NULL;
}

static void lines_of_several_threads_are_never_mixed(void **state) {
    (void)state;
    static char names[THREADS][2] = {"a", "b", "c", "d"};
    pthread_t threads[THREADS];
    struct capture capture;
    struct buf text;
    int result = 0;
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_init("api", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
    for (size_t i = 0; i < THREADS; i++) {
        result += pthread_create(&threads[i], NULL, write_many, names[i]);
    }
    for (size_t i = 0; i < THREADS; i++) {
        result += pthread_join(threads[i], NULL);
    }
    capture_end(&capture, &text);
    assert_int_equal(result, 0);
    size_t line_count = 0;
    char *rest = NULL;
    for (char *line = strtok_r(text.bytes, "\n", &rest); line != NULL;
         line = strtok_r(NULL, "\n", &rest)) {
        const char *filling = strstr(line, "\"filling\":\"") + strlen("\"filling\":\"");
        size_t run = strspn(filling, (char[]){filling[0], '\0'});
        assert_int_equal(run, 1499);
        assert_string_equal(filling + run, "\",\"end\":\"here\"}");
        line_count++;
    }
    assert_int_equal(line_count, THREADS * LINES);
    buf_release(&text);
}

static void a_stderr_that_takes_nothing_harms_nobody(void **state) {
    (void)state;
    int saved = dup(STDERR_FILENO);
    int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
    assert_true(saved >= 0 && full >= 0);
    assert_int_equal(dup2(full, STDERR_FILENO), STDERR_FILENO);
    log_init("api", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    errno = EDOM;
    log_info(LOG_MSG("lost"));
    int kept = errno;
    assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
    (void)close(saved);
    (void)close(full);
    assert_int_equal(kept, EDOM); /* a log line never changes errno */
}

static void gathered_lines_wait_for_a_flush_or_for_trouble(void **state) {
    (void)state;
    struct capture capture;
    struct buf text;
    off_t sizes[4] = {0};
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_init("api", LOG_FORMAT_TEXT, LOG_LEVEL_INFO);
    log_gather();
    log_info(LOG_MSG("one"));
    sizes[0] = lseek(STDERR_FILENO, 0, SEEK_END);
    log_flush();
    sizes[1] = lseek(STDERR_FILENO, 0, SEEK_END);
    log_info(LOG_MSG("two"));
    sizes[2] = lseek(STDERR_FILENO, 0, SEEK_END);
    log_warning(LOG_MSG("three"));
    sizes[3] = lseek(STDERR_FILENO, 0, SEEK_END);
    capture_end(&capture, &text);
    assert_int_equal(sizes[0], 0);
    assert_true(sizes[1] > 0);
    assert_int_equal(sizes[2], sizes[1]);
    assert_int_equal(sizes[3], text.length);
    const char *two = strstr(buf_text(&text), "two\n");
    assert_non_null(two);
    assert_non_null(strstr(two, "three\n"));
    buf_release(&text);
}

static void more_than_can_gather_is_written_whole_and_in_order(void **state) {
    (void)state;
    enum { MANY = 3000 };
    struct capture capture;
    struct buf text;
    char filling[64];
    memset(filling, 'x', sizeof filling - 1);
    filling[sizeof filling - 1] = '\0';
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    log_gather();
    for (int i = 0; i < MANY; i++) {
        log_info(LOG_MSG("line"), LOG_INT("n", i), LOG_TEXT("filling", filling));
    }
    log_flush();
    capture_end(&capture, &text);
    const char *next = buf_text(&text);
    for (int i = 0; i < MANY; i++) {
        char expected[32];
        (void)snprintf(expected, sizeof expected, "line n=%d filling=x", i);
        next = strstr(next, expected);
        assert_non_null(next);
        next = strchr(next, '\n');
        assert_non_null(next);
    }
    assert_string_equal(next, "\n");
    buf_release(&text);
}

/* As many fields as there may be, each cut, and twice that: what gathered before goes out first. */
static void the_longest_line_can_be_gathered(void **state) {
    (void)state;
    static char filling[2 * LOG_FIELD_BYTES_MAX];
    static char name[LOG_NAME_BYTES_MAX + 1];
    struct log_field fields[LOG_FIELDS_MAX + 1] = {LOG_MSG(filling)};
    memset(filling, '"', sizeof filling - 1);
    memset(name, 'n', sizeof name - 1);
    for (int i = 1; i < LOG_FIELDS_MAX; i++) {
        fields[i] = (struct log_field)LOG_TEXT(name, filling);
    }
    static const enum log_format formats[] = {LOG_FORMAT_JSON, LOG_FORMAT_TEXT};
    for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
        struct capture capture;
        struct buf text;
        buf_init(&text, TEXT_BYTES_MAX);
        capture_begin(&capture, STDERR_FILENO);
        log_init("api", formats[i], LOG_LEVEL_INFO);
        log_gather();
        log_write(LOG_LEVEL_INFO, fields);
        off_t first_bytes = lseek(STDERR_FILENO, 0, SEEK_END);
        log_write(LOG_LEVEL_INFO, fields);
        off_t second_bytes = lseek(STDERR_FILENO, 0, SEEK_END);
        log_flush();
        capture_end(&capture, &text);
        assert_int_equal(first_bytes, 0);
        assert_true(second_bytes > LOG_FIELDS_MAX * LOG_FIELD_BYTES_MAX);
        assert_int_equal(text.length, 2 * second_bytes);
        buf_release(&text);
    }
}

static void what_gathered_is_written_at_exit(void **state) {
    (void)state;
    struct capture capture;
    struct buf text;
    int status = 0;
    buf_init(&text, TEXT_BYTES_MAX);
    capture_begin(&capture, STDERR_FILENO);
    pid_t pid = fork();
    if (pid == 0) {
        log_info(LOG_MSG("the last words"));
        exit(0);
    }
    pid_t ended = waitpid(pid, &status, 0);
    capture_end(&capture, &text);
    assert_int_equal(ended, pid);
    assert_int_equal(status, 0);
    assert_non_null(strstr(buf_text(&text), "the last words\n"));
    buf_release(&text);
}

static void nothing_else_gets_the_number_of_a_missing_stderr(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        (void)close(STDIN_FILENO);
        (void)close(STDERR_FILENO);
        log_init("api", LOG_FORMAT_JSON, LOG_LEVEL_INFO);
        _exit(open("/dev/zero", O_RDONLY | O_CLOEXEC) > STDERR_FILENO ? 7 : 1);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void a_process_without_descriptors_logs_as_far_as_it_can(void **state) {
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        (void)setenv("JOURNAL_STREAM", "1:1", 1);
        (void)close(STDERR_FILENO);
        has_no_descriptors = true;
        log_init("api", LOG_FORMAT_AUTO, LOG_LEVEL_INFO);
        log_info(LOG_MSG("lost"));
        _exit(7);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
}

static void names_of_levels_are_understood(void **state) {
    (void)state;
    static const char *const names[] = {"error", "warning", "info", "debug"};
    struct err err;
    enum log_level level = LOG_LEVEL_DEBUG;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(log_level_parse(names[i], &level, &err), ERR_OK);
        assert_int_equal(level, i);
    }
    assert_int_equal(log_level_parse("Info", &level, &err), ERR_INVALID);
    assert_string_equal(err.text, "\"Info\" is no log level: error, warning, info, debug");
}

static void names_of_formats_are_understood(void **state) {
    (void)state;
    static const char *const names[] = {"auto", "json", "text", "journal"};
    struct err err;
    enum log_format format = LOG_FORMAT_AUTO;
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(log_format_parse(names[i], &format, &err), ERR_OK);
        assert_int_equal(format, i);
    }
    assert_int_equal(log_format_parse("", &format, &err), ERR_INVALID);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(before_init_lines_are_text_at_info), /* first: nothing undoes log_init */
        cmocka_unit_test(auto_is_json_when_nobody_watches),
        cmocka_unit_test(a_journal_stream_that_is_not_stderr_does_not_count),
        cmocka_unit_test(auto_takes_the_journal_when_stderr_is_connected_to_it),
        cmocka_unit_test(what_the_journal_does_not_take_goes_to_stderr),
        cmocka_unit_test(a_line_survives_signals),
        cmocka_unit_test(auto_is_text_on_a_terminal),
        cmocka_unit_test(levels_below_the_chosen_one_are_left_out),
        cmocka_unit_test(lines_of_several_threads_are_never_mixed),
        cmocka_unit_test(a_stderr_that_takes_nothing_harms_nobody),
        cmocka_unit_test(nothing_else_gets_the_number_of_a_missing_stderr),
        cmocka_unit_test(a_process_without_descriptors_logs_as_far_as_it_can),
        cmocka_unit_test(names_of_levels_are_understood),
        cmocka_unit_test(names_of_formats_are_understood),
        /* Last: gathering has no end. */
        cmocka_unit_test(gathered_lines_wait_for_a_flush_or_for_trouble),
        cmocka_unit_test(more_than_can_gather_is_written_whole_and_in_order),
        cmocka_unit_test(the_longest_line_can_be_gathered),
        cmocka_unit_test(what_gathered_is_written_at_exit),
    };
    return cmocka_run_group_tests_name("common/log", tests, NULL, NULL);
}

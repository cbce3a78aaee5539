#include "sandbox/play.h"

#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/log.h"

/* A client that leaves, or a full socket, is looked at again after this. */
enum { LOOK_MS = 10, REQUEST_TEXT_BYTES = 128 };

struct play {
    int fd;                    /* -1: a late answer */
    struct exchange *exchange; /* NULL: the descriptor is ours */
    struct reply *reply;       /* a late answer; NULL: a cut */
    struct play_plan plan;
    size_t written_count;
    int64_t next_at_ms;
    int64_t ends_at_ms;
    bool is_over;
};

struct plays {
    const struct clock *clock;
    struct play *list;
    size_t count, capacity;
    int32_t stream_count;
    bool is_draining;
};

enum err_code plays_open(const struct clock *clock, struct plays **plays_out, struct err *err) {
    struct plays *plays = calloc(1, sizeof(*plays));
    if (plays == NULL) {
        return err_set(err, ERR_FATAL, "out of memory for the misbehaviours");
    }
    plays->clock = clock;
    *plays_out = plays;
    return ERR_OK;
}

/* ---- Ends ------------------------------------------------------------------------------------ */

/* Copies what stands between `before` and the next `end`; "" if there is none. */
static void copy_between(const char *bytes, size_t byte_count, const char *before, char end,
                         char text[REQUEST_TEXT_BYTES]) {
    const char *at = memmem(bytes, byte_count, before, strlen(before));
    text[0] = '\0';
    if (at == NULL) {
        return;
    }
    at += strlen(before);
    const char *stop = memchr(at, end, byte_count - (size_t)(at - bytes));
    if (stop != NULL && stop - at < REQUEST_TEXT_BYTES) {
        memcpy(text, at, (size_t)(stop - at));
        text[stop - at] = '\0';
    }
}

/* What was sent and nobody will answer is on record, too. */
static void report_request(const char *bytes, size_t byte_count) {
    static const char start[] = "POST ";
    char path[REQUEST_TEXT_BYTES], request_id[REQUEST_TEXT_BYTES];
    if (byte_count < sizeof(start) - 1 || memcmp(bytes, start, sizeof(start) - 1) != 0) {
        return;
    }
    copy_between(bytes, byte_count, start, ' ', path);
    copy_between(bytes, byte_count, "\r\nX-Request-Id: ", '\r', request_id);
    log_info(LOG_MSG("request dropped"), LOG_TEXT("path", path),
             LOG_TEXT("request_id", request_id));
}

static void drop_input(const struct play *play) {
    char bytes[4096];
    ssize_t n;
    do {
        n = recv(play->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
        report_request(bytes, n > 0 ? (size_t)n : 0);
    } while (n > 0);
}

static void end_socket(struct play *play, bool with_reset) {
    drop_input(play);
    if (play->exchange != NULL) {
        exchange_end_hijack(play->exchange, with_reset);
        return;
    }
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    if (with_reset) {
        (void)setsockopt(play->fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    }
    (void)close(play->fd);
}

static int64_t read_nothing(void *context, char *bytes, size_t bytes_max) {
    (void)context;
    (void)bytes;
    (void)bytes_max;
    return -2;
}

static void end_late(struct play *play) {
    if (play->reply != NULL) {
        exchange_reply(play->exchange, play->reply);
        free(play->reply);
        return;
    }
    /* Over TLS there is no bare socket to close: a body that breaks off has to do. */
    struct reply reply = {.status = 202, .closes = true};
    exchange_reply_stream(play->exchange, &reply, 1, read_nothing, NULL, NULL);
}

static void end(struct play *play, bool with_reset) {
    if (play->fd < 0) {
        end_late(play);
    } else {
        end_socket(play, with_reset);
    }
    free(play->plan.bytes);
    play->plan.bytes = NULL;
    play->is_over = true;
}

void plays_close(struct plays *plays) {
    if (plays == NULL) {
        return;
    }
    assert(plays->count == 0 && plays->stream_count == 0);
    free(plays->list);
    free(plays);
}

/* ---- Beginnings ------------------------------------------------------------------------------ */

static void add(struct plays *plays, struct play *play) {
    if (plays->count == plays->capacity) {
        size_t capacity = plays->capacity == 0 ? 16 : plays->capacity * 2;
        struct play *list = reallocarray(plays->list, capacity, sizeof(*list));
        if (list == NULL) {
            end(play, true);
            return;
        }
        plays->list = list;
        plays->capacity = capacity;
    }
    plays->list[plays->count++] = *play;
}

static void add_socket(struct plays *plays, int fd, struct exchange *exchange,
                       struct play_plan *plan) {
    assert(plan->ends_after_ms > 0 && (!plan->repeats || plan->byte_count > 0));
    int64_t now_ms = clock_mono_ms(plays->clock);
    struct play play = {
        .fd = fd,
        .exchange = exchange,
        .plan = *plan,
        .next_at_ms = now_ms,
        .ends_at_ms = now_ms + plan->ends_after_ms,
    };
    add(plays, &play);
}

void plays_add_exchange(struct plays *plays, struct exchange *exchange, struct play_plan *plan) {
    int fd = exchange_hijack(exchange);
    if (fd < 0) { /* no descriptor is left */
        exchange_end_hijack(exchange, true);
        free(plan->bytes);
        return;
    }
    add_socket(plays, fd, exchange, plan);
}

void plays_add_fd(struct plays *plays, int fd, struct play_plan *plan) {
    assert(fd >= 0);
    add_socket(plays, fd, NULL, plan);
}

void plays_add_late(struct plays *plays, struct exchange *exchange, struct reply *reply,
                    int64_t delay_ms) {
    int64_t at_ms = clock_mono_ms(plays->clock) + delay_ms;
    struct play play = {.fd = -1, .exchange = exchange, .next_at_ms = at_ms, .ends_at_ms = at_ms};
    if (reply != NULL) {
        play.reply = malloc(sizeof(*reply));
        if (play.reply == NULL) {
            exchange_reply(exchange, reply);
            return;
        }
        *play.reply = *reply;
    }
    add(plays, &play);
}

/* ---- Turns ----------------------------------------------------------------------------------- */

/* What the client did: POLLIN, POLLRDHUP, POLLHUP, POLLERR. */
static short look(const struct play *play) {
    struct pollfd look = {.fd = play->fd, .events = POLLIN | POLLRDHUP};
    return poll(&look, 1, 0) == 1 ? look.revents : 0;
}

/* The next bytes of the plan; false: the socket is full or gone. */
static bool write_step(struct play *play) {
    const struct play_plan *plan = &play->plan;
    size_t left = plan->byte_count - play->written_count;
    size_t step = plan->step_bytes == 0 || plan->step_bytes > left ? left : plan->step_bytes;
    ssize_t n =
        send(play->fd, plan->bytes + play->written_count, step, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0) {
        play->is_over = errno != EAGAIN && errno != EINTR;
        return false;
    }
    play->written_count += (size_t)n;
    if (plan->repeats && play->written_count == plan->byte_count) {
        play->written_count = 0;
    }
    return true;
}

static void write_due(struct play *play, int64_t now_ms) {
    while (play->written_count < play->plan.byte_count && now_ms >= play->next_at_ms) {
        if (!write_step(play)) {
            play->next_at_ms = now_ms + LOOK_MS;
            return;
        }
        if (play->plan.interval_ms > 0) {
            play->next_at_ms = now_ms + play->plan.interval_ms;
        }
    }
}

static void turn_socket(struct play *play, int64_t now_ms) {
    short seen = look(play);
    if (play->plan.waits_for_bytes) {
        if ((seen & POLLIN) == 0 && (seen & (POLLERR | POLLHUP)) == 0) {
            return;
        }
        play->plan.waits_for_bytes = false;
        drop_input(play);
    }
    write_due(play, now_ms);
    if (play->is_over || (seen & (POLLERR | POLLHUP | POLLRDHUP)) != 0) {
        end(play, play->plan.end == PLAY_RESET);
    } else if (play->written_count == play->plan.byte_count) {
        bool more_came = (seen & POLLIN) != 0;
        if (play->plan.end == PLAY_CLOSE_ON_REQUEST && more_came) {
            drop_input(play);
        }
        if (play->plan.end == PLAY_CLOSE || play->plan.end == PLAY_RESET ||
            (play->plan.end == PLAY_CLOSE_ON_REQUEST && more_came)) {
            end(play, play->plan.end == PLAY_RESET);
        }
    }
}

static void sweep(struct plays *plays) {
    size_t kept = 0;
    for (size_t i = 0; i < plays->count; i++) {
        if (!plays->list[i].is_over) {
            plays->list[kept++] = plays->list[i];
        }
    }
    plays->count = kept;
}

void plays_turn(struct plays *plays) {
    int64_t now_ms = clock_mono_ms(plays->clock);
    for (size_t i = 0; i < plays->count; i++) {
        struct play *play = &plays->list[i];
        if (plays->is_draining || now_ms >= play->ends_at_ms) {
            end(play, true);
        } else if (play->fd >= 0) {
            turn_socket(play, now_ms);
        }
    }
    sweep(plays);
}

void plays_drain(struct plays *plays) {
    plays->is_draining = true;
    plays_turn(plays);
}

bool plays_is_draining(const struct plays *plays) {
    return plays->is_draining;
}

void plays_begin_stream(struct plays *plays) {
    plays->stream_count++;
}

void plays_end_stream(struct plays *plays) {
    assert(plays->stream_count > 0);
    plays->stream_count--;
}

int32_t plays_stream_count(const struct plays *plays) {
    return plays->stream_count;
}

int32_t plays_wait_ms(const struct plays *plays) {
    int64_t now_ms = clock_mono_ms(plays->clock);
    int64_t wait_ms = INT32_MAX;
    for (size_t i = 0; i < plays->count; i++) {
        const struct play *play = &plays->list[i];
        int64_t left_ms = play->fd >= 0 ? LOOK_MS : play->ends_at_ms - now_ms;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    return wait_ms < 0 ? 0 : (int32_t)wait_ms;
}

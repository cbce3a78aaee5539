/*
 * An open-loop load generator: requests leave at their time, whatever became of those before, and a
 * latency counts from the moment a request was meant to leave. So a stall of the server, or a lack
 * of free connections, shows in every request that it delays (no coordinated omission).
 *
 * Prints one line of JSON. Exit status 1: nothing was answered; 2: wrong usage.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>

#include "bench/histogram.h"
#include "bench/link.h"
#include "bench/template.h"
#include "common/clock.h"
#include "common/config.h"

enum {
    US_PER_S = MS_PER_S * US_PER_MS,
    NS_PER_US = 1000,
    LINKS_MAX = 8192,
    EVENTS_MAX = 256,
    REQUEST_BYTES_MAX = 128 * 1024,
    STATUSES_MAX = 16,
    TEXTS_MAX = 16,
    WAIT_US_MAX = 50 * US_PER_MS,
};

static const char usage[] =
    "usage: open-loop --target HOST:PORT --rate N [options]\n"
    "  --rate N          requests a second, evenly spread\n"
    "  --seconds N       how long they are counted (default 10)\n"
    "  --warmup N        seconds before, not counted (default 0)\n"
    "  --connections N   at most, opened as they are needed (default 256)\n"
    "  --timeout N       milliseconds after which a request counts as unanswered (default 10000)\n"
    "  --method TEXT     (default POST)\n"
    "  --path TEXT       (default /pre-order)\n"
    "  --header TEXT     one more, may be repeated; with any, the default Idempotency-Key is left "
    "out\n"
    "  --body TEXT       (default: a preorder)\n"
    "In path, headers and body {n} is the request's number and {key} 32 random digits.\n";

struct plan {
    const char *target, *method, *path, *body;
    const char *headers[TEXTS_MAX];
    size_t header_count;
    int64_t rate, seconds, warmup_s, connections, timeout_ms;
};

/* A connection with the request that it carries. */
struct carrier {
    struct link link;
    struct buf request;
    int64_t due_us;
    bool counts;
    bool is_watched_for_room;
    struct carrier *next_free;
};

struct status_count {
    int status;
    struct histogram latency;
};

struct run {
    struct plan plan;
    struct sockaddr_in address;
    const struct clock *clock;
    struct random random;
    struct random_seeded seeded;
    int epoll_fd;
    struct carrier **carriers;
    size_t carrier_count;
    struct carrier *free; /* idle or closed: the one used last comes first */
    struct buf head, body;
    int64_t start_us, counted_us; /* when the first leaves, and the first that counts */
    int64_t next_number, end_number;
    size_t busy_count;
    struct histogram all, late;
    struct status_count statuses[STATUSES_MAX];
    size_t status_count;
    int64_t unanswered_count;
    struct histogram refused,
        broken; /* until a connection was refused, or ended without an answer */
    int64_t last_answer_us;
};

static int64_t due_us(const struct run *run, int64_t number) {
    return run->start_us + number * US_PER_S / run->plan.rate;
}

/* ---- One request ------------------------------------------------------------------------------ */

static void render(struct run *run, struct carrier *carrier, int64_t number) {
    const struct plan *plan = &run->plan;
    struct template_values values = {.number = number, .random = &run->random};
    buf_clear(&run->body);
    template_fill(&run->body, plan->body, &values);
    buf_clear(&run->head);
    template_fill(&run->head, plan->path, &values);
    buf_clear(&carrier->request);
    buf_append_format(&carrier->request, "%s %s HTTP/1.1\r\nHost: %s\r\n", plan->method,
                      buf_text(&run->head), plan->target);
    for (size_t i = 0; i < plan->header_count; i++) {
        template_fill(&carrier->request, plan->headers[i], &values);
        buf_append_text(&carrier->request, "\r\n");
    }
    if (run->body.length > 0) {
        buf_append_format(&carrier->request,
                          "Content-Type: application/json\r\nContent-Length: %zu\r\n",
                          run->body.length);
    }
    buf_append_text(&carrier->request, "\r\n");
    buf_append(&carrier->request, run->body.bytes, run->body.length);
}

static struct histogram *latency_of(struct run *run, int status) {
    for (size_t i = 0; i < run->status_count; i++) {
        if (run->statuses[i].status == status) {
            return &run->statuses[i].latency;
        }
    }
    if (run->status_count == STATUSES_MAX) {
        return &run->statuses[STATUSES_MAX - 1].latency;
    }
    run->statuses[run->status_count].status = status;
    return &run->statuses[run->status_count++].latency;
}

static void watch(const struct run *run, struct carrier *carrier, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = carrier};
    (void)epoll_ctl(run->epoll_fd, operation, carrier->link.fd, &event);
    carrier->is_watched_for_room = (events & EPOLLOUT) != 0;
}

static void set_free(struct run *run, struct carrier *carrier) {
    carrier->next_free = run->free;
    run->free = carrier;
    run->busy_count--;
}

static void count_answer(struct run *run, const struct carrier *carrier) {
    run->last_answer_us = clock_mono_us(run->clock);
    if (carrier->counts) {
        int64_t us = run->last_answer_us - carrier->due_us;
        histogram_add(&run->all, us);
        histogram_add(latency_of(run, carrier->link.status), us);
    }
}

static void count_refused(struct run *run, int64_t due_us, bool counts) {
    if (counts) {
        histogram_add(&run->refused, clock_mono_us(run->clock) - due_us);
    }
}

static void count_broken(struct run *run, const struct carrier *carrier) {
    if (carrier->link.error == ECONNREFUSED) {
        count_refused(run, carrier->due_us, carrier->counts);
    } else if (carrier->counts) {
        run->unanswered_count++;
        histogram_add(&run->broken, clock_mono_us(run->clock) - carrier->due_us);
    }
}

/* Goes on with a request; afterwards the carrier may be free again. */
static void turn(struct run *run, struct carrier *carrier) {
    if (!link_turn(&carrier->link)) {
        count_broken(run, carrier);
        link_close(&carrier->link);
        set_free(run, carrier);
        return;
    }
    if (carrier->link.state == LINK_ANSWERED) {
        count_answer(run, carrier);
        link_next(&carrier->link);
        set_free(run, carrier);
    }
    if (carrier->link.state != LINK_CLOSED &&
        carrier->is_watched_for_room != link_wants_to_write(&carrier->link)) {
        watch(run, carrier, EPOLL_CTL_MOD,
              EPOLLIN | (link_wants_to_write(&carrier->link) ? (uint32_t)EPOLLOUT : 0));
    }
}

/* ---- Connections ------------------------------------------------------------------------------ */

static bool add_carrier(struct run *run) {
    struct carrier *carrier = calloc(1, sizeof *carrier);
    if (carrier == NULL || run->carrier_count == (size_t)run->plan.connections) {
        free(carrier);
        return false;
    }
    buf_init(&carrier->request, REQUEST_BYTES_MAX);
    carrier->link.fd = -1;
    carrier->next_free = run->free;
    run->free = carrier;
    run->carriers[run->carrier_count++] = carrier;
    return true;
}

/* A carrier with an open link; NULL: there is none at the moment, or a new one was refused. */
static struct carrier *take_carrier(struct run *run, bool *refused_out) {
    *refused_out = false;
    if (run->free == NULL && !add_carrier(run)) {
        return NULL;
    }
    struct carrier *carrier = run->free;
    if (carrier->link.state == LINK_CLOSED) {
        struct err err = {0};
        if (link_open(&carrier->link, &run->address, &err) != ERR_OK) {
            *refused_out = err.code == ERR_BUSY;
            return NULL;
        }
        watch(run, carrier, EPOLL_CTL_ADD, EPOLLIN);
    }
    run->free = carrier->next_free;
    run->busy_count++;
    return carrier;
}

/* The server may close a link that is idle. */
static void on_event(struct run *run, struct carrier *carrier) {
    if (carrier->link.state == LINK_BUSY) {
        turn(run, carrier);
    } else if (carrier->link.state == LINK_IDLE) {
        link_close(&carrier->link);
    }
}

static void give_up_overdue(struct run *run, int64_t now_us) {
    int64_t oldest_us = now_us - run->plan.timeout_ms * US_PER_MS;
    for (size_t i = 0; i < run->carrier_count; i++) {
        struct carrier *carrier = run->carriers[i];
        if (carrier->link.state == LINK_BUSY && carrier->due_us < oldest_us) {
            run->unanswered_count += carrier->counts ? 1 : 0;
            link_close(&carrier->link);
            set_free(run, carrier);
        }
    }
}

/* ---- The loop --------------------------------------------------------------------------------- */

/* Sends what is due; requests that wait for a connection longer than the timeout count as unanswered. */
static void send_due(struct run *run) {
    int64_t now_us = clock_mono_us(run->clock);
    while (run->next_number < run->end_number && due_us(run, run->next_number) <= now_us) {
        int64_t due = due_us(run, run->next_number);
        bool counts = due >= run->counted_us;
        if (now_us - due > run->plan.timeout_ms * US_PER_MS) {
            run->unanswered_count += counts ? 1 : 0;
            run->next_number++;
            continue;
        }
        bool was_refused = false;
        struct carrier *carrier = take_carrier(run, &was_refused);
        if (was_refused) {
            count_refused(run, due, counts);
            run->next_number++;
            continue;
        }
        if (carrier == NULL) {
            return;
        }
        carrier->due_us = due;
        carrier->counts = counts;
        render(run, carrier, run->next_number++);
        link_send(&carrier->link, carrier->request.bytes, carrier->request.length);
        now_us = clock_mono_us(run->clock);
        if (counts) {
            histogram_add(&run->late, now_us - due);
        }
        turn(run, carrier);
    }
}

static void sleep_until_due(struct run *run, struct epoll_event *events) {
    int64_t wait_us = WAIT_US_MAX;
    if (run->next_number < run->end_number) {
        int64_t left_us = due_us(run, run->next_number) - clock_mono_us(run->clock);
        wait_us = left_us < wait_us ? left_us : wait_us;
        /* Overdue, yet not sent: only an answer frees a connection. */
        wait_us = wait_us < 0 ? US_PER_MS : wait_us;
    }
    struct timespec wait = {.tv_nsec = wait_us * NS_PER_US};
    int count = epoll_pwait2(run->epoll_fd, events, EVENTS_MAX, &wait, NULL);
    for (int i = 0; i < count; i++) {
        on_event(run, events[i].data.ptr);
    }
}

static void work(struct run *run) {
    struct epoll_event events[EVENTS_MAX];
    int64_t next_look_us = 0;
    while (run->next_number < run->end_number || run->busy_count > 0) {
        send_due(run);
        sleep_until_due(run, events);
        int64_t now_us = clock_mono_us(run->clock);
        if (now_us >= next_look_us) {
            next_look_us = now_us + WAIT_US_MAX;
            give_up_overdue(run, now_us);
        }
    }
}

static void print(const struct run *run) {
    double seconds = (double)(run->last_answer_us - run->counted_us) / US_PER_S;
    (void)printf("{\"rate\":%" PRId64 ",\"answered\":%" PRId64 ",\"unanswered\":%" PRId64
                 ",\"per_second\":%.1f,\"connections\":%zu,\"refused_connects\":%" PRId64,
                 run->plan.rate, run->all.count, run->unanswered_count,
                 seconds > 0 ? (double)run->all.count / seconds : 0, run->carrier_count,
                 run->refused.count);
    (void)printf(",\"all\":");
    histogram_print(&run->all);
    (void)printf(",\"late\":");
    histogram_print(&run->late);
    (void)printf(",\"refused\":");
    histogram_print(&run->refused);
    (void)printf(",\"broken\":");
    histogram_print(&run->broken);
    (void)printf(",\"status\":{");
    for (size_t i = 0; i < run->status_count; i++) {
        (void)printf("%s\"%d\":", i == 0 ? "" : ",", run->statuses[i].status);
        histogram_print(&run->statuses[i].latency);
    }
    (void)printf("}}\n");
}

/* ---- Starting --------------------------------------------------------------------------------- */

static bool take_number(const char *text, int64_t *number_out) {
    struct err err = {0};
    return config_parse_integer(text, number_out, &err) == ERR_OK && *number_out >= 0;
}

static bool take_option(struct plan *plan, int option) {
    switch (option) {
    case 't':
        plan->target = optarg;
        return true;
    case 'm':
        plan->method = optarg;
        return true;
    case 'p':
        plan->path = optarg;
        return true;
    case 'b':
        plan->body = optarg;
        return true;
    case 'h':
        plan->headers[plan->header_count++] = optarg;
        return plan->header_count < TEXTS_MAX;
    case 'r':
        return take_number(optarg, &plan->rate);
    case 's':
        return take_number(optarg, &plan->seconds);
    case 'w':
        return take_number(optarg, &plan->warmup_s);
    case 'c':
        return take_number(optarg, &plan->connections);
    case 'o':
        return take_number(optarg, &plan->timeout_ms);
    default:
        return false;
    }
}

static bool read_plan(int argc, char **argv, struct plan *plan) {
    static const struct option options[] = {
        {"target", required_argument, NULL, 't'},
        {"rate", required_argument, NULL, 'r'},
        {"seconds", required_argument, NULL, 's'},
        {"warmup", required_argument, NULL, 'w'},
        {"method", required_argument, NULL, 'm'},
        {"connections", required_argument, NULL, 'c'},
        {"path", required_argument, NULL, 'p'},
        {"timeout", required_argument, NULL, 'o'},
        {"header", required_argument, NULL, 'h'},
        {"body", required_argument, NULL, 'b'},
        {NULL, 0, NULL, 0},
    };
    *plan = (struct plan){
        .method = "POST",
        .path = "/pre-order",
        .body = "{\"email\":\"customer-{n}@klaviyo-demo.com\",\"price_id\":\"price_lamp_black\","
                "\"color\":\"black\"}",
        .seconds = 10,
        .connections = 256,
        .timeout_ms = 10000,
    };
    for (int option = 0; option >= 0;) {
        option = getopt_long(argc, argv, "", options, NULL);
        if (option >= 0 && !take_option(plan, option)) {
            return false;
        }
    }
    if (plan->header_count == 0) {
        plan->headers[plan->header_count++] = "Idempotency-Key: {key}";
    }
    return plan->target != NULL && plan->rate > 0 && plan->seconds > 0 && plan->connections > 0 &&
           plan->connections <= LINKS_MAX && plan->timeout_ms > 0 && optind == argc;
}

int main(int argc, char **argv) {
    struct run *run = calloc(1, sizeof *run);
    struct err err = {0};
    if (run == NULL || !read_plan(argc, argv, &run->plan)) {
        (void)fputs(usage, stderr);
        return 2;
    }
    if (link_address(run->plan.target, &run->address, &err) != ERR_OK) {
        (void)fprintf(stderr, "open-loop: %s\n", err.text);
        return 2;
    }
    run->clock = clock_system();
    run->carriers = calloc((size_t)run->plan.connections, sizeof *run->carriers);
    run->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (run->carriers == NULL || run->epoll_fd < 0 || prctl(PR_SET_TIMERSLACK, 1UL) != 0) {
        (void)fprintf(stderr, "open-loop: cannot start: %s\n", strerror(errno));
        return 1;
    }
    uint64_t seed = 0;
    random_fill(random_system(), &seed, sizeof seed);
    run->random = random_seeded(&run->seeded, seed);
    buf_init(&run->head, REQUEST_BYTES_MAX);
    buf_init(&run->body, REQUEST_BYTES_MAX);
    run->start_us = clock_mono_us(run->clock);
    run->counted_us = run->start_us + run->plan.warmup_s * US_PER_S;
    run->end_number = (run->plan.warmup_s + run->plan.seconds) * run->plan.rate;
    work(run);
    print(run);
    return run->all.count > 0 ? 0 : 1;
}

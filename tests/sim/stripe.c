#include "tests/sim/stripe.h"

#include <assert.h>
#include <inttypes.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_US = 10 * 1000 * 1000,
    WAY_US_MAX = 50 * 1000,
    SESSION_US_MAX = 30 * 1000 * 1000,
    AGAIN_US_MAX = 8 * 1000 * 1000,
    SESSION_CHANCE = 80, /* in a thousand, at each look */
    RIGHT_AMOUNT = 4999,
    WRONG_AMOUNT = 1,
    DIGEST_BYTES = 32,
};

/* ---- Sessions --------------------------------------------------------------------------------- */

static void add_notice(struct stripe *stripe, const char *type, const char *payment_status) {
    struct world *world = stripe->world;
    if (stripe->notice_count == STRIPE_NOTICES_MAX) {
        return;
    }
    size_t number = stripe->notice_count++;
    struct notice *notice = &stripe->notices[number];
    notice->session = stripe->session_count - 1;
    const struct session session = stripe->sessions[notice->session];
    int amount = session.ending == ENDING_WRONG_AMOUNT ? WRONG_AMOUNT : RIGHT_AMOUNT;
    bool is_intent = strncmp(type, "payment_intent", strlen("payment_intent")) == 0;
    int length =
        snprintf(notice->body, sizeof notice->body,
                 "{\"id\":\"evt_%zu\",\"object\":\"event\",\"type\":\"%s\",\"created\":%" PRId64
                 ",\"livemode\":false,\"data\":{\"object\":{\"id\":\"%s_%zu\",\"metadata\":{"
                 "\"preorder_id\":\"%s\"},\"payment_status\":\"%s\",\"amount_subtotal\":%d,"
                 "\"amount_total\":%d,\"currency\":\"usd\"}}}",
                 number, type, clock_wall_ms(&world->clock) / MS_PER_S, is_intent ? "pi" : "cs",
                 notice->session, session.preorder_id, payment_status, amount, amount);
    assert(length > 0 && (size_t)length < sizeof notice->body);
    notice->next_at_us = world->mono_us + world_dice(world, world_span(world, SESSION_US_MAX));
    notice->repeats_left = (int32_t)world_dice(world, 3);
}

static void open_session(struct stripe *stripe, const char *preorder_id) {
    struct world *world = stripe->world;
    struct session *session = &stripe->sessions[stripe->session_count++];
    (void)snprintf(session->preorder_id, sizeof session->preorder_id, "%s", preorder_id);
    session->ending = (enum ending)world_dice(world, ENDING_COUNT);
    if (world_dice(world, 3) == 0) {
        add_notice(stripe, "payment_intent.payment_failed", "");
    }
    switch (session->ending) {
    case ENDING_PAID:
    case ENDING_WRONG_AMOUNT:
        add_notice(stripe, "checkout.session.completed", "paid");
        break;
    case ENDING_FREE:
        add_notice(stripe, "checkout.session.completed", "no_payment_required");
        break;
    case ENDING_PAID_LATE:
        add_notice(stripe, "checkout.session.completed", "unpaid");
        add_notice(stripe, "checkout.session.async_payment_succeeded", "paid");
        break;
    case ENDING_FAILED_LATE:
        add_notice(stripe, "checkout.session.completed", "unpaid");
        add_notice(stripe, "checkout.session.async_payment_failed", "unpaid");
        break;
    case ENDING_EXPIRED:
        add_notice(stripe, "checkout.session.expired", "unpaid");
        break;
    case ENDING_COUNT:
        break;
    }
}

void stripe_trouble(struct stripe *stripe) {
    struct world *world = stripe->world;
    enum { NOTICES_A_SESSION = 3 };
    assert(world->kind.sessions_max <= STRIPE_SESSIONS_MAX);
    bool is_full = stripe->session_count == (size_t)world->kind.sessions_max ||
                   stripe->notice_count + NOTICES_A_SESSION > STRIPE_NOTICES_MAX;
    const struct browser *browser =
        &stripe->browsers->browsers[world_dice(world, (int64_t)stripe->browsers->count)];
    if (!is_full && browser->created_count > 0 && world_chance(world, SESSION_CHANCE)) {
        open_session(stripe, browser->ids[0]);
    }
}

/* ---- Telling ---------------------------------------------------------------------------------- */

static void sign(const struct world *world, const char *body, char header[256]) {
    char text[1024];
    int64_t now_s = clock_wall_ms(&world->clock) / MS_PER_S;
    int length = snprintf(text, sizeof text, "%" PRId64 ".%s", now_s, body);
    unsigned char digest[DIGEST_BYTES];
    unsigned int digest_bytes = 0;
    unsigned char *made = HMAC(EVP_sha256(), STRIPE_SIM_SECRET, (int)strlen(STRIPE_SIM_SECRET),
                               (const unsigned char *)text, (size_t)length, digest, &digest_bytes);
    assert(made != NULL && digest_bytes == DIGEST_BYTES);
    int at = snprintf(header, 256, "t=%" PRId64 ",v1=", now_s);
    for (size_t i = 0; i < DIGEST_BYTES; i++) {
        at += snprintf(header + at, 256 - (size_t)at, "%02x", digest[i]);
    }
}

static void tell(struct stripe *stripe, struct notice *notice) {
    struct world *world = stripe->world;
    struct post *post = calloc(1, sizeof *post);
    assert(post != NULL);
    (void)snprintf(post->body, sizeof post->body, "%s", notice->body);
    sign(world, post->body, post->key);
    post->headers[0] = (struct header){"Host", "shop"};
    post->headers[1] = (struct header){"Content-Type", "application/json; charset=utf-8"};
    post->headers[2] = (struct header){"Stripe-Signature", post->key};
    post->request = (struct request){
        .method = "POST",
        .path = "/webhooks/stripe",
        .headers = post->headers,
        .header_count = 3,
        .body = post->body,
        .body_bytes = strlen(post->body),
        .content_length = (int64_t)strlen(post->body),
        .started_mono_us = world->mono_us,
    };
    (void)snprintf(post->request.id, sizeof post->request.id, "notice-%zu",
                   (size_t)(notice - stripe->notices));
    post->arrives_at_us = world_chance(world, world->faults.post_lost)
                              ? INT64_MAX
                              : world->mono_us + world_dice(world, WAY_US_MAX);
    notice->post = post;
    notice->post_until_us = world->mono_us + world_span(world, PATIENCE_US);
    world->figures.notices++;
}

static void plan(struct stripe *stripe, struct notice *notice) {
    bool is_to_repeat = !notice->is_heard || notice->repeats_left-- > 0;
    struct world *world = stripe->world;
    notice->next_at_us = is_to_repeat
                             ? world->mono_us + world_dice(world, world_span(world, AGAIN_US_MAX))
                             : INT64_MAX;
    reply_release(&notice->post->reply);
    free(notice->post);
    notice->post = NULL;
}

static void hear(struct stripe *stripe, struct notice *notice) {
    struct world *world = stripe->world;
    int status = notice->post->reply.status;
    world_trace(world, "notice", (int64_t)(notice - stripe->notices), status);
    bool is_clock = world->has_jumped && status == 400;
    if (status == 200 && !world_chance(world, world->faults.post_lost)) {
        notice->is_heard = true;
    } else if (status != 200 && status != 503 && !is_clock) {
        world_complain(world, "Stripe was answered %d for %s", status, notice->body);
    }
    plan(stripe, notice);
}

static int64_t notice_next_us(const struct notice *notice) {
    const struct post *post = notice->post;
    if (post == NULL) {
        return notice->next_at_us;
    }
    if (post->is_answered) {
        return 0;
    }
    int64_t gives_up_us = post->is_taken ? INT64_MAX : notice->post_until_us;
    return post->arrives_at_us < gives_up_us ? post->arrives_at_us : gives_up_us;
}

static void turn_notice(struct stripe *stripe, struct notice *notice) {
    struct post *post = notice->post;
    if (post == NULL) {
        tell(stripe, notice);
    } else if (post->is_answered) {
        hear(stripe, notice);
    } else if (post->arrives_at_us <= stripe->world->mono_us) {
        post->arrives_at_us = INT64_MAX;
        if (!shop_take(stripe->shop, post)) {
            plan(stripe, notice); /* connection refused */
        }
    } else {
        plan(stripe, notice); /* nothing came back in time */
    }
}

/* ---- All of them ------------------------------------------------------------------------------ */

void stripe_begin(struct stripe *stripe, struct world *world, struct shop *shop,
                  const struct browsers *browsers) {
    memset(stripe, 0, sizeof *stripe);
    stripe->world = world;
    stripe->shop = shop;
    stripe->browsers = browsers;
}

int64_t stripe_next_us(const struct stripe *stripe) {
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < stripe->notice_count; i++) {
        int64_t notice_us = notice_next_us(&stripe->notices[i]);
        next_us = notice_us < next_us ? notice_us : next_us;
    }
    return next_us;
}

void stripe_turn(struct stripe *stripe) {
    for (size_t i = 0; i < stripe->notice_count; i++) {
        if (notice_next_us(&stripe->notices[i]) <= stripe->world->mono_us) {
            turn_notice(stripe, &stripe->notices[i]);
            return;
        }
    }
}

bool stripe_is_done(const struct stripe *stripe) {
    for (size_t i = 0; i < stripe->notice_count; i++) {
        if (!stripe->notices[i].is_heard) {
            return false;
        }
    }
    return true;
}

void stripe_end(struct stripe *stripe) {
    for (size_t i = 0; i < stripe->notice_count; i++) {
        if (stripe->notices[i].post != NULL) {
            reply_release(&stripe->notices[i].post->reply);
            free(stripe->notices[i].post);
        }
    }
}

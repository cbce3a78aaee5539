#include "tests/sim/browsers.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    PATIENCE_US = 5 * 1000 * 1000,
    WAY_US_MAX = 20 * 1000,
    BEGIN_US_MAX = 60 * 1000 * 1000,
    AGAIN_US_MAX = 3 * 1000 * 1000,
};

void browsers_begin(struct browsers *browsers, struct world *world, struct shop *shop) {
    memset(browsers, 0, sizeof *browsers);
    browsers->world = world;
    browsers->shop = shop;
    assert(world->kind.browsers_max <= BROWSERS_MAX);
    browsers->count = 1 + (size_t)world_dice(world, world->kind.browsers_max);
    int64_t rush = world_dice(world, 4);
    for (size_t i = 0; i < browsers->count; i++) {
        struct browser *browser = &browsers->browsers[i];
        int64_t habit = world_dice(world, 10);
        browser->index = i;
        browser->habit = habit < 6   ? HABIT_KEY
                         : habit < 8 ? HABIT_NO_KEY
                         : habit < 9 ? HABIT_THIEF
                                     : HABIT_INVALID;
        if (browser->habit == HABIT_THIEF) {
            browser->victim = (size_t)world_dice(world, (int64_t)browsers->count);
        }
        browser->posts_left = 1 + (int32_t)world_dice(world, POSTS_MAX);
        browser->next_at_us =
            world_dice(world, rush == 0 ? WAY_US_MAX : world_span(world, BEGIN_US_MAX));
        (void)snprintf(browser->email, sizeof browser->email, "c%zu@klaviyo-demo.com", i);
    }
}

/* ---- Posting ---------------------------------------------------------------------------------- */

static struct post *make_post(struct browsers *browsers, struct browser *browser) {
    struct post *post = calloc(1, sizeof *post);
    assert(post != NULL);
    bool is_valid = browser->habit != HABIT_INVALID;
    (void)snprintf(post->body, sizeof post->body, "{\"email\":\"%s\",\"price_id\":\"price_1\"%s}",
                   browser->email, is_valid ? ",\"color\":\"black\"" : "");
    size_t owner = browser->habit == HABIT_THIEF ? browser->victim : browser->index;
    (void)snprintf(post->key, sizeof post->key, "key-%zu", owner);
    bool has_key = browser->habit == HABIT_KEY || browser->habit == HABIT_THIEF;
    post->headers[0] = (struct header){"Host", "shop"};
    post->headers[1] = (struct header){"Content-Type", "application/json"};
    post->headers[2] = (struct header){"Idempotency-Key", post->key};
    post->request = (struct request){
        .method = "POST",
        .path = "/pre-order",
        .headers = post->headers,
        .header_count = has_key ? 3 : 2,
        .body = post->body,
        .body_bytes = strlen(post->body),
        .content_length = (int64_t)strlen(post->body),
        .started_mono_us = browsers->world->mono_us,
    };
    (void)snprintf(post->request.id, sizeof post->request.id, "post-%zu-%d", browser->index,
                   browser->sent_count);
    return post;
}

static void send_post(struct browsers *browsers, struct browser *browser) {
    struct world *world = browsers->world;
    if (browser->post_count == POSTS_MAX) {
        return;
    }
    struct post *post = make_post(browsers, browser);
    post->arrives_at_us = world_chance(world, world->faults.post_lost)
                              ? INT64_MAX
                              : world->mono_us + world_dice(world, WAY_US_MAX);
    browser->posts_until_us[browser->post_count] = world->mono_us + world_span(world, PATIENCE_US);
    browser->posts[browser->post_count++] = post;
    browser->sent_count++;
    world->figures.posts++;
}

static void plan_again(struct browsers *browsers, struct browser *browser) {
    struct world *world = browsers->world;
    browser->next_at_us = browser->posts_left > 0
                              ? world->mono_us + world_dice(world, world_span(world, AGAIN_US_MAX))
                              : INT64_MAX;
}

static void begin_post(struct browsers *browsers, struct browser *browser) {
    browser->next_at_us = INT64_MAX;
    browser->posts_left--;
    send_post(browsers, browser);
    if (world_dice(browsers->world, 8) == 0) {
        send_post(browsers, browser); /* a double click */
    }
}

/* ---- Hearing ---------------------------------------------------------------------------------- */

static void take_created(struct browsers *browsers, struct browser *browser,
                         const struct reply *reply) {
    struct world *world = browsers->world;
    static const char id_key[] = "{\"id\":\"";
    bool is_body = reply->body != NULL && reply->body_bytes < KEPT_REPLY_BYTES &&
                   strncmp(reply->body, id_key, sizeof id_key - 1) == 0;
    if (!is_body) {
        world_complain(world, "a 201 without a preorder's id");
        return;
    }
    bool has_key = browser->habit == HABIT_KEY || browser->habit == HABIT_THIEF;
    bool is_same = browser->created_count == 0 ||
                   (browser->reply_bytes == reply->body_bytes &&
                    memcmp(browser->reply, reply->body, reply->body_bytes) == 0);
    if (has_key && !is_same) {
        world_complain(world, "browser %zu was told two things for one key", browser->index);
    }
    memcpy(browser->reply, reply->body, reply->body_bytes);
    browser->reply_bytes = reply->body_bytes;
    if (browser->created_count < POSTS_MAX) {
        (void)snprintf(browser->ids[browser->created_count], sizeof browser->ids[0], "%.36s",
                       reply->body + sizeof id_key - 1);
    }
    browser->created_count++;
    world->figures.created++;
}

static void hear(struct browsers *browsers, struct browser *browser, const struct reply *reply) {
    struct world *world = browsers->world;
    world_trace(world, "reply", (int64_t)browser->index, reply->status);
    if (reply->status == 201) {
        take_created(browsers, browser, reply);
        if (world_dice(world, 6) != 0) {
            return; /* content; the others ask once more to see whether it is remembered */
        }
    } else if (reply->status >= 500) {
        browser->unavailable_count++;
    } else {
        browser->refused_count++;
        bool may_be = browser->habit == HABIT_INVALID || reply->status == 422;
        if (!may_be) {
            world_complain(world, "browser %zu was refused with %d", browser->index, reply->status);
        }
    }
    plan_again(browsers, browser);
}

static void drop_post(struct browser *browser, size_t i) {
    reply_release(&browser->posts[i]->reply);
    free(browser->posts[i]);
    browser->post_count--;
    browser->posts[i] = browser->posts[browser->post_count];
    browser->posts_until_us[i] = browser->posts_until_us[browser->post_count];
}

/* One thing that is due with this post; false: nothing is. */
static bool turn_post(struct browsers *browsers, struct browser *browser, size_t i) {
    struct world *world = browsers->world;
    struct post *post = browser->posts[i];
    if (post->is_answered) {
        bool is_heard = !world_chance(world, world->faults.post_lost);
        if (is_heard) {
            hear(browsers, browser, &post->reply);
        } else {
            plan_again(browsers, browser);
        }
        drop_post(browser, i);
        return true;
    }
    if (post->arrives_at_us <= world->mono_us) {
        post->arrives_at_us = INT64_MAX;
        if (!shop_take(browsers->shop, post)) {
            plan_again(browsers, browser); /* connection refused */
            drop_post(browser, i);
        }
        return true;
    }
    if (browser->posts_until_us[i] <= world->mono_us && !post->is_taken) {
        plan_again(browsers, browser);
        drop_post(browser, i);
        return true;
    }
    return false;
}

/* ---- All of them ------------------------------------------------------------------------------ */

static int64_t post_next_us(const struct browser *browser, size_t i) {
    const struct post *post = browser->posts[i];
    if (post->is_answered) {
        return 0;
    }
    int64_t gives_up_us = post->is_taken ? INT64_MAX : browser->posts_until_us[i];
    return post->arrives_at_us < gives_up_us ? post->arrives_at_us : gives_up_us;
}

int64_t browsers_next_us(const struct browsers *browsers) {
    int64_t next_us = INT64_MAX;
    for (size_t i = 0; i < browsers->count; i++) {
        const struct browser *browser = &browsers->browsers[i];
        next_us = browser->next_at_us < next_us ? browser->next_at_us : next_us;
        for (size_t j = 0; j < browser->post_count; j++) {
            int64_t post_us = post_next_us(browser, j);
            next_us = post_us < next_us ? post_us : next_us;
        }
    }
    return next_us;
}

static bool turn_browser(struct browsers *browsers, struct browser *browser) {
    for (size_t i = 0; i < browser->post_count; i++) {
        if (turn_post(browsers, browser, i)) {
            return true;
        }
    }
    if (browser->next_at_us <= browsers->world->mono_us) {
        begin_post(browsers, browser);
        return true;
    }
    return false;
}

bool browsers_turn(struct browsers *browsers) {
    size_t first = (size_t)world_dice(browsers->world, (int64_t)browsers->count);
    for (size_t i = 0; i < browsers->count; i++) {
        if (turn_browser(browsers, &browsers->browsers[(first + i) % browsers->count])) {
            return true;
        }
    }
    return false;
}

void browsers_calm(struct browsers *browsers) {
    for (size_t i = 0; i < browsers->count; i++) {
        browsers->browsers[i].posts_left = 0;
        browsers->browsers[i].next_at_us = INT64_MAX;
    }
}

void browsers_end(struct browsers *browsers) {
    for (size_t i = 0; i < browsers->count; i++) {
        while (browsers->browsers[i].post_count > 0) {
            drop_post(&browsers->browsers[i], 0);
        }
    }
}

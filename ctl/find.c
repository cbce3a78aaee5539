#include "ctl/find.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ASCII only, whatever the locale. */
static char to_upper(char character) {
    static const char small[] = "abcdefghijklmnopqrstuvwxyz";
    static const char capital[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    const char *found = character == '\0' ? NULL : strchr(small, character);
    if (found == NULL) {
        return character;
    }
    return capital[found - small];
}

/* What a word looks like; `text_out` has it as the database writes it. */
static CHECKED enum err_code classify(const char *word, enum search_kind *kind_out,
                                      char text_out[EMAIL_BYTES], struct err *err) {
    struct ident id;
    if (strchr(word, '@') != NULL) {
        *kind_out = SEARCH_EMAIL;
        enum err_code code = email_normalize(word, strlen(word), text_out, err);
        return code == ERR_OK ? ERR_OK : err_wrap(err, "'%s' is no e-mail address", word);
    }
    if (ident_parse(word, &id)) {
        *kind_out = SEARCH_ID;
        memcpy(text_out, id.text, sizeof id.text);
        return ERR_OK;
    }
    size_t length = strlen(word);
    if (length == 0 || length >= PREORDER_NUMBER_BYTES) {
        return err_set(err, ERR_INVALID, "'%s' is no id, no preorder number and no e-mail address",
                       word);
    }
    *kind_out = SEARCH_NUMBER;
    for (size_t i = 0; i <= length; i++) {
        text_out[i] = to_upper(word[i]);
    }
    return ERR_OK;
}

enum err_code find_preorders(struct store *store, const char *word, struct preorder_list *list_out,
                             struct err *err) {
    enum search_kind kind = SEARCH_ID;
    char text[EMAIL_BYTES];
    *list_out = (struct preorder_list){0};
    enum err_code code = classify(word, &kind, text, err);
    if (code == ERR_OK) {
        code = store_search_preorders(store, kind, text, list_out, err);
    }
    if (code == ERR_OK && list_out->preorder_count == 0 && kind == SEARCH_NUMBER) {
        /* A prefix may have lower-case letters. */
        code = store_search_preorders(store, kind, word, list_out, err);
    }
    if (code == ERR_OK && list_out->preorder_count == 0) {
        static const char *const sentences[] = {
            [SEARCH_ID] = "there is no preorder and no event with the id",
            [SEARCH_NUMBER] = "there is no preorder with the number",
            [SEARCH_EMAIL] = "there is no preorder from",
        };
        code = err_set(err, ERR_NOT_FOUND, "%s %s", sentences[kind], word);
    }
    return code;
}

enum err_code find_events(struct store *store, const char *word, int64_t now_ms,
                          struct event_list *list_out, struct err *err) {
    struct ident id;
    *list_out = (struct event_list){0};
    if (ident_parse(word, &id)) {
        struct event_filter filter = {.ids = &id, .id_count = 1};
        enum err_code code = store_list_events(store, &filter, now_ms, list_out, err);
        if (code != ERR_OK || list_out->event_count > 0) {
            return code;
        }
    } else if (strchr(word, '@') != NULL) {
        return err_set(err, ERR_INVALID, "'%s' is no id and no preorder number: use --email", word);
    }
    struct preorder_list preorders;
    enum err_code code = find_preorders(store, word, &preorders, err);
    if (code == ERR_OK) {
        assert(preorders.preorder_count == 1); /* ids and numbers are unique */
        struct preorder_view preorder;
        code = store_find_preorder(store, &preorders.preorders[0].id, now_ms, &preorder, list_out,
                                   err);
    }
    preorder_list_release(&preorders);
    return code;
}

enum err_code story_load(struct store *store, const struct ident *preorder_id, int64_t now_ms,
                         struct story *story_out, struct err *err) {
    struct story *story = story_out;
    *story = (struct story){0};
    enum err_code code =
        store_find_preorder(store, preorder_id, now_ms, &story->preorder, &story->events, err);
    if (code != ERR_OK) {
        return code;
    }
    story->attempts = calloc(story->events.event_count + 1, sizeof *story->attempts);
    if (story->attempts == NULL) {
        code = err_set(err, ERR_FATAL, "out of memory");
    }
    for (size_t i = 0; code == ERR_OK && i < story->events.event_count; i++) {
        code = store_list_attempts(store, &story->events.events[i].id, &story->attempts[i], err);
    }
    if (code == ERR_OK) {
        code = store_list_payments(store, preorder_id, &story->payments, err);
    }
    if (code != ERR_OK) {
        story_release(story);
    }
    return code;
}

void story_release(struct story *story) {
    for (size_t i = 0; story->attempts != NULL && i < story->events.event_count; i++) {
        attempt_list_release(&story->attempts[i]);
    }
    free(story->attempts);
    payment_list_release(&story->payments);
    event_list_release(&story->events);
    *story = (struct story){0};
}

bool story_find_event(const struct story *story, const char *word, size_t *index_out) {
    struct ident id;
    if (!ident_parse(word, &id)) {
        return false;
    }
    for (size_t i = 0; i < story->events.event_count; i++) {
        if (strcmp(story->events.events[i].id.text, id.text) == 0) {
            *index_out = i;
            return true;
        }
    }
    return false;
}

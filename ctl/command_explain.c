#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/command.h"
#include "ctl/explain.h"
#include "ctl/find.h"
#include "ctl/format.h"
#include "ctl/json_view.h"
#include "ctl/state.h"

/* One event of a story, and how the account and the workers stand. */
struct subject {
    const struct ctl *ctl;
    const struct story *story;
    const struct store_status *status;
    const struct worker_list *workers;
    size_t index;
};

static void explain_subject(const struct subject *subject, struct explanation *explanation_out) {
    const struct event_list *events = &subject->story->events;
    struct explain_input input = {
        .event = &events->events[subject->index],
        .attempts = &subject->story->attempts[subject->index],
        .status = subject->status,
        .workers = subject->workers,
        .attempts_max = subject->ctl->settings->retry_max_attempts,
        .now_ms = subject->ctl->now_ms,
    };
    for (size_t i = 0; i < events->event_count; i++) {
        if (strcmp(events->events[i].id.text, input.event->behind_id.text) == 0) {
            input.behind = &events->events[i];
        }
    }
    explain_event(&input, explanation_out);
}

/* The payment event that gave rise to the event; NULL: it came with the preorder. */
static const struct payment_view *find_cause(const struct subject *subject) {
    const struct payment_list *payments = &subject->story->payments;
    const char *event_id = subject->story->events.events[subject->index].id.text;
    for (size_t i = 0; i < payments->payment_count; i++) {
        if (strcmp(payments->payments[i].event_id.text, event_id) == 0) {
            return &payments->payments[i];
        }
    }
    return NULL;
}

static void print_cause(const struct subject *subject) {
    const struct payment_view *cause = find_cause(subject);
    char text[PAYMENT_TYPE_BYTES + 2 * PAYMENT_ID_BYTES + 8];
    char safe[sizeof text];
    if (cause != NULL) {
        (void)snprintf(text, sizeof text, "%s, %s, %s", cause->type, cause->session_id, cause->id);
        format_safe(text, strlen(text), safe, sizeof safe);
        (void)printf("  Stripe said: %s (%s).\n", safe, cause->outcome);
    }
}

/* Nothing of that holds back an event; but it is why there may be none. */
static void print_flag(const struct preorder_view *preorder) {
    char flag[sizeof preorder->flag];
    if (preorder->flag[0] != '\0') {
        format_safe(preorder->flag, strlen(preorder->flag), flag, sizeof flag);
        bool is_completed = strcmp(preorder->status, "completed") == 0;
        (void)printf("Preorder %s waits for a person: %s\n"
                     "  To look: preorderctl show %s\n"
                     "  To %s: preorderctl accept-payment %s\n",
                     preorder->number, flag, preorder->number,
                     is_completed ? "clear the flag" : "complete it all the same",
                     preorder->number);
    }
}

static CHECKED enum err_code print_subject(const struct subject *subject, struct err *err) {
    const struct event_view *event = &subject->story->events.events[subject->index];
    const struct attempt_list *attempts = &subject->story->attempts[subject->index];
    int64_t now_ms = subject->ctl->now_ms;
    struct explanation *explanation = calloc(1, sizeof *explanation);
    if (explanation == NULL) {
        return err_set(err, ERR_FATAL, "out of memory");
    }
    char when[FORMAT_WHEN_BYTES];
    format_when(event->created_at_ms, now_ms, when);
    (void)printf("%s of preorder %s (%s), event %s, written at %s\n", event->metric,
                 event->preorder_number, event->email, event->id.text, when);
    print_cause(subject);
    for (size_t i = 0; i < attempts->attempt_count; i++) {
        char sentence[EXPLAIN_SENTENCE_BYTES];
        explain_attempt(i + 1, &attempts->attempts[i], sentence);
        (void)printf("  %s\n", sentence);
    }
    if (attempts->attempt_count == 0) {
        (void)printf("  No attempt was made yet.\n");
    }
    explain_subject(subject, explanation);
    for (size_t i = 0; i < explanation->sentence_count; i++) {
        (void)printf("  %s\n", explanation->sentences[i]);
    }
    if (explanation->command[0] != '\0') {
        (void)printf("  To run: %s\n", explanation->command);
    }
    free(explanation);
    return ERR_OK;
}

/* NULL when out of memory. */
static json_t *json_of_subject(const struct subject *subject) {
    struct explanation *explanation = calloc(1, sizeof *explanation);
    json_t *sentences = json_array();
    if (explanation == NULL || sentences == NULL) {
        free(explanation);
        json_decref(sentences);
        return NULL;
    }
    explain_subject(subject, explanation);
    int result = 0;
    for (size_t i = 0; i < explanation->sentence_count; i++) {
        result |= json_array_append_new(sentences, json_of_text(explanation->sentences[i]));
    }
    json_t *object =
        json_of_event(&subject->story->events.events[subject->index], subject->ctl->now_ms);
    result |= json_object_set_new(object, "journal",
                                  json_of_attempts(&subject->story->attempts[subject->index]));
    const struct payment_view *cause = find_cause(subject);
    result |= json_object_set_new(object, "payment_event",
                                  cause == NULL ? json_null() : json_of_text(cause->id));
    result |=
        json_object_set_new(object, "preorder_flag", json_of_text(subject->story->preorder.flag));
    result |= json_object_set_new(object, "explanation", sentences);
    result |= json_object_set_new(object, "command", json_of_text(explanation->command));
    free(explanation);
    if (result != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

static CHECKED enum err_code explain_story(struct subject *subject, const char *word, json_t *array,
                                           struct err *err) {
    size_t first = 0;
    size_t end = subject->story->events.event_count;
    if (story_find_event(subject->story, word, &first)) {
        end = first + 1;
    }
    enum err_code code = ERR_OK;
    if (array == NULL) {
        print_flag(&subject->story->preorder);
    }
    for (subject->index = first; code == ERR_OK && subject->index < end; subject->index++) {
        if (array == NULL) {
            code = print_subject(subject, err);
        } else if (json_array_append_new(array, json_of_subject(subject)) != 0) {
            code = err_set(err, ERR_FATAL, "out of memory");
        }
    }
    if (code == ERR_OK && end == 0 && array == NULL) {
        (void)printf("Preorder %s has no event: this should not be. To run: preorderctl audit\n",
                     subject->story->preorder.number);
    }
    return code;
}

static CHECKED enum err_code explain_preorders(const struct ctl *ctl, const char *word,
                                               const struct preorder_list *preorders, json_t *array,
                                               struct err *err) {
    struct store_status status = {0};
    struct worker_list workers = {0};
    enum err_code code = store_read_backlog(ctl->store, ctl->now_ms, &status, err);
    if (code == ERR_OK) {
        code = store_list_workers(ctl->store, &workers, err);
    }
    for (size_t i = 0; code == ERR_OK && i < preorders->preorder_count; i++) {
        struct story story = {0};
        struct subject subject = {
            .ctl = ctl, .story = &story, .status = &status, .workers = &workers};
        code = story_load(ctl->store, &preorders->preorders[i].id, ctl->now_ms, &story, err);
        if (code == ERR_OK) {
            code = explain_story(&subject, word, array, err);
        }
        story_release(&story);
    }
    worker_list_release(&workers);
    return code;
}

enum err_code command_explain(struct ctl *ctl, const struct options *options, struct err *err) {
    const char *word = options->words[0];
    struct preorder_list preorders = {0};
    enum err_code code = find_preorders(ctl->store, word, &preorders, err);
    json_t *array = options->json ? json_array() : NULL;
    if (code == ERR_OK && options->json && array == NULL) {
        code = err_set(err, ERR_FATAL, "out of memory");
    }
    if (code == ERR_OK) {
        code = explain_preorders(ctl, word, &preorders, array, err);
    }
    if (code == ERR_OK && options->json) {
        code = json_print(json_incref(array), err);
    }
    if (code == ERR_OK && preorders.preorder_count == SEARCH_PREORDERS_MAX) {
        (void)fprintf(stderr, "These are the newest %d preorders only.\n", SEARCH_PREORDERS_MAX);
    }
    json_decref(array);
    preorder_list_release(&preorders);
    return code;
}

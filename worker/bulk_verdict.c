#include "worker/bulk_verdict.h"

#include <jansson.h>
#include <string.h>

#include "common/domain/document_load.h"

static const char members_pointer[] = "/data/attributes/events-bulk-create/data/";

/* The member that "/data/attributes/events-bulk-create/data/N/…" points into. */
static bool read_member(const char *pointer, size_t member_count, size_t *member_out) {
    size_t start = sizeof members_pointer - 1;
    if (strncmp(pointer, members_pointer, start) != 0) {
        return false;
    }
    size_t digits = strspn(pointer + start, "0123456789");
    char next = pointer[start + digits];
    if (digits == 0 || digits > 4 || (next != '/' && next != '\0')) {
        return false;
    }
    size_t member = 0;
    for (size_t i = 0; i < digits; i++) {
        member = member * 10 + (size_t)(pointer[start + i] - '0');
    }
    *member_out = member;
    return member < member_count;
}

static bool is_known(const struct bulk_verdict *verdict, size_t member) {
    for (size_t i = 0; i < verdict->fault_count; i++) {
        if (verdict->faults[i].member == member) {
            return true;
        }
    }
    return false;
}

static void read_error(const json_t *error, size_t member_count, struct bulk_verdict *verdict) {
    struct answer words;
    size_t member = 0;
    answer_read_error(error, &words);
    if (read_member(words.pointer, member_count, &member) && !is_known(verdict, member) &&
        verdict->fault_count < BULK_FAULTS_MAX) {
        verdict->faults[verdict->fault_count++] =
            (struct bulk_fault){.member = member, .words = words};
    }
}

static void read_faults(const struct transport_answer *answer, size_t member_count,
                        struct bulk_verdict *verdict) {
    bool is_out_of_memory = false; /* then nobody is named, and the sieve finds out */
    json_t *root = document_load(answer->body, answer->body_bytes, 0, NULL, &is_out_of_memory);
    const json_t *errors = json_object_get(root, "errors");
    size_t error_count = json_array_size(errors); /* bounded by what is kept of an answer */
    for (size_t i = 0; i < error_count; i++) {
        read_error(json_array_get(errors, i), member_count, verdict);
    }
    json_decref(root);
}

void bulk_judge(const struct transport_answer *answer, size_t member_count,
                struct bulk_verdict *verdict_out) {
    *verdict_out = (struct bulk_verdict){.meaning = BULK_JUDGED};
    switch (answer->http_status) {
    case 400:
    case 409:
    case 422:
        read_faults(answer, member_count, verdict_out);
        verdict_out->meaning = verdict_out->fault_count > 0 ? BULK_NAMED : BULK_REFUSED;
        break;
    case 413:
        verdict_out->meaning = BULK_TOO_LARGE;
        break;
    default:
        break;
    }
}

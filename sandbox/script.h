#pragma once
/*
 * The script: which requests meet which misbehaviour. docs/sandbox.md tells the format.
 *
 * A list of rules, looked at in their order; the first that matches is taken. `nth` N with `times`
 * K is the N-th request and the K - 1 after it; without `nth` a rule serves the first K requests
 * that it matches. K is 1 by default; 0 means no end.
 *
 * Ownership: script_load gives, script_free takes; manners belong to it. Threads: one.
 */
#include <stddef.h>
#include <stdint.h>

#include "common/err.h"
#include "sandbox/misbehaviour.h"
#include "sandbox/reading.h"

struct script;
struct rule;

/*
 * ERR_INVALID: the file is missing, is no script, names an unknown misbehaviour (the nearest name
 * is in the text), or asks for one that TLS does not allow. The text says where.
 */
CHECKED enum err_code script_load(const char *path, bool is_tls, struct script **script_out,
                                  struct err *err);
void script_free(struct script *script); /* NULL is fine */

/* Whether any rule acts at that stage: if none does, no occasion needs to be described. */
bool script_has_stage(const struct script *script, enum misbehaviour_stage stage);

/* What a rule can see. */
struct occasion {
    int64_t number;                /* from 1: of the request, at STAGE_CONNECT of the connection */
    const char *path;              /* NULL at STAGE_CONNECT */
    const struct reading *reading; /* NULL but for STAGE_REQUEST */
};

/* The first rule for this occasion, NULL if there is none. A NULL script has none. */
struct rule *script_match(struct script *script, enum misbehaviour_stage stage,
                          const struct occasion *occasion);

/* Counts that the rule was acted on. */
void rule_use(struct rule *rule);
const struct misbehaviour *rule_misbehaviour(const struct rule *rule);
const struct manner *rule_manner(const struct rule *rule);

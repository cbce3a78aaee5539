#pragma once
/*
 * What the writers of the gate proof were promised, and whether the database kept it: a file of
 * fixed-size lines for each writer, "P" and a preorder's id for a create that was acknowledged, "S"
 * and an event's id for a verdict `sent` that was.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/domain/ident.h"

enum ledger_kind { LEDGER_PREORDER = 'P', LEDGER_SENT = 'S' };

bool ledger_add(FILE *ledger, enum ledger_kind kind, const struct ident *id);

struct ledger_check {
    int64_t promised_count;
    int64_t lost_count;
    bool is_sound; /* integrity_check says ok, and everything could be read */
};

/* Adds to *check what `ledger` promises and the database at `path` lacks. */
void ledger_verify(FILE *ledger, const char *path, struct ledger_check *check);
/* Sets check->is_sound. */
void ledger_check_file(const char *path, struct ledger_check *check);

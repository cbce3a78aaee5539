/*
 * The control build's gate: none. Linked in place of common/store/sqlite/gate.c into
 * torture-gate-control only, to show what the gate is for.
 */
#include <stdio.h>

#include "common/store/sqlite/gate.h"

enum err_code gate_open(struct gate *gate, const char *database_path, enum store_role role,
                        const struct clock *clock, int64_t timeout_ms, bool *is_first_out,
                        struct err *err) {
    (void)timeout_ms;
    (void)err;
    *gate = (struct gate){.fd = -1, .role = role, .clock = clock};
    (void)snprintf(gate->path, sizeof gate->path, "%s", database_path);
    *is_first_out = false; /* who recovers is not what the control is about */
    return ERR_OK;
}

enum err_code gate_share(struct gate *gate, struct err *err) {
    (void)gate;
    (void)err;
    return ERR_OK;
}

void gate_close(struct gate *gate) {
    gate->is_held = false;
}

enum err_code gate_enter(struct gate *gate, int64_t timeout_ms, struct err *err) {
    (void)timeout_ms;
    (void)err;
    gate->is_held = true;
    return ERR_OK;
}

void gate_leave(struct gate *gate) {
    gate->is_held = false;
}

"""Small lies about the core, each of which some test has to notice."""

from dataclasses import dataclass

# Programs under build/tests that may notice, the likeliest first; `sim` stands for some stories of the simulation,
# `power` for a story whose power is cut.
COMMIT = "unit/api/unit-api-preorder_commit"
CREATE, SETTLE, CLAIM = "store/store-create", "store/store-settle", "store/store-claim"
GATE, OPEN, JOB, ACCOUNT = "store/store-gate", "store/store-open", "store/store-job", "store/store-account"
WORKERS, PAYMENT, REPAIR, CHECKPOINT = (
    "store/store-workers",
    "store/store-payment",
    "store/store-repair",
    "store/store-checkpoint",
)
VERDICT, WORKER, PAY = (
    "unit/worker/unit-worker-verdict",
    "unit/worker/unit-worker-worker",
    "unit/domain/unit-domain-payment",
)
DOMAIN_ACCOUNT, DOMAIN_PAUSE, RATE, BREAKER, AHEAD = (
    "unit/domain/unit-domain-account",
    "unit/domain/unit-domain-account_pause",
    "unit/domain/unit-domain-rate",
    "store/store-breaker",
    "store/store-ahead",
)
SIGNATURE = "unit/api/unit-api-stripe_signature"


@dataclass(frozen=True)
class Mutant:
    name: str
    path: str
    old: str
    new: str
    noticed_by: tuple
    is_durability: bool = False


def _durability(name, path, old, new, *noticed_by):
    return Mutant(name, path, old, new, noticed_by, True)


def _other(name, path, old, new, *noticed_by):
    return Mutant(name, path, old, new, noticed_by)


SQLITE = "common/store/sqlite"
MUTANTS = [
    # ---- What was promised survives ----
    _durability(
        "201 whatever the commit said",
        "api/preorder_commit.c",
        "    enum err_code code = store_create_preorders(api->options.store, creates, count, err);\n",
        "    enum err_code code = store_create_preorders(api->options.store, creates, count, err);\n"
        "    for (size_t i = 0; i < count; i++) {\n        creates[i].result = CREATE_STORED;\n    }\n"
        "    code = ERR_OK;\n",
        COMMIT,
        "sim",
    ),
    _durability(
        "no gate", f"{SQLITE}/gate.c", "    if (try_enter(gate) != 0) {", "    if (try_enter(gate) == 4096) {", GATE
    ),
    _durability(
        "a checkpoint outside the gate",
        f"{SQLITE}/checkpoint.c",
        "    enum err_code code = sqlite_enter(self, wait_ms(&self->options), err);\n"
        "    if (code != ERR_OK) {\n        return code;\n    }\n",
        "    (void)wait_ms;\n    (void)err;\n",
        CHECKPOINT,
        GATE,
        "sim",
    ),
    _durability(
        "no fsync", f"{SQLITE}/open.c", "PRAGMA synchronous = FULL;", "PRAGMA synchronous = OFF;", OPEN, "power"
    ),
    _durability(
        "fsync at checkpoints only",
        f"{SQLITE}/open.c",
        "PRAGMA synchronous = FULL;",
        "PRAGMA synchronous = NORMAL;",
        OPEN,
        "power",
    ),
    _durability(
        "SQLite's own checkpoints",
        f"{SQLITE}/open.c",
        "    (void)sqlite3_wal_hook(self->db, on_wal, self);\n",
        "    (void)on_wal;\n    (void)sqlite3_wal_autocheckpoint(self->db, 4);\n",
        OPEN,
        CHECKPOINT,
    ),
    _durability(
        "a checkpoint at close",
        f"{SQLITE}/open.c",
        "sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL)",
        "sqlite3_db_config(self->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL)",
        OPEN,
        CHECKPOINT,
    ),
    _durability(
        "no recovery at the first open",
        f"{SQLITE}/open.c",
        "sqlite3_wal_checkpoint_v2(self->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);",
        "SQLITE_OK;",
        OPEN,
        "power",
    ),
    _durability(
        "a failed disk is only busy",
        f"{SQLITE}/engine.c",
        "    enum err_code code = ERR_FATAL;\n    const char",
        "    enum err_code code = ERR_BUSY;\n    const char",
        "store/store-faults",
        OPEN,
        CREATE,
    ),
    _durability(
        "a preorder without its event",
        f"{SQLITE}/create.c",
        "        code = sqlite_insert_event(self, create->event, &create->preorder->id, 1,\n"
        "                                   create->event->created_at_ms, err);\n",
        "",
        CREATE,
    ),
    _durability(
        "one bad row takes its neighbours down",
        f"{SQLITE}/create.c",
        "        if (!breaks_constraint(self)) {",
        "        if (true) {",
        CREATE,
    ),
    _durability(
        "the key is not kept",
        f"{SQLITE}/create.c",
        "    if (code == ERR_OK && create->idempotency_key != NULL) {\n        code = insert_key(self, create, err);\n"
        "    }\n",
        "    (void)insert_key;\n",
        CREATE,
        "sim",
    ),
    _durability(
        "a key is anybody's",
        f"{SQLITE}/create.c",
        "memcmp(fingerprint, create->fingerprint, FINGERPRINT_BYTES) != 0",
        "fingerprint == NULL",
        CREATE,
        COMMIT,
    ),
    _durability(
        "no fence",
        "schema/sqlite/deliver.sql",
        "    claim_expires_at = NULL\nWHERE id = :id\n  AND token = :token\n  AND claimed_by IS NOT NULL;\n\n"
        "-- name: release_event",
        "    claim_expires_at = NULL\nWHERE id = :id\n  AND :token = :token\n  AND claimed_by IS NOT NULL;\n\n"
        "-- name: release_event",
        SETTLE,
        "sim",
    ),
    _durability(
        "the token stands still",
        "schema/sqlite/deliver.sql",
        "SET token            = token + 1,\n    single_only",
        "SET token            = max(token, 1),\n    single_only",
        CLAIM,
        SETTLE,
    ),
    _durability(
        "attempts do not count at the claim",
        "schema/sqlite/deliver.sql",
        "    attempts         = attempts + 1,\n    claimed_by       = :worker,\n    claimed_at       = :now,\n"
        "    claim_expires_at = :expires,\n    next_attempt_at  = :expires\nWHERE rowid",
        "    attempts         = attempts,\n    claimed_by       = :worker,\n    claimed_at       = :now,\n"
        "    claim_expires_at = :expires,\n    next_attempt_at  = :expires\nWHERE rowid",
        CLAIM,
    ),
    _durability(
        "a claim that never ends",
        "schema/sqlite/deliver.sql",
        "    next_attempt_at  = :expires\nWHERE rowid = :rowid;",
        "    next_attempt_at  = :expires + 100000000000\nWHERE rowid = :rowid;",
        CLAIM,
        "sim",
    ),
    _durability(
        "what a vanished worker did is not written down",
        f"{SQLITE}/claim.c",
        "    if (row->had_holder) {\n        sqlite3_stmt",
        "    if (false) {\n        sqlite3_stmt",
        CLAIM,
        WORKERS,
        "sim",
    ),
    _durability(
        "a refused event is forgotten, not dead",
        "worker/verdict.c",
        "    {400, 400, RULING_REFUSED, NULL},",
        "    {400, 400, RULING_SENT, NULL},",
        VERDICT,
    ),
    _durability(
        "the follower is never due",
        f"{SQLITE}/settle.c",
        "was_applied && is_final(settlement->outcome)",
        "was_applied && !is_final(settlement->outcome)",
        SETTLE,
        "sim",
    ),
    _durability(
        "a dead neighbour's claims wait for the lease",
        "common/domain/holder.c",
        "    return holder == HOLDER_DEAD;\n}\n\nbool holder_keeps",
        "    return holder == HOLDER_KINDS;\n}\n\nbool holder_keeps".replace("HOLDER_KINDS", "(enum holder)9"),
        "unit/domain/unit-domain-holder",
        WORKERS,
    ),
    _durability(
        "a payment twice",
        f"{SQLITE}/payment.c",
        "    enum err_code code = is_known(self, apply->event->id, &known, err);",
        "    enum err_code code = is_known(self, \"\", &known, err);",
        PAYMENT,
        "sim",
    ),
    _durability(
        "completed is not final",
        "common/domain/payment.c",
        "    if (history->status == PREORDER_COMPLETED) {\n        return decision;",
        "    if (history->status == PREORDER_CANCELLED) {\n        return decision;",
        PAY,
        "sim",
    ),
    # ---- Nobody is robbed, nothing is sent twice without need ----
    _other(
        "a stopped neighbour is robbed",
        "common/domain/holder.c",
        "    return holder == HOLDER_ALIVE;",
        "    return holder == HOLDER_ELSEWHERE;",
        "unit/domain/unit-domain-holder",
        WORKERS,
    ),
    _other(
        "a late worker sends all the same",
        "worker/worker.c",
        "    return mono_ms(worker) - claimed_mono_ms <= spare_ms / 2;",
        "    return mono_ms(worker) - claimed_mono_ms <= 1000 * spare_ms;",
        WORKER,
    ),
    _other(
        "a commit in doubt is survived",
        "worker/worker.c",
        "    if (code == ERR_BUSY) {\n        pause_store",
        "    if (code != ERR_FATAL) {\n        pause_store",
        WORKER,
        "sim",
    ),
    _other(
        "what may be at Klaviyo goes into jobs",
        "schema/sqlite/job.sql",
        "WHERE single_only = 0\n",
        "WHERE single_only >= 0\n",
        JOB,
    ),
    _other(
        "a claimed event goes into jobs", "schema/sqlite/job.sql", "  AND claimed_by IS NULL\nLIMIT", "LIMIT", JOB
    ),
    _other(
        "cancelled in somebody's hands",
        "schema/sqlite/repair.sql",
        "coalesce(claim_expires_at, 0) <= :now_ms",
        "coalesce(claim_expires_at, 0) >= 0",
        REPAIR,
    ),
    _other(
        "a retry by a person starts nothing anew",
        "schema/sqlite/repair.sql",
        "    attempts         = 0,\n",
        "",
        REPAIR,
    ),
    # ---- Verdicts ----
    _other(
        "a server's error buries",
        "worker/verdict.c",
        "    {500, 599, RULING_RETRY, NULL},",
        "    {500, 599, RULING_DEAD, NULL},",
        VERDICT,
        "sim",
    ),
    _other(
        "a redirect is a success",
        "worker/verdict.c",
        "    {200, 299, RULING_SENT, NULL},",
        "    {200, 399, RULING_SENT, NULL},",
        VERDICT,
    ),
    _other(
        "a wrong key buries",
        "worker/verdict.c",
        "    {401, 401, RULING_OPERATOR,",
        "    {401, 401, RULING_DEAD,",
        VERDICT,
    ),
    _other(
        "a certificate's fault is retried",
        "worker/verdict.c",
        '    [TRANSPORT_CERTIFICATE] = {0, 0, RULING_OPERATOR, "check',
        '    [TRANSPORT_CERTIFICATE] = {0, 0, RULING_RETRY, "check',
        VERDICT,
    ),
    _other(
        "Retry-After is not obeyed",
        "worker/verdict.c",
        "    if (!read_asked_wait(answer, now_ms, &wait_ms)) {",
        "    if (read_asked_wait(answer, now_ms, &wait_ms)) {",
        VERDICT,
    ),
    _other(
        "attempts without end",
        "worker/verdict.c",
        "    if (context->attempts >= policy->retry_attempts_max) {",
        "    if (context->attempts >= 2 * policy->retry_attempts_max) {",
        VERDICT,
    ),
    _other(
        "age without end",
        "worker/verdict.c",
        "    } else if (age_ms >= policy->retry_age_max_ms) {",
        "    } else if (age_ms >= 2 * policy->retry_age_max_ms) {",
        VERDICT,
    ),
    _other(
        "a probe burns an attempt",
        "worker/verdict.c",
        "    verdict->is_burnt = !context->is_probe;",
        "    verdict->is_burnt = true;",
        VERDICT,
    ),
    _other(
        "an unknown outcome counts as known",
        "worker/verdict.c",
        "        return answer->http_status >= 500 || answer->http_status == 408;",
        "        return false;",
        VERDICT,
    ),
    _other(
        "no jitter",
        "worker/backoff.c",
        "    return (int64_t)random_below(random, (uint64_t)ceiling_ms + 1);",
        "    (void)random;\n    return ceiling_ms;",
        "unit/worker/unit-worker-backoff",
    ),
    # ---- The account ----
    _other(
        "one 429 stops one worker only",
        f"{SQLITE}/account.c",
        "        .not_before_ms = settlement->account_not_before_ms,\n",
        "        .not_before_ms = 0,\n",
        ACCOUNT,
    ),
    _other(
        "the breaker never opens",
        "common/domain/account.c",
        "    if (account->failing_count == ACCOUNT_FAILURES_MAX) {",
        "    if (account->failing_count > ACCOUNT_FAILURES_MAX) {",
        DOMAIN_ACCOUNT,
        BREAKER,
    ),
    _other(
        "the breaker never closes",
        "common/domain/account.c",
        "    if (is_open(account) && news->started_at_ms >= account->opened_at_ms) {",
        "    if (is_open(account) && news->started_at_ms < 0) {",
        DOMAIN_ACCOUNT,
        BREAKER,
        "sim",
    ),
    _other(
        "two probes at a time",
        "common/domain/account.c",
        "    if (is_probing(account, moment->now_ms)) {",
        "    if (is_probing(account, INT64_MAX)) {",
        DOMAIN_ACCOUNT,
        ACCOUNT,
    ),
    _other(
        "only what is sent lifts a pause",
        "common/domain/account.c",
        "    if (is_after_pause(account, news) && news->verdict != ACCOUNT_THROTTLES) {",
        "    if (is_after_pause(account, news) && news->verdict == ACCOUNT_SENT) {",
        DOMAIN_PAUSE,
        ACCOUNT,
    ),
    _other(
        "a dead worker's probe goes on",
        f"{SQLITE}/account.c",
        "    bool is_its = code == ERR_OK && sqlite3_column_int(statement, 0) != 0;",
        "    bool is_its = code == ERR_OK && sqlite3_column_int(statement, 0) > 1;",
        WORKERS,
    ),
    _other(
        "one event is a row of refusals",
        f"{SQLITE}/settle.c",
        "    if (code == ERR_OK && sqlite3_column_int(statement, 0) == 0) {",
        "    if (code == ERR_OK && sqlite3_column_int(statement, 0) <= 1) {",
        ACCOUNT,
    ),
    _other(
        "a clock set back leaves the old allowance",
        f"{SQLITE}/account.c",
        "        desk->is_rate_changed |= rate_cap_set_back(&desk->use.cap, request->now_ms);\n",
        "",
        "store/store-rate",
    ),
    _other(
        "refusals in a row are nobody's", "common/domain/account.c", "    account->refused_count++;\n", "", ACCOUNT
    ),
    _other(
        "twice the allowance",
        "common/domain/rate.c",
        "    int64_t steady = at_least_0(limits->steady_count - use->steady.used_count);",
        "    int64_t steady = at_least_0(2 * limits->steady_count - use->steady.used_count);",
        RATE,
    ),
    _other(
        "a clock set back stops everything",
        f"{SQLITE}/ahead.c",
        "    if (code != ERR_OK || !is_any) {",
        "    if (code != ERR_OK || is_any) {",
        AHEAD,
        "sim",
    ),
    _other(
        "a job never gets its place", f"{SQLITE}/account.c", "(is_place_left ? 1 : 0)", "(is_place_left ? 0 : 0)", JOB
    ),
    # ---- Stripe, and what goes out ----
    _other(
        "a retried event is overtaken",
        "schema/sqlite/deliver.sql",
        "                           WHEN :status = 'pending'\n",
        "                           WHEN :status = 'pending' AND false\n",
        REPAIR,
    ),
    _other(
        "any sum will do",
        "common/domain/payment.c",
        "    if (!is_match) {\n        return flag_it(history, PAYMENT_FLAG_MISMATCH);",
        "    if (is_match && false) {\n        return flag_it(history, PAYMENT_FLAG_MISMATCH);",
        PAY,
        "sim",
    ),
    _other(
        "any signature will do",
        "api/stripe_signature.c",
        "    bool fits = false;\n",
        "    bool fits = true;\n",
        SIGNATURE,
    ),
    _other(
        "an old signature will do",
        "api/stripe_signature.c",
        "    if (now_s - parts.time_s > STRIPE_TOLERANCE_S) {",
        "    if (now_s - parts.time_s > 100 * STRIPE_TOLERANCE_S) {",
        SIGNATURE,
    ),
    _other(
        "backfill changes more than itself",
        "worker/backfill.c",
        "    memcpy(payload + *payload_bytes - (sizeof off - 1), on, sizeof on - 1);",
        "    memcpy(payload + *payload_bytes - sizeof off, on, sizeof on - 1);",
        "unit/worker/unit-worker-backfill",
    ),
    _other(
        "addresses in the log",
        "common/domain/email_mask.c",
        "static bool is_local_char(char c) {\n    return ",
        "static bool is_local_char(char c) {\n    return c == '@' && ",
        "unit/domain/unit-domain-email_mask",
    ),
]

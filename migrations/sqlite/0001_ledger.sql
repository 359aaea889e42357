-- Deed's ledger on SQLite.
--
-- What must never happen is refused here as well as in the code: an illegal change of state, a rewritten audit row, a replaced
-- action, a second claim on an account, a second unsettled action of an account. Times are milliseconds since 1970, UTC.
--
-- Triggers stand on INSERT too, because `INSERT OR REPLACE` deletes without firing a DELETE trigger.

CREATE TABLE clients (
    client_id  TEXT    NOT NULL PRIMARY KEY CHECK (client_id <> ''),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE platform_accounts (
    account_id   TEXT    NOT NULL PRIMARY KEY,
    client_id    TEXT    NOT NULL REFERENCES clients (client_id),
    platform     TEXT    NOT NULL CHECK (platform <> ''),
    handle       TEXT    NOT NULL CHECK (handle <> ''),
    display_name TEXT,
    avatar       TEXT,
    origin       TEXT,
    state        TEXT    NOT NULL CHECK (state IN ('active', 'read_only', 'suspended')),
    state_reason TEXT,
    mode         TEXT    NOT NULL CHECK (mode IN ('draft', 'live')),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

-- One row for one account of the platform: two would be two leases on the same account.
CREATE UNIQUE INDEX platform_accounts_once ON platform_accounts (platform, handle, coalesce(origin, ''));

-- Sealed before it gets here; there is no column for plain text.
CREATE TABLE sessions (
    account_id TEXT    NOT NULL PRIMARY KEY REFERENCES platform_accounts (account_id),
    sealed     BLOB    NOT NULL,
    updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE policies (
    policy_snapshot_id TEXT    NOT NULL PRIMARY KEY,
    snapshot           TEXT    NOT NULL,
    created_at         INTEGER NOT NULL
) STRICT;

CREATE TABLE state_transitions (
    from_state TEXT NOT NULL,
    to_state   TEXT NOT NULL,
    PRIMARY KEY (from_state, to_state)
) STRICT;

INSERT INTO state_transitions (from_state, to_state) VALUES
    ('queued', 'queued'),
    ('queued', 'preflight_passed'),
    ('queued', 'cancelled'),
    ('preflight_passed', 'queued'),
    ('preflight_passed', 'identity_verified'),
    ('preflight_passed', 'cancelled'),
    ('identity_verified', 'queued'),
    ('identity_verified', 'attempted'),
    ('identity_verified', 'confirmed_failed'),
    ('identity_verified', 'cancelled'),
    ('attempted', 'confirmed_success'),
    ('attempted', 'confirmed_failed'),
    ('attempted', 'unknown'),
    ('unknown', 'confirmed_success'),
    ('unknown', 'confirmed_failed'),
    ('confirmed_success', 'postcheck_complete');

CREATE TABLE actions (
    action_id          TEXT    NOT NULL PRIMARY KEY,
    client_id          TEXT    NOT NULL REFERENCES clients (client_id),
    account_id         TEXT    NOT NULL REFERENCES platform_accounts (account_id),
    platform           TEXT    NOT NULL,
    lane               TEXT    NOT NULL CHECK (lane IN ('api', 'browser', 'hybrid')),
    action_type        TEXT    NOT NULL,
    payload            TEXT    NOT NULL,
    payload_hash       TEXT    NOT NULL,
    content_hash       TEXT    NOT NULL,
    idempotency_key    TEXT    NOT NULL UNIQUE CHECK (idempotency_key <> ''),
    experiment_id      TEXT,
    variant_id         TEXT,
    state              TEXT    NOT NULL,
    hold_reason        TEXT,
    hold_detail        TEXT,
    hold_until         INTEGER,
    failure            TEXT,
    attempted_at       INTEGER,
    epoch              INTEGER NOT NULL DEFAULT 0,
    worker             TEXT,
    lease_until        INTEGER,
    episode_id         TEXT,
    platform_object_id TEXT,
    permalink          TEXT,
    http_status        INTEGER,
    visibility         TEXT,
    proof_level        INTEGER NOT NULL DEFAULT 0 CHECK (proof_level BETWEEN 0 AND 3),
    manifest_hash      TEXT,
    target_hash        TEXT,
    policy_snapshot_id TEXT    REFERENCES policies (policy_snapshot_id),
    identity_ok        INTEGER CHECK (identity_ok IN (0, 1)),
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    -- A claim is a worker, a lease and an episode, or nothing.
    CHECK ((worker IS NULL) = (lease_until IS NULL)),
    CHECK (worker IS NULL OR episode_id IS NOT NULL),
    -- What is on its way has somebody who answers for it, so that recovery finds it; above all it is never `attempted` and forgotten.
    CONSTRAINT under_way_is_claimed CHECK (state NOT IN ('preflight_passed', 'identity_verified', 'attempted') OR worker IS NOT NULL),
    CHECK ((hold_reason IS NULL) = (hold_detail IS NULL)),
    -- What may have been sent says since when.
    CHECK (state NOT IN ('attempted', 'unknown', 'confirmed_success', 'postcheck_complete') OR attempted_at IS NOT NULL)
) STRICT;

-- One claim an account, dead or alive: a dead one is taken over after its browser was ended, never worked around.
CREATE UNIQUE INDEX actions_one_claim_an_account ON actions (account_id) WHERE worker IS NOT NULL;
-- One action an account of which it is not known whether it happened.
CREATE UNIQUE INDEX actions_one_unsettled_an_account ON actions (account_id) WHERE state IN ('attempted', 'unknown');
CREATE INDEX actions_due ON actions (created_at, action_id) WHERE state = 'queued' AND worker IS NULL;
CREATE INDEX actions_of_account ON actions (account_id, created_at);
CREATE INDEX actions_by_time ON actions (created_at, action_id);

CREATE TRIGGER actions_begin_queued BEFORE INSERT ON actions
WHEN NEW.state <> 'queued' OR NEW.epoch <> 0 OR NEW.worker IS NOT NULL OR NEW.attempted_at IS NOT NULL
BEGIN
    SELECT raise(ABORT, 'an action begins as queued, without a claim');
END;

CREATE TRIGGER actions_never_replaced BEFORE INSERT ON actions
WHEN EXISTS (SELECT 1 FROM actions WHERE action_id = NEW.action_id OR idempotency_key = NEW.idempotency_key)
BEGIN
    SELECT raise(ABORT, 'an action is never replaced');
END;

CREATE TRIGGER actions_never_deleted BEFORE DELETE ON actions
BEGIN
    SELECT raise(ABORT, 'actions and their keys are never deleted');
END;

CREATE TRIGGER actions_state_legal BEFORE UPDATE OF state ON actions
WHEN NOT EXISTS (SELECT 1 FROM state_transitions WHERE from_state = OLD.state AND to_state = NEW.state)
BEGIN
    SELECT raise(ABORT, 'illegal state transition');
END;

CREATE TRIGGER actions_order_immutable BEFORE UPDATE OF
    action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash, idempotency_key, created_at
ON actions
BEGIN
    SELECT raise(ABORT, 'what was ordered never changes');
END;

CREATE TRIGGER actions_attempt_kept BEFORE UPDATE OF attempted_at ON actions
WHEN OLD.attempted_at IS NOT NULL AND NEW.attempted_at IS NOT OLD.attempted_at
BEGIN
    SELECT raise(ABORT, 'an attempt is never taken back');
END;

CREATE TRIGGER actions_epoch_grows BEFORE UPDATE OF epoch ON actions
WHEN NEW.epoch < OLD.epoch
BEGIN
    SELECT raise(ABORT, 'the fencing epoch never goes back');
END;

-- A row is one time that a switch was on; `off_at IS NULL` means it is on now. `scope_id` is empty for the global one.
CREATE TABLE kill_switches (
    kill_switch_id INTEGER NOT NULL PRIMARY KEY,
    scope          TEXT    NOT NULL CHECK (scope IN ('global', 'client', 'account')),
    scope_id       TEXT    NOT NULL CHECK ((scope = 'global') = (scope_id = '')),
    on_by          TEXT    NOT NULL,
    on_at          INTEGER NOT NULL,
    on_reason      TEXT    NOT NULL,
    off_by         TEXT,
    off_at         INTEGER,
    off_reason     TEXT,
    CHECK ((off_at IS NULL) = (off_by IS NULL) AND (off_at IS NULL) = (off_reason IS NULL))
) STRICT;

CREATE UNIQUE INDEX kill_switches_on ON kill_switches (scope, scope_id) WHERE off_at IS NULL;

CREATE TRIGGER kill_switches_history_kept BEFORE UPDATE ON kill_switches
WHEN OLD.off_at IS NOT NULL
    OR NEW.kill_switch_id <> OLD.kill_switch_id OR NEW.scope <> OLD.scope OR NEW.scope_id <> OLD.scope_id
    OR NEW.on_by <> OLD.on_by OR NEW.on_at <> OLD.on_at OR NEW.on_reason <> OLD.on_reason
BEGIN
    SELECT raise(ABORT, 'the history of kill switches never changes');
END;

CREATE TRIGGER kill_switches_never_replaced BEFORE INSERT ON kill_switches
WHEN EXISTS (
    SELECT 1 FROM kill_switches
    WHERE kill_switch_id = NEW.kill_switch_id OR (scope = NEW.scope AND scope_id = NEW.scope_id AND off_at IS NULL)
)
BEGIN
    SELECT raise(ABORT, 'a kill switch that is on is never replaced');
END;

CREATE TRIGGER kill_switches_never_deleted BEFORE DELETE ON kill_switches
BEGIN
    SELECT raise(ABORT, 'the history of kill switches is never deleted');
END;

CREATE TABLE verifications (
    verification_id INTEGER NOT NULL PRIMARY KEY,
    action_id       TEXT    NOT NULL REFERENCES actions (action_id),
    episode_id      TEXT    NOT NULL,
    epoch           INTEGER NOT NULL,
    read_number     INTEGER NOT NULL,
    read_at         INTEGER NOT NULL,
    found           TEXT    NOT NULL CHECK (found IN ('present', 'pending', 'absent', 'unreadable')),
    note            TEXT    NOT NULL
) STRICT;

CREATE INDEX verifications_of_action ON verifications (action_id, verification_id);

-- `reference` is the artifact's reference as JSON: hash, kind, step, size, time.
CREATE TABLE artifacts (
    artifact_id INTEGER NOT NULL PRIMARY KEY,
    action_id   TEXT    NOT NULL REFERENCES actions (action_id),
    episode_id  TEXT    NOT NULL,
    sha256      TEXT    NOT NULL,
    reference   TEXT    NOT NULL
) STRICT;

CREATE INDEX artifacts_of_action ON artifacts (action_id, artifact_id);

-- `hash` is sha256 over `previous_hash`, a line feed and `event_json`. `action_id` repeats the event's, for the index.
CREATE TABLE audit_events (
    seq           INTEGER NOT NULL PRIMARY KEY,
    action_id     TEXT,
    event_json    TEXT    NOT NULL,
    previous_hash TEXT    NOT NULL,
    hash          TEXT    NOT NULL
) STRICT;

CREATE INDEX audit_events_of_action ON audit_events (action_id, seq) WHERE action_id IS NOT NULL;

CREATE TRIGGER audit_events_in_chain BEFORE INSERT ON audit_events
WHEN NEW.seq <> coalesce((SELECT max(seq) FROM audit_events), 0) + 1
    OR NEW.previous_hash <> coalesce(
        (SELECT hash FROM audit_events ORDER BY seq DESC LIMIT 1),
        '0000000000000000000000000000000000000000000000000000000000000000'
    )
BEGIN
    SELECT raise(ABORT, 'an audit event is appended to the end of its chain');
END;

CREATE TRIGGER audit_events_never_updated BEFORE UPDATE ON audit_events
BEGIN
    SELECT raise(ABORT, 'audit events are append-only');
END;

CREATE TRIGGER audit_events_never_deleted BEFORE DELETE ON audit_events
BEGIN
    SELECT raise(ABORT, 'audit events are append-only');
END;

-- What a person did: who and why. `arguments` are the bytes whose sha256 is the event's `safe_payload_hash`.
CREATE TABLE operator_acts (
    seq       INTEGER NOT NULL PRIMARY KEY REFERENCES audit_events (seq),
    done_by   TEXT    NOT NULL CHECK (done_by <> ''),
    reason    TEXT,
    arguments TEXT    NOT NULL
) STRICT;

CREATE TRIGGER operator_acts_never_replaced BEFORE INSERT ON operator_acts
WHEN EXISTS (SELECT 1 FROM operator_acts WHERE seq = NEW.seq)
BEGIN
    SELECT raise(ABORT, 'operator acts are append-only');
END;

CREATE TRIGGER operator_acts_never_updated BEFORE UPDATE ON operator_acts
BEGIN
    SELECT raise(ABORT, 'operator acts are append-only');
END;

CREATE TRIGGER operator_acts_never_deleted BEFORE DELETE ON operator_acts
BEGIN
    SELECT raise(ABORT, 'operator acts are append-only');
END;

CREATE TRIGGER policies_never_replaced BEFORE INSERT ON policies
WHEN EXISTS (SELECT 1 FROM policies WHERE policy_snapshot_id = NEW.policy_snapshot_id)
BEGIN
    SELECT raise(ABORT, 'policy snapshots are immutable');
END;

CREATE TRIGGER policies_never_updated BEFORE UPDATE ON policies
BEGIN
    SELECT raise(ABORT, 'policy snapshots are immutable');
END;

CREATE TRIGGER policies_never_deleted BEFORE DELETE ON policies
BEGIN
    SELECT raise(ABORT, 'policy snapshots are immutable');
END;

CREATE TRIGGER state_transitions_fixed_insert BEFORE INSERT ON state_transitions
BEGIN
    SELECT raise(ABORT, 'legal transitions change with a migration only');
END;

CREATE TRIGGER state_transitions_fixed_update BEFORE UPDATE ON state_transitions
BEGIN
    SELECT raise(ABORT, 'legal transitions change with a migration only');
END;

CREATE TRIGGER state_transitions_fixed_delete BEFORE DELETE ON state_transitions
BEGIN
    SELECT raise(ABORT, 'legal transitions change with a migration only');
END;

-- Deed's ledger on PostgreSQL.
--
-- What must never happen is refused here as well as in the code: an illegal change of state, a rewritten audit row, a replaced
-- action, a second claim on an account, a second unsettled action of an account. Times are milliseconds since 1970, UTC.
--
-- Texts are compared byte by byte (COLLATE "C"), as SQLite does, so that lists have one order everywhere. Numbers are BIGINT throughout.
-- A TRUNCATE fires no trigger of a row, so each table whose rows stay refuses it by itself.

CREATE TABLE clients (
    client_id  TEXT COLLATE "C" NOT NULL PRIMARY KEY CHECK (client_id <> ''),
    created_at BIGINT NOT NULL
);

CREATE TABLE platform_accounts (
    account_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id    TEXT COLLATE "C" NOT NULL REFERENCES clients (client_id),
    platform     TEXT COLLATE "C" NOT NULL CHECK (platform <> ''),
    handle       TEXT COLLATE "C" NOT NULL CHECK (handle <> ''),
    display_name TEXT COLLATE "C",
    avatar       TEXT COLLATE "C",
    origin       TEXT COLLATE "C",
    state        TEXT COLLATE "C" NOT NULL CHECK (state IN ('active', 'read_only', 'suspended')),
    state_reason TEXT COLLATE "C",
    mode         TEXT COLLATE "C" NOT NULL CHECK (mode IN ('draft', 'live')),
    created_at   BIGINT NOT NULL,
    updated_at   BIGINT NOT NULL
);

-- One row for one account of the platform: two would be two leases on the same account.
CREATE UNIQUE INDEX platform_accounts_once ON platform_accounts (platform, handle, coalesce(origin, ''));

-- Sealed before it gets here; there is no column for plain text.
CREATE TABLE sessions (
    account_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES platform_accounts (account_id),
    sealed     BYTEA    NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE policies (
    policy_snapshot_id TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    snapshot           TEXT COLLATE "C" NOT NULL,
    created_at         BIGINT NOT NULL
);

CREATE TABLE state_transitions (
    from_state TEXT COLLATE "C" NOT NULL,
    to_state   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (from_state, to_state)
);

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
    action_id          TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    client_id          TEXT COLLATE "C" NOT NULL REFERENCES clients (client_id),
    account_id         TEXT COLLATE "C" NOT NULL REFERENCES platform_accounts (account_id),
    platform           TEXT COLLATE "C" NOT NULL,
    lane               TEXT COLLATE "C" NOT NULL CHECK (lane IN ('api', 'browser', 'hybrid')),
    action_type        TEXT COLLATE "C" NOT NULL,
    payload            TEXT COLLATE "C" NOT NULL,
    payload_hash       TEXT COLLATE "C" NOT NULL,
    content_hash       TEXT COLLATE "C" NOT NULL,
    idempotency_key    TEXT COLLATE "C" NOT NULL UNIQUE CHECK (idempotency_key <> ''),
    experiment_id      TEXT COLLATE "C",
    variant_id         TEXT COLLATE "C",
    state              TEXT COLLATE "C" NOT NULL,
    hold_reason        TEXT COLLATE "C",
    hold_detail        TEXT COLLATE "C",
    hold_until         BIGINT,
    failure            TEXT COLLATE "C",
    attempted_at       BIGINT,
    epoch              BIGINT NOT NULL DEFAULT 0,
    worker             TEXT COLLATE "C",
    lease_until        BIGINT,
    episode_id         TEXT COLLATE "C",
    platform_object_id TEXT COLLATE "C",
    permalink          TEXT COLLATE "C",
    http_status        BIGINT,
    visibility         TEXT COLLATE "C",
    proof_level        BIGINT NOT NULL DEFAULT 0 CHECK (proof_level BETWEEN 0 AND 3),
    manifest_hash      TEXT COLLATE "C",
    target_hash        TEXT COLLATE "C",
    policy_snapshot_id TEXT COLLATE "C" REFERENCES policies (policy_snapshot_id),
    identity_ok        BIGINT CHECK (identity_ok IN (0, 1)),
    created_at         BIGINT NOT NULL,
    updated_at         BIGINT NOT NULL,
    -- A claim is a worker, a lease and an episode, or nothing.
    CHECK ((worker IS NULL) = (lease_until IS NULL)),
    CHECK (worker IS NULL OR episode_id IS NOT NULL),
    -- What is on its way has somebody who answers for it, so that recovery finds it; above all it is never `attempted` and forgotten.
    CONSTRAINT under_way_is_claimed CHECK (state NOT IN ('preflight_passed', 'identity_verified', 'attempted') OR worker IS NOT NULL),
    CHECK ((hold_reason IS NULL) = (hold_detail IS NULL)),
    -- What may have been sent says since when.
    CHECK (state NOT IN ('attempted', 'unknown', 'confirmed_success', 'postcheck_complete') OR attempted_at IS NOT NULL)
);

-- One claim an account, dead or alive: a dead one is taken over after its browser was ended, never worked around.
CREATE UNIQUE INDEX actions_one_claim_an_account ON actions (account_id) WHERE worker IS NOT NULL;
-- One action an account of which it is not known whether it happened.
CREATE UNIQUE INDEX actions_one_unsettled_an_account ON actions (account_id) WHERE state IN ('attempted', 'unknown');
CREATE INDEX actions_due ON actions (created_at, action_id) WHERE state = 'queued' AND worker IS NULL;
CREATE INDEX actions_of_account ON actions (account_id, created_at);
CREATE INDEX actions_by_time ON actions (created_at, action_id);

-- A row is one time that a switch was on; `off_at IS NULL` means it is on now. `scope_id` is empty for the global one.
CREATE TABLE kill_switches (
    kill_switch_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    scope          TEXT COLLATE "C" NOT NULL CHECK (scope IN ('global', 'client', 'account')),
    scope_id       TEXT COLLATE "C" NOT NULL CHECK ((scope = 'global') = (scope_id = '')),
    on_by          TEXT COLLATE "C" NOT NULL,
    on_at          BIGINT NOT NULL,
    on_reason      TEXT COLLATE "C" NOT NULL,
    off_by         TEXT COLLATE "C",
    off_at         BIGINT,
    off_reason     TEXT COLLATE "C",
    CHECK ((off_at IS NULL) = (off_by IS NULL) AND (off_at IS NULL) = (off_reason IS NULL))
);

CREATE UNIQUE INDEX kill_switches_on ON kill_switches (scope, scope_id) WHERE off_at IS NULL;

CREATE TABLE verifications (
    verification_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    action_id       TEXT COLLATE "C" NOT NULL REFERENCES actions (action_id),
    episode_id      TEXT COLLATE "C" NOT NULL,
    epoch           BIGINT NOT NULL,
    read_number     BIGINT NOT NULL,
    read_at         BIGINT NOT NULL,
    found           TEXT COLLATE "C" NOT NULL CHECK (found IN ('present', 'pending', 'absent', 'unreadable')),
    note            TEXT COLLATE "C" NOT NULL
);

CREATE INDEX verifications_of_action ON verifications (action_id, verification_id);

-- `reference` is the artifact's reference as JSON: hash, kind, step, size, time.
CREATE TABLE artifacts (
    artifact_id BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY,
    action_id   TEXT COLLATE "C" NOT NULL REFERENCES actions (action_id),
    episode_id  TEXT COLLATE "C" NOT NULL,
    sha256      TEXT COLLATE "C" NOT NULL,
    reference   TEXT COLLATE "C" NOT NULL
);

CREATE INDEX artifacts_of_action ON artifacts (action_id, artifact_id);

-- `hash` is sha256 over `previous_hash`, a line feed and `event_json`. `action_id` repeats the event's, for the index.
CREATE TABLE audit_events (
    seq           BIGINT NOT NULL PRIMARY KEY,
    action_id     TEXT COLLATE "C",
    event_json    TEXT COLLATE "C" NOT NULL,
    previous_hash TEXT COLLATE "C" NOT NULL,
    hash          TEXT COLLATE "C" NOT NULL
);

CREATE INDEX audit_events_of_action ON audit_events (action_id, seq) WHERE action_id IS NOT NULL;

-- What a person did: who and why. `arguments` are the bytes whose sha256 is the event's `safe_payload_hash`.
CREATE TABLE operator_acts (
    seq       BIGINT NOT NULL PRIMARY KEY REFERENCES audit_events (seq),
    done_by   TEXT COLLATE "C" NOT NULL CHECK (done_by <> ''),
    reason    TEXT COLLATE "C",
    arguments TEXT COLLATE "C" NOT NULL
);

-- Refuses with the words that the trigger gives.
CREATE FUNCTION deed_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0] USING ERRCODE = 'integrity_constraint_violation';
END
$$;

CREATE TRIGGER state_transitions_fixed BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON state_transitions
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('legal transitions change with a migration only');

CREATE TRIGGER actions_begin_queued BEFORE INSERT ON actions FOR EACH ROW
WHEN (NEW.state <> 'queued' OR NEW.epoch <> 0 OR NEW.worker IS NOT NULL OR NEW.attempted_at IS NOT NULL)
EXECUTE FUNCTION deed_refuse('an action begins as queued, without a claim');

CREATE TRIGGER actions_never_deleted BEFORE DELETE OR TRUNCATE ON actions
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('actions and their keys are never deleted');

CREATE FUNCTION deed_state_legal() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM state_transitions WHERE from_state = OLD.state AND to_state = NEW.state) THEN
        RAISE EXCEPTION 'illegal state transition' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER actions_state_legal BEFORE UPDATE OF state ON actions FOR EACH ROW EXECUTE FUNCTION deed_state_legal();

CREATE TRIGGER actions_order_immutable BEFORE UPDATE OF
    action_id, client_id, account_id, platform, lane, action_type, payload, payload_hash, content_hash, idempotency_key, created_at
ON actions FOR EACH ROW EXECUTE FUNCTION deed_refuse('what was ordered never changes');

CREATE TRIGGER actions_attempt_kept BEFORE UPDATE OF attempted_at ON actions FOR EACH ROW
WHEN (OLD.attempted_at IS NOT NULL AND NEW.attempted_at IS DISTINCT FROM OLD.attempted_at)
EXECUTE FUNCTION deed_refuse('an attempt is never taken back');

CREATE TRIGGER actions_epoch_grows BEFORE UPDATE OF epoch ON actions FOR EACH ROW
WHEN (NEW.epoch < OLD.epoch)
EXECUTE FUNCTION deed_refuse('the fencing epoch never goes back');

CREATE TRIGGER kill_switches_history_kept BEFORE UPDATE ON kill_switches FOR EACH ROW
WHEN (OLD.off_at IS NOT NULL
    OR NEW.kill_switch_id <> OLD.kill_switch_id OR NEW.scope <> OLD.scope OR NEW.scope_id <> OLD.scope_id
    OR NEW.on_by <> OLD.on_by OR NEW.on_at <> OLD.on_at OR NEW.on_reason <> OLD.on_reason)
EXECUTE FUNCTION deed_refuse('the history of kill switches never changes');

CREATE TRIGGER kill_switches_never_deleted BEFORE DELETE OR TRUNCATE ON kill_switches
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('the history of kill switches is never deleted');

CREATE FUNCTION deed_audit_in_chain() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    last_seq  BIGINT;
    last_hash TEXT;
BEGIN
    SELECT seq, hash INTO last_seq, last_hash FROM audit_events ORDER BY seq DESC LIMIT 1;
    IF NEW.seq <> coalesce(last_seq, 0) + 1
        OR NEW.previous_hash <> coalesce(last_hash, '0000000000000000000000000000000000000000000000000000000000000000') THEN
        RAISE EXCEPTION 'an audit event is appended to the end of its chain' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER audit_events_in_chain BEFORE INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION deed_audit_in_chain();

CREATE TRIGGER audit_events_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('audit events are append-only');

CREATE TRIGGER operator_acts_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON operator_acts
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('operator acts are append-only');

CREATE TRIGGER policies_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON policies
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('policy snapshots are immutable');

-- A ledger for a fleet: which workers there are, what waits for a time or for another action, the press that may be on its way, and
-- verification that any worker takes up.

-- A worker is one process of `deed work` or `deed act`. Whether it lives is told by its leases; this is for people.
CREATE TABLE workers (
    worker      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    machine     TEXT COLLATE "C" NOT NULL,
    process     BIGINT NOT NULL,
    concurrency BIGINT NOT NULL,
    started_at  BIGINT NOT NULL,
    seen_at     BIGINT NOT NULL,
    left_at     BIGINT
);

CREATE INDEX workers_by_time ON workers (seen_at);

-- 2 high, 1 normal, 0 low.
ALTER TABLE actions ADD COLUMN priority BIGINT NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2);
-- Not to be begun before this time.
ALTER TABLE actions ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
-- How many actions it still waits for; `action_dependencies` says which.
ALTER TABLE actions ADD COLUMN waits_for BIGINT NOT NULL DEFAULT 0 CHECK (waits_for >= 0);
-- Actions of one batch are worked on one after another by whoever began.
ALTER TABLE actions ADD COLUMN batch TEXT COLLATE "C" CHECK (batch <> '');
-- Until when a press may still leave; empty when none can.
ALTER TABLE actions ADD COLUMN press_until BIGINT;
-- When the next look is due; empty when no worker is to look by itself.
ALTER TABLE actions ADD COLUMN verify_at BIGINT;

-- Since when a worker may take it up by itself; empty when none may.
ALTER TABLE actions ADD COLUMN ready_at BIGINT GENERATED ALWAYS AS (
    CASE
        WHEN state <> 'queued' OR worker IS NOT NULL OR waits_for > 0 THEN NULL
        WHEN hold_reason IS NULL THEN not_before
        WHEN hold_until IS NULL THEN NULL
        WHEN hold_until > not_before THEN hold_until
        ELSE not_before
    END) STORED;

DROP INDEX actions_due;
-- The first of an account that is ready is found at the beginning of its part of the index, however many there are.
CREATE INDEX actions_ready ON actions (account_id, priority DESC, ready_at, created_at, action_id) WHERE ready_at IS NOT NULL;
-- Accounts on which something may run at all.
CREATE INDEX platform_accounts_by_state ON platform_accounts (state, account_id);
CREATE INDEX actions_batch ON actions (account_id, batch, created_at, action_id) WHERE batch IS NOT NULL;
CREATE INDEX actions_to_verify ON actions (verify_at, action_id) WHERE verify_at IS NOT NULL;
CREATE INDEX actions_claimed ON actions (worker) WHERE worker IS NOT NULL;
CREATE INDEX actions_unsettled ON actions (attempted_at, action_id) WHERE state IN ('attempted', 'unknown');
CREATE INDEX actions_pressing ON actions (press_until) WHERE press_until IS NOT NULL;
CREATE INDEX actions_held ON actions (hold_reason, account_id) WHERE hold_reason IS NOT NULL;

CREATE TABLE action_dependencies (
    action_id  TEXT COLLATE "C" NOT NULL REFERENCES actions (action_id),
    depends_on TEXT COLLATE "C" NOT NULL REFERENCES actions (action_id) CHECK (depends_on <> action_id),
    PRIMARY KEY (action_id, depends_on)
);

CREATE INDEX action_dependents ON action_dependencies (depends_on, action_id);

CREATE TRIGGER action_dependencies_immutable BEFORE UPDATE OR DELETE OR TRUNCATE ON action_dependencies
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('what an action waits for never changes');

-- What is not known yet is looked at by the next worker that comes.
UPDATE actions SET verify_at = updated_at WHERE state = 'unknown';

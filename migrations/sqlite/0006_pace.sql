-- Budgets, pace and tries.
--
-- Budgets are counted from the attempts themselves: there is no counter that could differ from them.

CREATE INDEX actions_attempts ON actions (account_id, attempted_at, action_type) WHERE attempted_at IS NOT NULL;
-- What waits behind an action that is over budget is not taken up either.
CREATE INDEX actions_over_budget ON actions (account_id, action_type, hold_until) WHERE hold_reason = 'budget';

-- How an account stands with its platform; without a row, at the full pace. Factor and jitter are in thousandths.
CREATE TABLE account_pace (
    account_id   TEXT    NOT NULL PRIMARY KEY REFERENCES platform_accounts (account_id),
    factor_milli INTEGER NOT NULL CHECK (factor_milli BETWEEN 1000 AND 16000),
    jitter_milli INTEGER NOT NULL CHECK (jitter_milli BETWEEN 0 AND 500),
    not_before   INTEGER,
    slowed_at    INTEGER,
    updated_at   INTEGER NOT NULL
) STRICT;

-- Tries that ended by a fault before anything was attempted. `next_at` is NULL where a person has to look.
CREATE TABLE action_tries (
    action_id  TEXT    NOT NULL REFERENCES actions (action_id),
    try_number INTEGER NOT NULL CHECK (try_number > 0),
    tried_at   INTEGER NOT NULL,
    fault      TEXT    NOT NULL CHECK (fault <> ''),
    detail     TEXT    NOT NULL,
    next_at    INTEGER,
    PRIMARY KEY (action_id, try_number)
) STRICT;

CREATE TRIGGER action_tries_before_the_attempt BEFORE INSERT ON action_tries
WHEN NOT EXISTS (SELECT 1 FROM actions WHERE action_id = NEW.action_id AND state = 'queued' AND attempted_at IS NULL)
BEGIN
    SELECT raise(ABORT, 'what was attempted is never tried again');
END;

CREATE TRIGGER action_tries_never_replaced BEFORE INSERT ON action_tries
WHEN EXISTS (SELECT 1 FROM action_tries WHERE action_id = NEW.action_id AND try_number = NEW.try_number)
BEGIN
    SELECT raise(ABORT, 'tries are append-only');
END;

CREATE TRIGGER action_tries_never_updated BEFORE UPDATE ON action_tries
BEGIN
    SELECT raise(ABORT, 'tries are append-only');
END;

CREATE TRIGGER action_tries_never_deleted BEFORE DELETE ON action_tries
BEGIN
    SELECT raise(ABORT, 'tries are append-only');
END;

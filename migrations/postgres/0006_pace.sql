-- Budgets, pace and tries.
--
-- Budgets are counted from the attempts themselves: there is no counter that could differ from them.

CREATE INDEX actions_attempts ON actions (account_id, attempted_at, action_type) WHERE attempted_at IS NOT NULL;
-- What waits behind an action that is over budget is not taken up either.
CREATE INDEX actions_over_budget ON actions (account_id, action_type, hold_until) WHERE hold_reason = 'budget';

-- How an account stands with its platform; without a row, at the full pace. Factor and jitter are in thousandths.
CREATE TABLE account_pace (
    account_id   TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES platform_accounts (account_id),
    factor_milli BIGINT NOT NULL CHECK (factor_milli BETWEEN 1000 AND 16000),
    jitter_milli BIGINT NOT NULL CHECK (jitter_milli BETWEEN 0 AND 500),
    not_before   BIGINT,
    slowed_at    BIGINT,
    updated_at   BIGINT NOT NULL
);

-- Tries that ended by a fault before anything was attempted. `next_at` is NULL where a person has to look.
CREATE TABLE action_tries (
    action_id  TEXT COLLATE "C" NOT NULL REFERENCES actions (action_id),
    try_number BIGINT NOT NULL CHECK (try_number > 0),
    tried_at   BIGINT NOT NULL,
    fault      TEXT COLLATE "C" NOT NULL CHECK (fault <> ''),
    detail     TEXT COLLATE "C" NOT NULL,
    next_at    BIGINT,
    PRIMARY KEY (action_id, try_number)
);

CREATE FUNCTION deed_try_before_the_attempt() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM actions WHERE action_id = NEW.action_id AND state = 'queued' AND attempted_at IS NULL) THEN
        RAISE EXCEPTION 'what was attempted is never tried again' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER action_tries_before_the_attempt BEFORE INSERT ON action_tries FOR EACH ROW
EXECUTE FUNCTION deed_try_before_the_attempt();

CREATE TRIGGER action_tries_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON action_tries
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('tries are append-only');

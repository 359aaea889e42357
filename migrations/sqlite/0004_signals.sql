-- What goes back to people and to whoever filed an order: warnings, webhooks, the health of accounts.

-- One open warning of a kind for an account (or for a client, or for all): what happens again is taken up by it.
CREATE TABLE warnings (
    warning_id    TEXT    NOT NULL PRIMARY KEY,
    kind          TEXT    NOT NULL,
    severity      TEXT    NOT NULL CHECK (severity IN ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
    client_id     TEXT    REFERENCES clients (client_id),
    account_id    TEXT    REFERENCES platform_accounts (account_id),
    -- The last action with it.
    action_id     TEXT    REFERENCES actions (action_id),
    first_at      INTEGER NOT NULL,
    last_at       INTEGER NOT NULL,
    occurrences   INTEGER NOT NULL CHECK (occurrences > 0),
    detail        TEXT    NOT NULL,
    closed_by     TEXT,
    closed_at     INTEGER,
    closed_reason TEXT,
    CHECK (account_id IS NULL OR client_id IS NOT NULL),
    CHECK ((closed_at IS NULL) = (closed_by IS NULL) AND (closed_at IS NULL) = (closed_reason IS NULL))
) STRICT;

CREATE UNIQUE INDEX warnings_open ON warnings (kind, coalesce(client_id, ''), coalesce(account_id, '')) WHERE closed_at IS NULL;
CREATE INDEX warnings_by_time ON warnings (last_at, warning_id);

CREATE TABLE warning_occurrences (
    occurrence_id INTEGER NOT NULL PRIMARY KEY,
    warning_id    TEXT    NOT NULL REFERENCES warnings (warning_id),
    happened_at   INTEGER NOT NULL
) STRICT;

CREATE INDEX warning_occurrences_of_warning ON warning_occurrences (warning_id, happened_at);

CREATE TRIGGER warnings_closed_once BEFORE UPDATE ON warnings
WHEN OLD.closed_at IS NOT NULL
BEGIN
    SELECT raise(ABORT, 'a closed warning never changes');
END;

CREATE TRIGGER warnings_never_milder BEFORE UPDATE OF severity ON warnings
WHEN instr('LOW MEDIUM HIGH CRITICAL', NEW.severity) < instr('LOW MEDIUM HIGH CRITICAL', OLD.severity)
BEGIN
    SELECT raise(ABORT, 'a warning never becomes milder');
END;

CREATE TRIGGER warnings_never_deleted BEFORE DELETE ON warnings
BEGIN
    SELECT raise(ABORT, 'warnings are closed, never deleted');
END;

-- Where outcomes are sent. The secret is sealed before it gets here; a removed endpoint has none any more.
CREATE TABLE webhook_endpoints (
    endpoint_id  TEXT    NOT NULL PRIMARY KEY,
    url          TEXT    NOT NULL CHECK (url <> ''),
    -- Only outcomes of this client; all clients' without one.
    client_id    TEXT    REFERENCES clients (client_id),
    -- Event types, with one space between two.
    events       TEXT    NOT NULL CHECK (events <> ''),
    sealed       BLOB    NOT NULL,
    -- Whether it may be on this machine.
    allow_local  INTEGER NOT NULL CHECK (allow_local IN (0, 1)),
    state        TEXT    NOT NULL CHECK (state IN ('active', 'gone', 'removed')),
    created_at   INTEGER NOT NULL,
    updated_at   INTEGER NOT NULL
) STRICT;

-- The outbox. A row is written in the transaction of the change that it tells of, and is never sent before that is durable.
CREATE TABLE webhook_messages (
    message_id  TEXT    NOT NULL PRIMARY KEY,
    endpoint_id TEXT    NOT NULL REFERENCES webhook_endpoints (endpoint_id),
    -- The audit event's: the order of an action's messages.
    seq         INTEGER NOT NULL REFERENCES audit_events (seq),
    action_id   TEXT    NOT NULL REFERENCES actions (action_id),
    event_type  TEXT    NOT NULL,
    body        TEXT    NOT NULL,
    state       TEXT    NOT NULL CHECK (state IN ('pending', 'delivered', 'dead', 'dropped')),
    attempts    INTEGER NOT NULL DEFAULT 0,
    next_at     INTEGER NOT NULL,
    -- Who sends it just now, and until when nobody else may.
    lease       TEXT,
    lease_until INTEGER,
    -- What the last attempt came to.
    last_answer TEXT,
    created_at  INTEGER NOT NULL,
    settled_at  INTEGER,
    UNIQUE (endpoint_id, seq),
    CHECK ((lease IS NULL) = (lease_until IS NULL)),
    CHECK ((state = 'pending') = (settled_at IS NULL))
) STRICT;

CREATE INDEX webhook_messages_due ON webhook_messages (next_at, seq) WHERE state = 'pending';
CREATE INDEX webhook_messages_in_order ON webhook_messages (endpoint_id, action_id, seq) WHERE state = 'pending';

CREATE TRIGGER webhook_messages_settled_once BEFORE UPDATE ON webhook_messages
WHEN OLD.state <> 'pending' OR NEW.message_id <> OLD.message_id OR NEW.body <> OLD.body OR NEW.seq <> OLD.seq
BEGIN
    SELECT raise(ABORT, 'a message is settled once and never changes');
END;

CREATE TRIGGER webhook_messages_never_deleted BEFORE DELETE ON webhook_messages
BEGIN
    SELECT raise(ABORT, 'messages are never deleted');
END;

-- When the session ends, as far as its cookies say: 'dated' with a time, 'undated' (they live as long as a browser), 'none' (no cookie
-- of the platform). NULL: stored before this was asked.
ALTER TABLE sessions ADD COLUMN expiry TEXT CHECK (expiry IN ('dated', 'undated', 'none'));
ALTER TABLE sessions ADD COLUMN expires_at INTEGER;

-- The last look at who is signed in.
ALTER TABLE platform_accounts ADD COLUMN identity_at INTEGER;
ALTER TABLE platform_accounts ADD COLUMN identity_ok INTEGER CHECK (identity_ok IN (0, 1));

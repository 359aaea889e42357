-- Approvals: who may give them, what was asked, what was decided. All of it is kept; nothing is changed but that an approver is revoked.

ALTER TABLE platform_accounts ADD COLUMN approvals TEXT NOT NULL DEFAULT 'none' CHECK (approvals IN ('none', 'one', 'two'));

-- Who filed the order may not approve it. Actions of before this was kept have none.
ALTER TABLE actions ADD COLUMN filed_by TEXT CHECK (filed_by <> '');
ALTER TABLE actions ADD COLUMN risk TEXT NOT NULL DEFAULT 'low' CHECK (risk IN ('low', 'medium', 'high'));

CREATE TRIGGER actions_filing_immutable BEFORE UPDATE OF filed_by, risk ON actions
BEGIN
    SELECT raise(ABORT, 'who filed an order, and its risk, never change');
END;

-- `public_key` is `ed25519:` and 32 bytes in base64; a key belongs to one row for ever, a name to one that is not revoked.
CREATE TABLE approvers (
    approver_id    INTEGER NOT NULL PRIMARY KEY,
    name           TEXT    NOT NULL CHECK (name <> ''),
    public_key     TEXT    NOT NULL UNIQUE,
    added_by       TEXT    NOT NULL,
    added_at       INTEGER NOT NULL,
    revoked_by     TEXT,
    revoked_at     INTEGER,
    revoked_reason TEXT,
    CHECK ((revoked_at IS NULL) = (revoked_by IS NULL) AND (revoked_at IS NULL) = (revoked_reason IS NULL))
) STRICT;

CREATE UNIQUE INDEX approvers_once ON approvers (lower(name)) WHERE revoked_at IS NULL;

CREATE TRIGGER approvers_history_kept BEFORE UPDATE ON approvers
WHEN OLD.revoked_at IS NOT NULL
    OR NEW.approver_id <> OLD.approver_id OR NEW.name <> OLD.name OR NEW.public_key <> OLD.public_key
    OR NEW.added_by <> OLD.added_by OR NEW.added_at <> OLD.added_at
BEGIN
    SELECT raise(ABORT, 'an approver is revoked and never changed');
END;

CREATE TRIGGER approvers_never_replaced BEFORE INSERT ON approvers
WHEN EXISTS (
    SELECT 1 FROM approvers
    WHERE approver_id = NEW.approver_id OR public_key = NEW.public_key
       OR (revoked_at IS NULL AND lower(name) = lower(NEW.name))
)
BEGIN
    SELECT raise(ABORT, 'an approver is never replaced');
END;

CREATE TRIGGER approvers_never_deleted BEFORE DELETE ON approvers
BEGIN
    SELECT raise(ABORT, 'an approver is never deleted');
END;

-- `screenshot` is the artifact's reference as JSON: the filled composer, as the rehearsal saw it.
CREATE TABLE approval_requests (
    action_id    TEXT    NOT NULL REFERENCES actions (action_id),
    revision     INTEGER NOT NULL CHECK (revision > 0),
    binding      TEXT    NOT NULL,
    risk         TEXT    NOT NULL CHECK (risk IN ('low', 'medium', 'high')),
    needed       INTEGER NOT NULL CHECK (needed > 0),
    screenshot   TEXT    NOT NULL,
    episode_id   TEXT    NOT NULL,
    requested_by TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    PRIMARY KEY (action_id, revision)
) STRICT;

CREATE TRIGGER approval_requests_in_order BEFORE INSERT ON approval_requests
WHEN NEW.revision <> coalesce((SELECT max(revision) FROM approval_requests WHERE action_id = NEW.action_id), 0) + 1
BEGIN
    SELECT raise(ABORT, 'revisions come one after another');
END;

CREATE TRIGGER approval_requests_never_updated BEFORE UPDATE ON approval_requests
BEGIN
    SELECT raise(ABORT, 'approval requests are append-only');
END;

CREATE TRIGGER approval_requests_never_deleted BEFORE DELETE ON approval_requests
BEGIN
    SELECT raise(ABORT, 'approval requests are append-only');
END;

-- `statement` are the bytes that were signed. A signature is kept once: a statement can not be given again after it was taken back.
CREATE TABLE approvals (
    approval_id  INTEGER NOT NULL PRIMARY KEY,
    action_id    TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    binding      TEXT    NOT NULL,
    approver_id  INTEGER NOT NULL REFERENCES approvers (approver_id),
    decision     TEXT    NOT NULL CHECK (decision IN ('approve', 'reject')),
    handle_typed INTEGER NOT NULL CHECK (handle_typed IN (0, 1)),
    statement    TEXT    NOT NULL,
    signature    TEXT    NOT NULL UNIQUE,
    decided_at   INTEGER NOT NULL,
    FOREIGN KEY (action_id, revision) REFERENCES approval_requests (action_id, revision)
) STRICT;

CREATE INDEX approvals_of_action ON approvals (action_id, approval_id);

CREATE TRIGGER approvals_never_replaced BEFORE INSERT ON approvals
WHEN EXISTS (SELECT 1 FROM approvals WHERE approval_id = NEW.approval_id OR signature = NEW.signature)
BEGIN
    SELECT raise(ABORT, 'approvals are append-only');
END;

CREATE TRIGGER approvals_never_updated BEFORE UPDATE ON approvals
BEGIN
    SELECT raise(ABORT, 'approvals are append-only');
END;

CREATE TRIGGER approvals_never_deleted BEFORE DELETE ON approvals
BEGIN
    SELECT raise(ABORT, 'approvals are append-only');
END;

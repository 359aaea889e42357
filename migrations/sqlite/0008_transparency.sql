-- The audit log as a Merkle tree, and its signed checkpoints.
--
-- `audit_nodes` holds every complete subtree (level 0: the leaf hashes, by the row's place from 0), so that a checkpoint hashes only the
-- rows that came since the last one, and a proof reads a few nodes. Nothing is believed because it stands here: `audit verify` hashes
-- the rows anew.

CREATE TABLE audit_nodes (
    level INTEGER NOT NULL CHECK (level >= 0),
    idx   INTEGER NOT NULL CHECK (idx >= 0),
    hash  TEXT    NOT NULL,
    PRIMARY KEY (level, idx)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit_checkpoints (
    size    INTEGER NOT NULL PRIMARY KEY CHECK (size > 0),
    note    TEXT    NOT NULL,
    made_at INTEGER NOT NULL
) STRICT;

CREATE TRIGGER audit_nodes_never_replaced BEFORE INSERT ON audit_nodes
WHEN EXISTS (SELECT 1 FROM audit_nodes WHERE level = NEW.level AND idx = NEW.idx)
BEGIN
    SELECT raise(ABORT, 'nodes of the audit log are append-only');
END;

CREATE TRIGGER audit_nodes_never_updated BEFORE UPDATE ON audit_nodes
BEGIN
    SELECT raise(ABORT, 'nodes of the audit log are append-only');
END;

CREATE TRIGGER audit_nodes_never_deleted BEFORE DELETE ON audit_nodes
BEGIN
    SELECT raise(ABORT, 'nodes of the audit log are append-only');
END;

CREATE TRIGGER audit_checkpoints_never_replaced BEFORE INSERT ON audit_checkpoints
WHEN EXISTS (SELECT 1 FROM audit_checkpoints WHERE size = NEW.size)
BEGIN
    SELECT raise(ABORT, 'checkpoints are append-only');
END;

CREATE TRIGGER audit_checkpoints_never_updated BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT raise(ABORT, 'checkpoints are append-only');
END;

CREATE TRIGGER audit_checkpoints_never_deleted BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT raise(ABORT, 'checkpoints are append-only');
END;

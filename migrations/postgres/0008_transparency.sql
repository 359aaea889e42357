-- The audit log as a Merkle tree, and its signed checkpoints.
--
-- `audit_nodes` holds every complete subtree (level 0: the leaf hashes, by the row's place from 0), so that a checkpoint hashes only the
-- rows that came since the last one, and a proof reads a few nodes. Nothing is believed because it stands here: `audit verify` hashes
-- the rows anew.

CREATE TABLE audit_nodes (
    level BIGINT NOT NULL CHECK (level >= 0),
    idx   BIGINT NOT NULL CHECK (idx >= 0),
    hash  TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (level, idx)
);

CREATE TABLE audit_checkpoints (
    size    BIGINT NOT NULL PRIMARY KEY CHECK (size > 0),
    note    TEXT COLLATE "C" NOT NULL,
    made_at BIGINT NOT NULL
);

CREATE TRIGGER audit_nodes_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_nodes
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('nodes of the audit log are append-only');

CREATE TRIGGER audit_checkpoints_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_checkpoints
FOR EACH STATEMENT EXECUTE FUNCTION deed_refuse('checkpoints are append-only');

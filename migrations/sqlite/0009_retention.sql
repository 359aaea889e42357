-- How many days the payloads of a client's proof are kept. Without a row: for ever.
CREATE TABLE client_retention (
    client_id TEXT    NOT NULL PRIMARY KEY REFERENCES clients (client_id),
    days      INTEGER NOT NULL CHECK (days BETWEEN 1 AND 36500),
    set_at    INTEGER NOT NULL
) STRICT;

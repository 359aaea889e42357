-- How many days the payloads of a client's proof are kept. Without a row: for ever.
CREATE TABLE client_retention (
    client_id TEXT COLLATE "C" NOT NULL PRIMARY KEY REFERENCES clients (client_id),
    days      BIGINT NOT NULL CHECK (days BETWEEN 1 AND 36500),
    set_at    BIGINT NOT NULL
);

-- What a policy counts before each action: attempts of an account and action type, attempts of a client.

CREATE INDEX actions_attempts_of_account ON actions (account_id, action_type, attempted_at) WHERE attempted_at IS NOT NULL;
CREATE INDEX actions_attempts_of_client ON actions (client_id, attempted_at) WHERE attempted_at IS NOT NULL;

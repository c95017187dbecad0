-- What the senders of creations were told, to be told again under the same
-- idempotency key (api.md, "Idempotency"). No secret is in it.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE told (
	oc         integer NOT NULL, -- 0 when the actor is of no certifier
	actor_id   text NOT NULL,    -- '' when the key is its certifier's
	key        text NOT NULL CHECK (key ~ '^[ -~]{1,128}$'),
	content    bytea NOT NULL CHECK (length(content) = 32),
	status     integer NOT NULL,
	location   text NOT NULL,
	etag       text NOT NULL,
	body       bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (oc, actor_id, key),
	CHECK ((oc = 0) <> (actor_id = ''))
);
CREATE INDEX told_created_idx ON told (created_at);

ALTER TABLE told ENABLE ROW LEVEL SECURITY;
ALTER TABLE told FORCE ROW LEVEL SECURITY;
CREATE POLICY told_api ON told TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY told_system ON told TO sillon_system USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE ON told TO sillon_api, sillon_system;
GRANT DELETE ON told TO sillon_system;

RESET ROLE;

-- +goose Down
DROP TABLE told;

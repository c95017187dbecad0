-- Notices to the certifiers' own systems: where to send them, and what became
-- of each.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE webhook (
	oc              integer NOT NULL REFERENCES certifier,
	id              uuid NOT NULL,
	url             text NOT NULL CHECK (length(url) <= 2000),
	name            text NOT NULL DEFAULT '',
	events          text[] NOT NULL,
	-- Encrypted by the service: the database alone cannot sign.
	secret          bytea NOT NULL,
	former_secret   bytea,
	former_until    timestamptz,
	disabled_at     timestamptz,
	disabled_reason text NOT NULL DEFAULT '' CHECK (disabled_reason IN ('', 'demande', 'disparu', 'echecs')),
	failing_since   timestamptz,
	revision        bigint NOT NULL DEFAULT 1,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (oc, id),
	UNIQUE (oc, url),
	CHECK ((disabled_at IS NULL) = (disabled_reason = '')),
	CHECK ((former_secret IS NULL) = (former_until IS NULL))
);

-- One message to one webhook, and the outbox of those to be sent.
CREATE TABLE webhook_delivery (
	oc           integer NOT NULL,
	id           uuid NOT NULL,
	webhook      uuid NOT NULL,
	event        text NOT NULL,
	payload      text NOT NULL,
	state        text NOT NULL DEFAULT 'a_envoyer' CHECK (state IN ('a_envoyer', 'envoyee', 'echouee', 'abandonnee')),
	tries        integer NOT NULL DEFAULT 0,
	-- Next try; while one is under way, the end of its lease.
	next_try_at  timestamptz DEFAULT now(),
	last_try_at  timestamptz,
	last_status  integer,
	last_reason  text NOT NULL DEFAULT '',
	last_answer  text NOT NULL DEFAULT '' CHECK (octet_length(last_answer) <= 1024),
	created_at   timestamptz NOT NULL DEFAULT now(),
	sent_at      timestamptz,
	PRIMARY KEY (oc, id),
	FOREIGN KEY (oc, webhook) REFERENCES webhook ON DELETE CASCADE,
	CHECK ((next_try_at IS NOT NULL) = (state = 'a_envoyer'))
);
CREATE INDEX webhook_delivery_list_idx ON webhook_delivery (oc, webhook, created_at, id);
CREATE INDEX webhook_delivery_due_idx ON webhook_delivery (next_try_at) WHERE state = 'a_envoyer';
CREATE INDEX webhook_delivery_age_idx ON webhook_delivery (created_at);

ALTER TABLE webhook ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook FORCE ROW LEVEL SECURITY;
CREATE POLICY webhook_api ON webhook TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY webhook_national ON webhook FOR SELECT TO sillon_national USING (true);

ALTER TABLE webhook_delivery ENABLE ROW LEVEL SECURITY;
ALTER TABLE webhook_delivery FORCE ROW LEVEL SECURITY;
CREATE POLICY webhook_delivery_api ON webhook_delivery TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY webhook_delivery_national ON webhook_delivery FOR SELECT TO sillon_national USING (true);
CREATE POLICY webhook_delivery_system ON webhook_delivery TO sillon_system USING (true) WITH CHECK (true);

GRANT SELECT, INSERT, UPDATE, DELETE ON webhook TO sillon_api;
GRANT SELECT, INSERT, UPDATE ON webhook_delivery TO sillon_api;
-- Supervisors see everything but the secrets.
GRANT SELECT (oc, id, url, name, events, former_until, disabled_at, disabled_reason, failing_since, revision, created_at, updated_at)
	ON webhook TO sillon_national;
GRANT SELECT ON webhook_delivery TO sillon_national;
-- Scheduling and retention.
GRANT SELECT (oc, id, webhook, state, next_try_at, created_at), UPDATE (next_try_at), DELETE ON webhook_delivery TO sillon_system;

RESET ROLE;

-- +goose Down
DROP TABLE webhook_delivery, webhook;

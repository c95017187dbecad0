-- Pushes sent twice (certifier-exchange.md §1.2).

-- +goose Up
SET LOCAL ROLE sillon_owner;

ALTER TABLE import_job
	-- SHA-256 of the digest of the body and of the query string.
	ADD COLUMN content bytea CHECK (length(content) = 32);
CREATE INDEX import_job_content_idx ON import_job (oc, content, id) WHERE content IS NOT NULL;

-- The revision of the parcellaire once the record was dealt with: another one
-- says that somebody touched it since.
ALTER TABLE import_record ADD COLUMN revision bigint;

-- What the sender was told, byte for byte, as long as it may be told again.
CREATE TABLE import_reply (
	job        bigint PRIMARY KEY REFERENCES import_job ON DELETE CASCADE,
	oc         integer NOT NULL,
	status     integer NOT NULL,
	body       bytea NOT NULL,
	created_at timestamptz NOT NULL DEFAULT now()
);

-- A key is busy while its first push is read: holder renews the mark, so that
-- that of a killed node expires. It then has a content and a job.
CREATE TABLE idempotency_key (
	oc         integer NOT NULL REFERENCES certifier,
	key        text NOT NULL CHECK (key ~ '^[ -~]{1,128}$'),
	holder     uuid NOT NULL,
	busy_until timestamptz NOT NULL,
	content    bytea CHECK (length(content) = 32),
	job        bigint REFERENCES import_job ON DELETE CASCADE,
	created_at timestamptz NOT NULL DEFAULT now(),
	PRIMARY KEY (oc, key),
	CHECK ((content IS NULL) = (job IS NULL))
);
CREATE INDEX idempotency_key_job_idx ON idempotency_key (job) WHERE job IS NOT NULL;

ALTER TABLE import_reply ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_reply FORCE ROW LEVEL SECURITY;
CREATE POLICY import_reply_api ON import_reply TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY import_reply_system ON import_reply TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE idempotency_key ENABLE ROW LEVEL SECURITY;
ALTER TABLE idempotency_key FORCE ROW LEVEL SECURITY;
CREATE POLICY idempotency_key_api ON idempotency_key TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY idempotency_key_system ON idempotency_key TO sillon_system USING (true) WITH CHECK (true);

GRANT SELECT, INSERT ON import_reply TO sillon_api;
GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_key TO sillon_api;
GRANT SELECT, DELETE ON import_reply, idempotency_key TO sillon_system;

RESET ROLE;

-- +goose Down
DROP TABLE idempotency_key, import_reply;
ALTER TABLE import_record DROP COLUMN revision;
ALTER TABLE import_job DROP COLUMN content;

-- The bulk push: jobs, the payloads they came with, their records and their logs.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE import_job (
	id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	oc           integer NOT NULL REFERENCES certifier,
	actor_id     text NOT NULL,
	state        text NOT NULL DEFAULT 'CREATED' CHECK (state IN ('CREATED', 'PENDING', 'DONE', 'ERROR')),
	created_at   timestamptz NOT NULL DEFAULT now(),
	started_at   timestamptz,
	heartbeat_at timestamptz,
	ended_at     timestamptz,
	-- Failed tries at one record, the first that is left to do.
	tries        integer NOT NULL DEFAULT 0,
	tried_rank   integer,
	received     integer NOT NULL DEFAULT 0,
	accepted     integer NOT NULL DEFAULT 0,
	refused      integer NOT NULL DEFAULT 0,
	error        text NOT NULL DEFAULT '',
	media_type   text NOT NULL DEFAULT 'application/json',
	sha256       bytea,
	size         bigint NOT NULL DEFAULT 0,
	request_id   text NOT NULL DEFAULT '',
	CHECK ((ended_at IS NOT NULL) = (state IN ('DONE', 'ERROR')))
);
CREATE INDEX import_job_oc_idx ON import_job (oc, id);
CREATE INDEX import_job_open_idx ON import_job (oc, id) WHERE state IN ('CREATED', 'PENDING');

-- The body as received and decompressed, in compressed (zstd) pieces.
CREATE TABLE import_payload (
	job    bigint NOT NULL REFERENCES import_job ON DELETE CASCADE,
	oc     integer NOT NULL,
	start  bigint NOT NULL,
	length integer NOT NULL,
	data   bytea NOT NULL,
	PRIMARY KEY (job, start)
);
ALTER TABLE import_payload ALTER COLUMN data SET STORAGE EXTERNAL; -- compressed already

CREATE TABLE import_record (
	job            bigint NOT NULL REFERENCES import_job ON DELETE CASCADE,
	rank           integer NOT NULL,
	oc             integer NOT NULL,
	numero_bio     text NOT NULL DEFAULT '',
	start          bigint NOT NULL,
	length         integer NOT NULL,
	state          text NOT NULL CHECK (state IN ('todo', 'stored', 'refused')),
	parcels        integer NOT NULL DEFAULT 0,
	parcellaire_id uuid,
	PRIMARY KEY (job, rank)
);
CREATE INDEX import_record_todo_idx ON import_record (job, rank) WHERE state = 'todo';

CREATE TABLE import_log (
	id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	job         bigint NOT NULL REFERENCES import_job ON DELETE CASCADE,
	oc          integer NOT NULL,
	rank        integer NOT NULL,
	type        text NOT NULL CHECK (type IN ('error', 'warning')),
	code        text NOT NULL,
	message     text NOT NULL,
	numero_bio  text,
	parcelle_id text,
	indice      integer,
	at          timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX import_log_job_idx ON import_log (job, id);

-- Who works for a certifier at the moment: its jobs run one after the other.
-- The lease is renewed with each slice of records, and the transactions that
-- settle records hold the row, which fences off a worker that lost it.
CREATE TABLE import_lane (
	oc     integer PRIMARY KEY REFERENCES certifier,
	holder uuid NOT NULL,
	until  timestamptz NOT NULL
);

RESET ROLE;

-- +goose Down
DROP TABLE import_lane, import_log, import_record, import_payload, import_job;

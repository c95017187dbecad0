-- Service tokens. The table is read through two functions only: a request has
-- no tenant before its token is known.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE token (
	id           uuid PRIMARY KEY,
	prefix       text NOT NULL UNIQUE,
	hash         bytea NOT NULL UNIQUE CHECK (length(hash) = 32),
	role         text NOT NULL CHECK (role IN ('oc_service', 'agence_bio', 'inao', 'asp')),
	oc           integer REFERENCES certifier,
	label        text NOT NULL DEFAULT '',
	created_at   timestamptz NOT NULL DEFAULT now(),
	expires_at   timestamptz,
	revoked_at   timestamptz,
	last_used_at timestamptz,
	CHECK ((role = 'oc_service') = (oc IS NOT NULL))
);

RESET ROLE;

-- +goose Down
DROP TABLE token;

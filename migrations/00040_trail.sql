-- The trail of who was refused, who of the supervisors read what, and what was
-- administered (domain.md §2, §11.1). Nobody may change a row, nor remove one
-- before its time (00051).

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE trail (
	id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	at         timestamptz NOT NULL, -- of the first, when the row stands for several
	kind       text NOT NULL CHECK (kind IN ('refus', 'lecture', 'administration')),
	actor_id   text NOT NULL, -- of a token or user, never a name nor an address; '' is nobody
	actor_role text NOT NULL,
	oc         integer,
	-- The rest is '' on a row that stands for more than there was room to tell apart.
	action     text NOT NULL, -- the operation of openapi.yaml, or of the command line
	resource   text NOT NULL,
	method     text NOT NULL,
	route      text NOT NULL,
	status     integer NOT NULL,
	code       text NOT NULL,
	request_id text NOT NULL,
	times      integer NOT NULL DEFAULT 1 CHECK (times > 0)
);
CREATE INDEX trail_kind_idx ON trail (kind, id);
CREATE INDEX trail_actor_idx ON trail (actor_id, id);

ALTER TABLE trail ENABLE ROW LEVEL SECURITY;
ALTER TABLE trail FORCE ROW LEVEL SECURITY;
CREATE POLICY trail_national ON trail FOR SELECT TO sillon_national USING (true);
CREATE POLICY trail_system_insert ON trail FOR INSERT TO sillon_system WITH CHECK (true);
GRANT SELECT ON trail TO sillon_national;
GRANT INSERT ON trail TO sillon_system;

RESET ROLE;

-- +goose Down
DROP TABLE trail;

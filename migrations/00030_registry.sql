-- Farms are edited over HTTP, and followed in the open directory.

-- +goose Up
SET LOCAL ROLE sillon_owner;

ALTER TABLE farm ADD COLUMN revision bigint NOT NULL DEFAULT 1;

-- +goose StatementBegin
-- revise_farm counts the writes that change a farm. A registry file that says
-- what is known already changes nothing.
CREATE FUNCTION revise_farm() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	IF (OLD.name, OLD.trade_name, OLD.siret, OLD.pacages, OLD.address, OLD.postal_code, OLD.commune, OLD.production,
			OLD.current_oc, OLD.numero_client, OLD.current_state, OLD.ocs)
		IS DISTINCT FROM (NEW.name, NEW.trade_name, NEW.siret, NEW.pacages, NEW.address, NEW.postal_code, NEW.commune, NEW.production,
			NEW.current_oc, NEW.numero_client, NEW.current_state, NEW.ocs) THEN
		NEW.revision := OLD.revision + 1;
	END IF;
	NEW.updated_at := CASE WHEN NEW.revision > OLD.revision THEN now() ELSE OLD.updated_at END;
	RETURN NEW;
END $$;

-- A link is part of its farm: who reads the farm reads the link.
CREATE OR REPLACE FUNCTION record_link() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO link_history (link, oc, numero_bio, numero_client, state, start, stop)
	SELECT id, oc, numero_bio, numero_client, state, start, stop FROM written;
	UPDATE farm SET revision = revision + 1 WHERE numero_bio IN (SELECT numero_bio FROM written);
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER farm_revised BEFORE UPDATE ON farm FOR EACH ROW EXECUTE FUNCTION revise_farm();

-- Where the reading of the open directory of Agence BIO stands: one row, so
-- that a node that takes it up goes on where the other stopped.
CREATE TABLE directory_sync (
	only_row   boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	position   integer NOT NULL DEFAULT 0 CHECK (position >= 0),
	farms      integer NOT NULL DEFAULT 0,
	refused    integer NOT NULL DEFAULT 0,
	started_at timestamptz NOT NULL DEFAULT now(),
	ended_at   timestamptz
);
GRANT SELECT, INSERT, UPDATE ON directory_sync TO sillon_system;

RESET ROLE;

-- +goose Down
DROP TABLE directory_sync;
DROP TRIGGER farm_revised ON farm;
DROP FUNCTION revise_farm();
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION record_link() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO link_history (link, oc, numero_bio, numero_client, state, start, stop)
	SELECT id, oc, numero_bio, numero_client, state, start, stop FROM written;
	RETURN NULL;
END $$;
-- +goose StatementEnd
ALTER TABLE farm DROP COLUMN revision;

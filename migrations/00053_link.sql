-- A farm that only stale links are left of shows its last certifier as stopped
-- (domain.md §3.2). To the rest it is what the link says: not engaged, which
-- reads and writes nothing of others (§3.3).

-- +goose Up
SET LOCAL ROLE sillon_owner;

ALTER TABLE farm ADD COLUMN shown_state text;
UPDATE farm SET shown_state = current_state;
-- Those that get stale with time alone.
CREATE INDEX link_not_engaged_idx ON link (numero_bio) WHERE state = 'NON ENGAGEE';

-- +goose StatementBegin
CREATE OR REPLACE FUNCTION revise_farm() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	IF (OLD.name, OLD.trade_name, OLD.siret, OLD.pacages, OLD.address, OLD.postal_code, OLD.commune, OLD.production,
			OLD.current_oc, OLD.numero_client, OLD.current_state, OLD.shown_state, OLD.ocs)
		IS DISTINCT FROM (NEW.name, NEW.trade_name, NEW.siret, NEW.pacages, NEW.address, NEW.postal_code, NEW.commune, NEW.production,
			NEW.current_oc, NEW.numero_client, NEW.current_state, NEW.shown_state, NEW.ocs) THEN
		NEW.revision := OLD.revision + 1;
	END IF;
	NEW.updated_at := CASE WHEN NEW.revision > OLD.revision THEN now() ELSE OLD.updated_at END;
	RETURN NEW;
END $$;
-- +goose StatementEnd

RESET ROLE;

-- +goose Down
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION revise_farm() RETURNS trigger
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
-- +goose StatementEnd
DROP INDEX link_not_engaged_idx;
ALTER TABLE farm DROP COLUMN shown_state;

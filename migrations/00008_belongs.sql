-- A parcel belongs to a parcellaire, and to the same certifier as it. A foreign
-- key would ask so for each row, which costs a push a tenth of its time (make
-- bench-push): these triggers ask once for each statement, with the same locks.
-- A version that changes certifier is not looked at: whoever does that gives it
-- to all its parcels.

-- +goose Up

-- +goose StatementBegin
CREATE FUNCTION belongs() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE of record;
BEGIN
	FOR of IN SELECT parcellaire_id AS id, oc FROM becomes GROUP BY parcellaire_id, oc LOOP
		-- The lock of a foreign key: the parcellaire cannot go before this commits.
		PERFORM FROM parcellaire v WHERE v.id = of.id AND v.oc IS NOT DISTINCT FROM of.oc FOR KEY SHARE;
		IF NOT FOUND THEN
			RAISE foreign_key_violation USING MESSAGE = format('certifier %s has no parcellaire %s', of.oc, of.id),
				CONSTRAINT = 'parcel_belongs', TABLE = 'parcel';
		END IF;
	END LOOP;
	RETURN NULL;
END $$;

CREATE FUNCTION refuse_orphans() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF EXISTS (SELECT FROM parcel p WHERE p.parcellaire_id = OLD.id) THEN
		RAISE foreign_key_violation USING MESSAGE = format('parcellaire %s has parcels', OLD.id),
			CONSTRAINT = 'parcel_belongs', TABLE = 'parcellaire';
	END IF;
	RETURN NULL;
END $$;
-- +goose StatementEnd
GRANT CREATE ON SCHEMA public TO sillon_system;
ALTER FUNCTION belongs() OWNER TO sillon_system;
ALTER FUNCTION refuse_orphans() OWNER TO sillon_system;
REVOKE CREATE ON SCHEMA public FROM sillon_system;

CREATE TRIGGER parcel_belongs_new AFTER INSERT ON parcel
	REFERENCING NEW TABLE AS becomes FOR EACH STATEMENT EXECUTE FUNCTION belongs();
CREATE TRIGGER parcel_belongs_still AFTER UPDATE ON parcel
	REFERENCING NEW TABLE AS becomes FOR EACH STATEMENT EXECUTE FUNCTION belongs();
CREATE TRIGGER parcellaire_without_orphans AFTER DELETE OR UPDATE OF id ON parcellaire
	FOR EACH ROW EXECUTE FUNCTION refuse_orphans();

-- +goose Down
DROP TRIGGER parcellaire_without_orphans ON parcellaire;
DROP TRIGGER parcel_belongs_still ON parcel;
DROP TRIGGER parcel_belongs_new ON parcel;
DROP FUNCTION refuse_orphans();
DROP FUNCTION belongs();

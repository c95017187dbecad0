-- What else tiles show, and what tells those who keep it in memory that they
-- cannot catch up.

-- +goose Up
SET LOCAL ROLE sillon_owner;

-- A mark of this run of the database. An unlogged table is empty after a crash,
-- and on a standby that takes over: transactions that a reader saw may be undone
-- then, and their numbers given again, so that it has to begin anew.
CREATE UNLOGGED TABLE change_epoch (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	id       uuid NOT NULL DEFAULT gen_random_uuid()
);

-- +goose StatementBegin
-- log_pruning tells those who did not follow until then that they missed what
-- was removed.
CREATE FUNCTION log_pruning() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	IF TG_OP = 'TRUNCATE' THEN
		INSERT INTO change (kind, pruned) VALUES ('change', pg_current_xact_id());
	ELSE
		INSERT INTO change (kind, pruned) SELECT 'change', xid FROM gone ORDER BY xid DESC LIMIT 1;
	END IF;
	RETURN NULL;
END $$;

-- log_version has the parcels of a published version followed when it tells
-- something else of them. Its owner, sillon_system, sees them all.
CREATE FUNCTION log_version() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	INSERT INTO change (parcels)
	SELECT array_agg(key) FROM parcel
	WHERE parcellaire_id = NEW.id AND published AND deleted_at IS NULL
	GROUP BY key >> 12;
	IF FOUND THEN
		PERFORM pg_notify('sillon_change', '');
	END IF;
	RETURN NULL;
END $$;

-- log_table has a small table followed as a whole.
CREATE FUNCTION log_table() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	INSERT INTO change (kind) VALUES (TG_TABLE_NAME);
	PERFORM pg_notify('sillon_change', '');
	RETURN NULL;
END $$;

-- log_rows is log_table for tables that are often written without a change.
CREATE FUNCTION log_rows() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	INSERT INTO change (kind) SELECT TG_TABLE_NAME WHERE EXISTS (SELECT FROM touched);
	IF FOUND THEN
		PERFORM pg_notify('sillon_change', '');
	END IF;
	RETURN NULL;
END $$;
-- +goose StatementEnd

CREATE TRIGGER change_pruned AFTER DELETE ON change
	REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION log_pruning();
CREATE TRIGGER change_truncated AFTER TRUNCATE ON change
	FOR EACH STATEMENT EXECUTE FUNCTION log_pruning();
CREATE TRIGGER parcellaire_told_otherwise AFTER UPDATE ON parcellaire
	FOR EACH ROW WHEN (NEW.published AND (OLD.numero_bio, OLD.year, OLD.state) IS DISTINCT FROM (NEW.numero_bio, NEW.year, NEW.state))
	EXECUTE FUNCTION log_version();
CREATE TRIGGER commune_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON commune
	FOR EACH STATEMENT EXECUTE FUNCTION log_table();
CREATE TRIGGER departement_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON departement
	FOR EACH STATEMENT EXECUTE FUNCTION log_table();
CREATE TRIGGER region_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON region
	FOR EACH STATEMENT EXECUTE FUNCTION log_table();
CREATE TRIGGER certifier_inserted AFTER INSERT ON certifier
	REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION log_rows();
CREATE TRIGGER certifier_updated AFTER UPDATE ON certifier
	REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION log_rows();
CREATE TRIGGER cpf_inserted AFTER INSERT ON cpf
	REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION log_rows();
CREATE TRIGGER cpf_updated AFTER UPDATE ON cpf
	REFERENCING NEW TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION log_rows();
CREATE TRIGGER cpf_deleted AFTER DELETE ON cpf
	REFERENCING OLD TABLE AS touched FOR EACH STATEMENT EXECUTE FUNCTION log_rows();
CREATE TRIGGER cpf_truncated AFTER TRUNCATE ON cpf
	FOR EACH STATEMENT EXECUTE FUNCTION log_table();

GRANT SELECT, INSERT ON change_epoch TO sillon_system;
GRANT INSERT ON change TO sillon_system; -- for log_version
RESET ROLE;

GRANT CREATE ON SCHEMA public TO sillon_system;
ALTER FUNCTION log_version() OWNER TO sillon_system;
REVOKE CREATE ON SCHEMA public FROM sillon_system;

-- +goose Down
DROP TRIGGER cpf_truncated ON cpf;
DROP TRIGGER cpf_deleted ON cpf;
DROP TRIGGER cpf_updated ON cpf;
DROP TRIGGER cpf_inserted ON cpf;
DROP TRIGGER certifier_updated ON certifier;
DROP TRIGGER certifier_inserted ON certifier;
DROP TRIGGER region_changed ON region;
DROP TRIGGER departement_changed ON departement;
DROP TRIGGER commune_changed ON commune;
DROP TRIGGER parcellaire_told_otherwise ON parcellaire;
DROP TRIGGER change_truncated ON change;
DROP TRIGGER change_pruned ON change;
DROP FUNCTION log_rows(), log_table(), log_version(), log_pruning();
REVOKE INSERT ON change FROM sillon_system;
DROP TABLE change_epoch;

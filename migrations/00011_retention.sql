-- What goes away with time (documents.md §7), and what the operator is told of.

-- +goose Up
SET LOCAL ROLE sillon_owner;

ALTER TABLE import_job
	ADD COLUMN purged_at  timestamptz, -- of the payload
	ADD COLUMN alerted_at timestamptz; -- that nobody seems to work at it
CREATE INDEX import_job_ended_idx ON import_job (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX import_job_payload_idx ON import_job (ended_at) WHERE sha256 IS NOT NULL AND purged_at IS NULL;

-- Who saw that a repaired geometry is right, and when (domain.md §5.4).
ALTER TABLE parcel
	ADD COLUMN acknowledged_at timestamptz,
	ADD COLUMN acknowledged_by text;
CREATE INDEX parcel_acknowledged_idx ON parcel (acknowledged_at) WHERE declared IS NOT NULL AND acknowledged_at IS NOT NULL;
CREATE INDEX parcel_deleted_idx ON parcel (deleted_at) WHERE deleted_at IS NOT NULL;
CREATE INDEX parcellaire_deleted_idx ON parcellaire (deleted_at) WHERE deleted_at IS NOT NULL;

-- The history outlives what it tells of.
ALTER TABLE event DROP CONSTRAINT event_parcellaire_id_fkey;

-- When each kind of data was last looked through, and what was found.
CREATE TABLE retention_run (
	kind       text PRIMARY KEY,
	at         timestamptz NOT NULL DEFAULT now(),
	removed    bigint NOT NULL,
	alerted_at timestamptz
);

-- +goose StatementBegin
-- without_geometry is the before or after of an event without the geometries of
-- these parcels, or of all when ids is NULL.
CREATE FUNCTION without_geometry(told jsonb, ids text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
	SELECT CASE WHEN jsonb_typeof(told -> 'parcelles') = 'object' THEN jsonb_set(told, '{parcelles}', (
		SELECT coalesce(jsonb_object_agg(p.key, CASE
			WHEN jsonb_typeof(p.value) = 'object' AND (ids IS NULL OR p.key = ANY (ids)) THEN p.value - 'geometry' - 'geometrieDeclaree'
			ELSE p.value END), '{}')
		FROM jsonb_each(told -> 'parcelles') AS p))
	ELSE told END
$$;

-- refuse_rewriting is refuse_change, but for the one change that forget_geometry
-- makes; refuse_telling_otherwise then holds it to that.
CREATE FUNCTION refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND current_user = 'sillon_owner' AND current_setting('app.forgetting', true) = 'on' THEN
		RETURN NULL;
	END IF;
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

-- tells_less reports whether becomes is was, but for geometries that are gone.
CREATE FUNCTION tells_less(was jsonb, becomes jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = public, pg_temp AS $$
	SELECT was @> becomes AND without_geometry(was, NULL) = without_geometry(becomes, NULL)
$$;

CREATE FUNCTION refuse_telling_otherwise() RETURNS trigger
LANGUAGE plpgsql AS $$
DECLARE was jsonb := to_jsonb(OLD); becomes jsonb := to_jsonb(NEW);
BEGIN
	IF was - 'before' - 'after' IS DISTINCT FROM becomes - 'before' - 'after'
		OR NOT tells_less(was -> 'before', becomes -> 'before') OR NOT tells_less(was -> 'after', becomes -> 'after') THEN
		RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'insufficient_privilege';
	END IF;
	RETURN NEW;
END $$;

-- forget_geometry takes the geometries of parcels of a parcellaire, or of all of
-- them when ids is NULL, out of its history.
CREATE FUNCTION forget_geometry(parcellaire uuid, ids text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	PERFORM set_config('app.forgetting', 'on', true);
	UPDATE event e SET before = without_geometry(e.before::jsonb, ids)::json, after = without_geometry(e.after::jsonb, ids)::json
	WHERE e.parcellaire_id = forget_geometry.parcellaire
		AND (e.before::jsonb IS DISTINCT FROM without_geometry(e.before::jsonb, ids)
			OR e.after::jsonb IS DISTINCT FROM without_geometry(e.after::jsonb, ids));
	PERFORM set_config('app.forgetting', '', true);
END $$;
-- +goose StatementEnd
REVOKE EXECUTE ON FUNCTION forget_geometry(uuid, text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_geometry(uuid, text[]) TO sillon_system;

DROP TRIGGER event_append_only ON event;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER event_rewritten BEFORE UPDATE ON event FOR EACH ROW EXECUTE FUNCTION refuse_telling_otherwise();
CREATE POLICY event_forgetting ON event FOR ALL TO sillon_owner
	USING (current_setting('app.forgetting', true) = 'on') WITH CHECK (current_setting('app.forgetting', true) = 'on');

GRANT DELETE ON parcellaire, parcel, import_job, token TO sillon_system;
GRANT SELECT, INSERT, UPDATE ON retention_run TO sillon_system;

RESET ROLE;

-- +goose Down
SET LOCAL ROLE sillon_owner;
DROP POLICY event_forgetting ON event;
DROP TRIGGER event_rewritten ON event;
DROP TRIGGER event_append_only ON event;
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
DROP FUNCTION forget_geometry(uuid, text[]), refuse_telling_otherwise(), refuse_rewriting(), tells_less(jsonb, jsonb), without_geometry(jsonb, text[]);
DROP TABLE retention_run;
ALTER TABLE event ADD CONSTRAINT event_parcellaire_id_fkey FOREIGN KEY (parcellaire_id) REFERENCES parcellaire NOT VALID;
DROP INDEX parcellaire_deleted_idx, parcel_deleted_idx;
ALTER TABLE parcel DROP COLUMN acknowledged_at, DROP COLUMN acknowledged_by;
DROP INDEX import_job_ended_idx, import_job_payload_idx;
ALTER TABLE import_job DROP COLUMN purged_at, DROP COLUMN alerted_at;
RESET ROLE;

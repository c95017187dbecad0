-- Who sees which row (domain.md §2–§3, guards.md "Row-level security").

-- +goose Up
SET LOCAL ROLE sillon_owner;

ALTER TABLE farm ENABLE ROW LEVEL SECURITY;
ALTER TABLE farm FORCE ROW LEVEL SECURITY;
CREATE POLICY farm_api ON farm FOR SELECT TO sillon_api USING (ocs @> ARRAY[tenant()]);
CREATE POLICY farm_national ON farm FOR SELECT TO sillon_national USING (true);
CREATE POLICY farm_system ON farm TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE link ENABLE ROW LEVEL SECURITY;
ALTER TABLE link FORCE ROW LEVEL SECURITY;
CREATE POLICY link_api ON link FOR SELECT TO sillon_api USING (oc = tenant());
CREATE POLICY link_national ON link FOR SELECT TO sillon_national USING (true);
CREATE POLICY link_system ON link TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE link_history ENABLE ROW LEVEL SECURITY;
ALTER TABLE link_history FORCE ROW LEVEL SECURITY;
CREATE POLICY link_history_national ON link_history FOR SELECT TO sillon_national USING (true);
CREATE POLICY link_history_system ON link_history TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE parcellaire ENABLE ROW LEVEL SECURITY;
ALTER TABLE parcellaire FORCE ROW LEVEL SECURITY;
CREATE POLICY parcellaire_api ON parcellaire FOR SELECT TO sillon_api
	USING (oc = tenant() OR reader_oc = tenant());
CREATE POLICY parcellaire_api_insert ON parcellaire FOR INSERT TO sillon_api WITH CHECK (oc = tenant());
-- A version without certifier is taken over by the present one.
CREATE POLICY parcellaire_api_update ON parcellaire FOR UPDATE TO sillon_api
	USING (oc = tenant() OR (oc IS NULL AND reader_oc = tenant())) WITH CHECK (oc = tenant());
CREATE POLICY parcellaire_national ON parcellaire FOR SELECT TO sillon_national USING (true);
CREATE POLICY parcellaire_system ON parcellaire TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE parcel ENABLE ROW LEVEL SECURITY;
ALTER TABLE parcel FORCE ROW LEVEL SECURITY;
CREATE POLICY parcel_api ON parcel FOR SELECT TO sillon_api USING (oc = tenant() OR reader_oc = tenant());
CREATE POLICY parcel_api_insert ON parcel FOR INSERT TO sillon_api WITH CHECK (oc = tenant());
CREATE POLICY parcel_api_update ON parcel FOR UPDATE TO sillon_api
	USING (oc = tenant() OR (oc IS NULL AND reader_oc = tenant())) WITH CHECK (oc = tenant());
CREATE POLICY parcel_national ON parcel FOR SELECT TO sillon_national USING (true);
CREATE POLICY parcel_public ON parcel FOR SELECT TO sillon_public USING (published AND deleted_at IS NULL);
CREATE POLICY parcel_system ON parcel TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE event ENABLE ROW LEVEL SECURITY;
ALTER TABLE event FORCE ROW LEVEL SECURITY;
CREATE POLICY event_api ON event FOR SELECT TO sillon_api USING (oc = tenant());
CREATE POLICY event_api_insert ON event FOR INSERT TO sillon_api WITH CHECK (oc = tenant());
CREATE POLICY event_national ON event FOR SELECT TO sillon_national USING (true);
CREATE POLICY event_system ON event TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE import_job ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_job FORCE ROW LEVEL SECURITY;
CREATE POLICY import_job_api ON import_job TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY import_job_national ON import_job FOR SELECT TO sillon_national USING (true);
CREATE POLICY import_job_system ON import_job TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE import_payload ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_payload FORCE ROW LEVEL SECURITY;
CREATE POLICY import_payload_api ON import_payload TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY import_payload_national ON import_payload FOR SELECT TO sillon_national USING (true);
CREATE POLICY import_payload_system ON import_payload TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE import_record ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_record FORCE ROW LEVEL SECURITY;
CREATE POLICY import_record_api ON import_record TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY import_record_national ON import_record FOR SELECT TO sillon_national USING (true);
CREATE POLICY import_record_system ON import_record TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE import_log ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_log FORCE ROW LEVEL SECURITY;
CREATE POLICY import_log_api ON import_log TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY import_log_national ON import_log FOR SELECT TO sillon_national USING (true);
CREATE POLICY import_log_system ON import_log TO sillon_system USING (true) WITH CHECK (true);

ALTER TABLE import_lane ENABLE ROW LEVEL SECURITY;
ALTER TABLE import_lane FORCE ROW LEVEL SECURITY;
CREATE POLICY import_lane_api ON import_lane TO sillon_api USING (oc = tenant()) WITH CHECK (oc = tenant());
CREATE POLICY import_lane_system ON import_lane FOR SELECT TO sillon_system USING (true);

ALTER TABLE token ENABLE ROW LEVEL SECURITY;
ALTER TABLE token FORCE ROW LEVEL SECURITY;
CREATE POLICY token_system ON token TO sillon_system USING (true) WITH CHECK (true);

GRANT SELECT ON certifier TO sillon_api, sillon_national;
GRANT SELECT ON farm, link TO sillon_api;
GRANT SELECT, INSERT, UPDATE ON parcellaire, parcel, import_job, import_record, import_lane TO sillon_api;
GRANT SELECT, INSERT ON event, import_payload, import_log TO sillon_api;
GRANT SELECT ON farm, link, link_history, parcellaire, parcel, event, import_job, import_payload, import_record, import_log
	TO sillon_national;
-- Nothing that tells a farm: no id, no number, no name, no day.
GRANT SELECT (tile_id, cell_x, cell_y, geom, main_cpf, level, surface_m2, published, deleted_at) ON parcel TO sillon_public;
GRANT SELECT, INSERT, UPDATE ON certifier, farm, link, parcellaire, parcel, token, import_job, import_record TO sillon_system;
GRANT SELECT, INSERT ON link_history, event, import_log, import_payload TO sillon_system;
GRANT SELECT, UPDATE ON SEQUENCE certifier_id_seq TO sillon_system;
GRANT DELETE ON import_payload TO sillon_system;
GRANT SELECT ON import_lane TO sillon_system;
GRANT SELECT, DELETE ON change TO sillon_system;

RESET ROLE;

-- +goose StatementBegin
-- registry_verdict answers the farm checks of certifier-exchange.md §4 for the
-- tenant, in the order of the numbers given, without showing it the farms of others.
CREATE FUNCTION registry_verdict(numeros text[], clients text[])
RETURNS TABLE (ord bigint, known boolean, production boolean, bound boolean, mine boolean, lon double precision, lat double precision)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
	SELECT q.ord, f.numero_bio IS NOT NULL, coalesce(f.production, false), f.current_oc IS NOT NULL,
		coalesce(f.current_oc = tenant() AND f.numero_client = q.client, false), ST_X(c.center), ST_Y(c.center)
	FROM unnest(numeros, clients) WITH ORDINALITY AS q (numero, client, ord)
	LEFT JOIN farm f ON f.numero_bio = q.numero
	LEFT JOIN commune c ON c.code = f.commune AND f.current_oc = tenant()
	ORDER BY q.ord
$$;

-- lock_farms takes farms for the transaction, in one order: whoever writes what
-- depends on who has a farm, or on what others stored for it, takes it first.
CREATE FUNCTION lock_farms(numeros text[]) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
	SELECT FROM farm WHERE numero_bio = ANY (numeros) ORDER BY numero_bio FOR NO KEY UPDATE
$$;

-- publish keeps the mark of the latest certified parcellaire of a farm, on it
-- and on its parcels, whoever owns the previous one. It returns that parcellaire.
-- Of two certifiers at one farm the second waits, and sees what the first did.
CREATE FUNCTION publish(numero text) RETURNS uuid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE latest uuid;
BEGIN
	PERFORM lock_farms(ARRAY[numero]);
	SELECT id INTO latest FROM parcellaire
	WHERE numero_bio = numero AND state = 'CERTIFIED' AND deleted_at IS NULL
	ORDER BY certified_from DESC, audit_date DESC, created_at DESC, id
	LIMIT 1;
	IF EXISTS (SELECT FROM parcellaire WHERE numero_bio = numero AND published <> (id IS NOT DISTINCT FROM latest)) THEN
		UPDATE parcellaire SET published = false WHERE numero_bio = numero AND published AND id IS DISTINCT FROM latest;
		UPDATE parcellaire SET published = true WHERE id = latest AND NOT published;
		UPDATE parcel p SET published = v.published
		FROM parcellaire v
		WHERE v.numero_bio = numero AND p.parcellaire_id = v.id AND p.published <> v.published;
	END IF;
	RETURN latest;
END $$;

-- supersede is publish for certified parcellaires about to be inserted, each of
-- another farm: it returns whether they are the latest, and takes the mark from
-- those that were.
CREATE FUNCTION supersede(numeros text[], since date[], audits date[]) RETURNS TABLE (numero text, latest boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE former uuid[];
BEGIN
	PERFORM lock_farms(numeros);
	RETURN QUERY
		SELECT q.numero, v.id IS NULL OR (v.certified_from, v.audit_date) <= (q.since, q.audit)
		FROM unnest(numeros, $2, audits) AS q (numero, since, audit)
		LEFT JOIN parcellaire v ON v.numero_bio = q.numero AND v.published;
	SELECT array_agg(v.id) INTO former
	FROM unnest(numeros, $2, audits) AS q (numero, since, audit)
	JOIN parcellaire v ON v.numero_bio = q.numero AND v.published AND (v.certified_from, v.audit_date) <= (q.since, q.audit);
	IF former IS NOT NULL THEN
		UPDATE parcellaire SET published = false WHERE id = ANY (former);
		UPDATE parcel SET published = false WHERE parcellaire_id = ANY (former) AND published;
	END IF;
END $$;

-- authenticate finds a live token by the SHA-256 of its text. It notes the use,
-- at most once a minute.
CREATE FUNCTION authenticate(digest bytea) RETURNS TABLE (id uuid, role text, oc integer)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	UPDATE token t SET last_used_at = now()
	WHERE t.hash = digest AND (t.last_used_at IS NULL OR t.last_used_at < now() - interval '1 minute');
	RETURN QUERY SELECT t.id, t.role, t.oc FROM token t
		WHERE t.hash = digest AND t.revoked_at IS NULL AND (t.expires_at IS NULL OR t.expires_at > now());
END $$;
-- +goose StatementEnd

GRANT CREATE ON SCHEMA public TO sillon_system;
ALTER FUNCTION registry_verdict(text[], text[]) OWNER TO sillon_system;
ALTER FUNCTION lock_farms(text[]) OWNER TO sillon_system;
ALTER FUNCTION publish(text) OWNER TO sillon_system;
ALTER FUNCTION supersede(text[], date[], date[]) OWNER TO sillon_system;
ALTER FUNCTION authenticate(bytea) OWNER TO sillon_system;
REVOKE CREATE ON SCHEMA public FROM sillon_system;
REVOKE EXECUTE ON FUNCTION registry_verdict(text[], text[]), lock_farms(text[]), publish(text), supersede(text[], date[], date[]), authenticate(bytea) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION registry_verdict(text[], text[]), lock_farms(text[]), publish(text), supersede(text[], date[], date[]), authenticate(bytea)
	TO sillon_api, sillon_system;

-- +goose Down
DROP FUNCTION authenticate(bytea);
DROP FUNCTION supersede(text[], date[], date[]);
DROP FUNCTION publish(text);
DROP FUNCTION lock_farms(text[]);
DROP FUNCTION registry_verdict(text[], text[]);
DROP POLICY farm_api ON farm;
DROP POLICY farm_national ON farm;
DROP POLICY farm_system ON farm;
DROP POLICY link_api ON link;
DROP POLICY link_national ON link;
DROP POLICY link_system ON link;
DROP POLICY link_history_national ON link_history;
DROP POLICY link_history_system ON link_history;
DROP POLICY parcellaire_api ON parcellaire;
DROP POLICY parcellaire_api_insert ON parcellaire;
DROP POLICY parcellaire_api_update ON parcellaire;
DROP POLICY parcellaire_national ON parcellaire;
DROP POLICY parcellaire_system ON parcellaire;
DROP POLICY parcel_api ON parcel;
DROP POLICY parcel_api_insert ON parcel;
DROP POLICY parcel_api_update ON parcel;
DROP POLICY parcel_national ON parcel;
DROP POLICY parcel_public ON parcel;
DROP POLICY parcel_system ON parcel;
DROP POLICY event_api ON event;
DROP POLICY event_api_insert ON event;
DROP POLICY event_national ON event;
DROP POLICY event_system ON event;
DROP POLICY import_job_api ON import_job;
DROP POLICY import_job_national ON import_job;
DROP POLICY import_job_system ON import_job;
DROP POLICY import_payload_api ON import_payload;
DROP POLICY import_payload_national ON import_payload;
DROP POLICY import_payload_system ON import_payload;
DROP POLICY import_record_api ON import_record;
DROP POLICY import_record_national ON import_record;
DROP POLICY import_record_system ON import_record;
DROP POLICY import_lane_api ON import_lane;
DROP POLICY import_lane_system ON import_lane;
DROP POLICY import_log_api ON import_log;
DROP POLICY import_log_national ON import_log;
DROP POLICY import_log_system ON import_log;
DROP POLICY token_system ON token;

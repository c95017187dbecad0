-- Roles, extensions, and the one operator that row-level security needs.
--
--   sillon_owner     owns the tables, never logs in
--   sillon_api       the role of a request: sees what its certifier may see
--   sillon_national  agence_bio and inao: reads everything
--   sillon_public    nobody: published parcels, without identity
--   sillon_system    registry, command line and scheduling: no request runs as it
--
-- sillon_api logs in and takes another role for one transaction only; it does
-- not inherit, or the policies of the other roles would apply to it too.

-- +goose Up
-- +goose StatementBegin
DO $$
DECLARE r text;
BEGIN
	FOREACH r IN ARRAY ARRAY['sillon_owner', 'sillon_national', 'sillon_public', 'sillon_system'] LOOP
		IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = r) THEN
			EXECUTE format('CREATE ROLE %I NOLOGIN NOINHERIT NOBYPASSRLS', r);
		END IF;
	END LOOP;
	IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'sillon_api') THEN
		CREATE ROLE sillon_api LOGIN NOINHERIT NOBYPASSRLS;
	END IF;
END $$;
-- +goose StatementEnd
GRANT sillon_national, sillon_public, sillon_system TO sillon_api;

CREATE EXTENSION IF NOT EXISTS postgis;
CREATE EXTENSION IF NOT EXISTS btree_gist;

-- Comparing boxes raises nothing that depends on the values, so the operator
-- may run before a policy. Without it no spatial index is used under
-- row-level security (guards.md: 100 times slower).
ALTER FUNCTION geometry_overlaps(geometry, geometry) LEAKPROOF;

REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE, CREATE ON SCHEMA public TO sillon_owner;
GRANT USAGE ON SCHEMA public TO sillon_api, sillon_national, sillon_public, sillon_system;

-- +goose StatementBegin
-- tenant is the certifier of the transaction, NULL when there is none. After a
-- rolled-back SET LOCAL the setting is '', which must not fail the next user.
CREATE FUNCTION tenant() RETURNS integer
LANGUAGE sql STABLE PARALLEL SAFE
RETURN NULLIF(current_setting('app.oc', true), '')::integer;
-- +goose StatementEnd

-- +goose Down
DROP FUNCTION tenant();
ALTER FUNCTION geometry_overlaps(geometry, geometry) NOT LEAKPROOF;

-- Reference data: territories, and the CPF nomenclature. Public, written by
-- the command line alone.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE reference_load (
	id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	kind      text NOT NULL CHECK (kind IN ('communes', 'departements', 'regions', 'cpf')),
	source    text NOT NULL,
	sha256    text NOT NULL,
	count     integer NOT NULL,
	loaded_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE region (
	code text PRIMARY KEY CHECK (code ~ '^\d{2,3}$'),
	name text NOT NULL,
	geom geometry(Geometry, 4326) NOT NULL
);
CREATE INDEX region_geom_idx ON region USING gist (geom);

CREATE TABLE departement (
	code text PRIMARY KEY CHECK (code ~ '^(\d{2,3}|2[AB])$'),
	name text NOT NULL,
	geom geometry(Geometry, 4326) NOT NULL
);
CREATE INDEX departement_geom_idx ON departement USING gist (geom);

CREATE TABLE commune (
	code      text PRIMARY KEY CHECK (code ~ '^(\d{5}|2[AB]\d{3})$'),
	name      text NOT NULL,
	active    boolean NOT NULL DEFAULT true,
	successor text,
	center    geometry(Point, 4326) NOT NULL,
	geom      geometry(Geometry, 4326) NOT NULL
);
CREATE INDEX commune_geom_idx ON commune USING gist (geom);
CREATE INDEX commune_center_idx ON commune USING gist (center);

-- Communes in small pieces: an index entry is tight, and a piece is never
-- stored out of line, so that finding the commune of a parcel costs microseconds.
CREATE TABLE commune_part (
	code text NOT NULL REFERENCES commune ON DELETE CASCADE,
	geom geometry(Geometry, 4326) NOT NULL
);
CREATE INDEX commune_part_geom_idx ON commune_part USING gist (geom);
CREATE INDEX commune_part_code_idx ON commune_part (code);

-- The raster of French land that geo.Land makes from the communes.
CREATE TABLE land (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	loaded   bigint NOT NULL REFERENCES reference_load,
	raster   bytea NOT NULL
);

CREATE TABLE cpf (
	code  text PRIMARY KEY,
	label text NOT NULL,
	crop_group text NOT NULL
);

-- +goose StatementBegin
-- nearest_commune is rule 4 of domain.md §7: the nearest active commune in
-- metres on the ellipsoid, no farther than 25 km, the lowest code on a tie.
-- The index orders by degrees, so the ten nearest are measured again.
CREATE FUNCTION nearest_commune(g geometry) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
	SELECT n.code
	FROM (
		SELECT c.code, ST_Distance(c.geom::geography, g::geography) AS metres
		FROM (
			SELECT code, geom FROM commune
			WHERE active AND geom && ST_Expand(g, 0.5)
			ORDER BY geom <-> g
			LIMIT 10
		) c
	) n
	WHERE n.metres <= 25000
	ORDER BY round(n.metres::numeric, 3), n.code
	LIMIT 1;
END;
-- +goose StatementEnd

GRANT SELECT ON reference_load, region, departement, commune, commune_part, land, cpf
	TO sillon_api, sillon_national, sillon_public, sillon_system;
GRANT INSERT, UPDATE, DELETE ON reference_load, region, departement, commune, commune_part, land, cpf TO sillon_system;
RESET ROLE;

-- +goose Down
DROP FUNCTION nearest_commune(geometry);
DROP TABLE cpf, land, commune_part, commune, departement, region, reference_load;

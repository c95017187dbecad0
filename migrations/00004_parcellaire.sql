-- Parcellaires and their parcels, the history, and the change log.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE TABLE parcellaire (
	id              uuid PRIMARY KEY,
	numero_bio      text NOT NULL REFERENCES farm,
	oc              integer REFERENCES certifier,
	-- The farm's present certifier, when it is another one and may read.
	reader_oc       integer,
	name            text NOT NULL,
	year            integer CHECK (year BETWEEN 1990 AND 2100),
	state           text NOT NULL CHECK (state IN ('OPERATOR_DRAFT', 'AUDITED', 'PENDING_CERTIFICATION', 'CERTIFIED')),
	audit_date      date,
	certified_from  date,
	certified_until date,
	audit_notes     text NOT NULL DEFAULT '',
	audit_demandes  text NOT NULL DEFAULT '',
	metadata        jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
	mixite          text NOT NULL DEFAULT '' CHECK (mixite IN ('', 'AB', 'ABCONV', 'MIXTE')),
	surface_m2      double precision NOT NULL DEFAULT 0,
	parcel_count    integer NOT NULL DEFAULT 0,
	-- The latest certified one of its farm: what the public may see.
	published       boolean NOT NULL DEFAULT false,
	revision        bigint NOT NULL DEFAULT 1,
	created_at      timestamptz NOT NULL DEFAULT now(),
	updated_at      timestamptz NOT NULL DEFAULT now(),
	deleted_at      timestamptz,
	CHECK (state <> 'CERTIFIED' OR (audit_date IS NOT NULL AND certified_from IS NOT NULL AND certified_until IS NOT NULL))
);
-- The tenant leads every unique key, so that a clash tells nothing of others.
CREATE UNIQUE INDEX parcellaire_audit_key ON parcellaire (oc, numero_bio, audit_date) NULLS NOT DISTINCT
	WHERE deleted_at IS NULL AND audit_date IS NOT NULL;
CREATE INDEX parcellaire_farm_idx ON parcellaire (numero_bio);
-- The exchange of a certifier, in its order.
CREATE INDEX parcellaire_oc_idx ON parcellaire (oc, numero_bio COLLATE "C");
CREATE INDEX parcellaire_reader_idx ON parcellaire (reader_oc, numero_bio) WHERE reader_oc IS NOT NULL;
CREATE UNIQUE INDEX parcellaire_published_key ON parcellaire (numero_bio) WHERE published;

CREATE TABLE parcel (
	key                    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	parcellaire_id         uuid NOT NULL, -- of a parcellaire: see belongs()
	id                     text NOT NULL CHECK (id <> ''),
	-- Copies of the parcellaire's: a policy must not join.
	oc                     integer,
	reader_oc              integer,
	published              boolean NOT NULL DEFAULT false,
	-- Random, so that a public tile does not tell which parcels were stored together.
	tile_id                bigint NOT NULL CHECK (tile_id > 0),
	-- The cell of the centre in the grid of 2^15 × 2^15 over Web-Mercator.
	cell_x                 integer NOT NULL,
	cell_y                 integer NOT NULL,
	geom                   geometry(Geometry, 4326) NOT NULL,
	declared               geometry(Geometry, 4326),
	geometry_status        text NOT NULL CHECK (geometry_status IN ('valide', 'corrigee', 'a_verifier')),
	name                   text NOT NULL DEFAULT '',
	numero_pacage          text NOT NULL DEFAULT '',
	numero_ilot            text NOT NULL DEFAULT '',
	numero_parcelle        text NOT NULL DEFAULT '',
	en_attente_pac         boolean NOT NULL DEFAULT false,
	references_cadastrales text[] NOT NULL DEFAULT '{}',
	-- [{id, cpf, variete, dateSemis, surface, unite}] in order; the first is the main crop.
	crops                  jsonb NOT NULL DEFAULT '[]',
	main_cpf               text GENERATED ALWAYS AS (crops -> 0 ->> 'cpf') STORED,
	code_culture_pac       text NOT NULL DEFAULT '',
	code_precision_pac     text NOT NULL DEFAULT '',
	level                  text NOT NULL DEFAULT '' CHECK (level IN ('', 'CONV', 'C1', 'C2', 'C3', 'AB', 'AB?')),
	engaged_on             date,
	annotations            jsonb NOT NULL DEFAULT '[]' CHECK (jsonb_typeof(annotations) = 'array'),
	commentaire            text NOT NULL DEFAULT '',
	notes_auditeur         text NOT NULL DEFAULT '',
	commune                text,
	etranger               boolean,
	origine                text NOT NULL CHECK (origine IN ('import', 'manuelle', 'api', 'copie', 'decoupe', 'fusion')),
	surface_m2             double precision NOT NULL CHECK (surface_m2 > 0 AND surface_m2 < 'Infinity'),
	revision               bigint NOT NULL DEFAULT 1,
	created_at             timestamptz NOT NULL DEFAULT now(),
	updated_at             timestamptz NOT NULL DEFAULT now(),
	deleted_at             timestamptz,
	CONSTRAINT parcel_geom_polygonal CHECK (geometrytype(geom) IN ('POLYGON', 'MULTIPOLYGON') AND NOT ST_IsEmpty(geom)),
	CONSTRAINT parcel_geom_valid CHECK (ST_IsValid(geom)),
	CONSTRAINT parcel_crops CHECK (jsonb_typeof(crops) = 'array'
		AND NOT jsonb_path_exists(crops, '$[*] ? (!(@.unite == "ha" || @.unite == "%"))')),
	CONSTRAINT parcel_pending_without_ilot CHECK (NOT en_attente_pac OR numero_ilot IN ('', '0')),
	CONSTRAINT parcel_declared CHECK (declared IS NULL OR geometry_status = 'a_verifier')
);
CREATE UNIQUE INDEX parcel_id_key ON parcel (parcellaire_id, id);
CREATE INDEX parcel_geom_idx ON parcel USING gist (geom) WHERE deleted_at IS NULL;
-- For a certifier under row-level security; see the plan test. Both are partial
-- so that they are never taken for a query that names no certifier.
CREATE INDEX parcel_oc_geom_idx ON parcel USING gist (oc, geom) WHERE oc IS NOT NULL;
CREATE INDEX parcel_reader_geom_idx ON parcel USING gist (reader_oc, geom) WHERE reader_oc IS NOT NULL;
CREATE INDEX parcel_declared_idx ON parcel USING gist (declared) WHERE declared IS NOT NULL;
ALTER TABLE parcel ALTER COLUMN geom SET STORAGE MAIN;

CREATE TABLE event (
	id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	parcellaire_id uuid NOT NULL REFERENCES parcellaire,
	oc             integer,
	type           text NOT NULL CHECK (type IN ('FeatureCollectionCreation', 'FeatureCollectionUpdate',
		'FeatureCollectionDeletion', 'FeatureCreation', 'FeatureUpdate', 'FeatureDeletion',
		'CertificationStateChange', 'RecordUpdate', 'RecordRestoration', 'DocumentIssued')),
	at             timestamptz NOT NULL DEFAULT now(),
	actor_id       text NOT NULL,
	actor_role     text NOT NULL,
	actor_oc       integer,
	state          text NOT NULL,
	feature_ids    text[] NOT NULL DEFAULT '{}',
	-- As written: nothing searches them, and jsonb would cost a push a tenth of its time.
	before         json,
	after          json,
	reason         text NOT NULL DEFAULT '',
	request_id     text NOT NULL DEFAULT ''
);
-- +goose StatementBegin
DO $$
BEGIN
	-- Several times faster than the default, where the server has it.
	ALTER TABLE event ALTER COLUMN before SET COMPRESSION lz4, ALTER COLUMN after SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN NULL;
END $$;
-- +goose StatementEnd
CREATE INDEX event_parcellaire_idx ON event (parcellaire_id, id);
CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON event
	FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- What changed of what tiles show, for those who keep it in memory: the parcels
-- that are published, or were until then, statement by statement. Nothing else
-- follows it: what certifiers are told (webhooks) is decided, and stored, by
-- whoever does the deed.
-- A sequence is not commit order, and no number that a writer takes is: a reader
-- asks for the transactions that its last snapshot did not see (store.TileChanges).
CREATE TABLE change (
	seq     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
	xid     xid8 NOT NULL DEFAULT pg_current_xact_id(),
	at      timestamptz NOT NULL DEFAULT now(),
	-- Else the table that changed as a whole: parcel when it was truncated, change
	-- when rows of this one were removed.
	kind    text NOT NULL DEFAULT 'parcels'
		CHECK (kind IN ('parcels', 'parcel', 'change', 'certifier', 'cpf', 'commune', 'departement', 'region')),
	parcels bigint[] NOT NULL DEFAULT '{}', -- keys
	pruned  xid8 -- of change: the newest transaction whose rows were removed
);
CREATE INDEX change_xid_idx ON change (xid);

-- +goose StatementBegin
-- log_change costs a push one short row for each record: what a fresh version
-- supersedes is another one. Keys that are near each other share a row.
CREATE FUNCTION log_change() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
	CASE TG_OP
	WHEN 'INSERT' THEN
		INSERT INTO change (parcels)
		SELECT array_agg(key) FROM becomes WHERE published AND deleted_at IS NULL GROUP BY key >> 12;
	WHEN 'UPDATE' THEN
		INSERT INTO change (parcels)
		SELECT array_agg(key)
		FROM (
			SELECT key FROM was WHERE published AND deleted_at IS NULL
			UNION
			SELECT key FROM becomes WHERE published AND deleted_at IS NULL
		) k
		GROUP BY key >> 12;
	WHEN 'DELETE' THEN
		INSERT INTO change (parcels)
		SELECT array_agg(key) FROM was WHERE published AND deleted_at IS NULL GROUP BY key >> 12;
	ELSE
		INSERT INTO change (kind) VALUES ('parcel');
	END CASE;
	IF FOUND THEN
		PERFORM pg_notify('sillon_change', '');
	END IF;
	RETURN NULL;
END $$;
-- +goose StatementEnd
CREATE TRIGGER parcel_inserted AFTER INSERT ON parcel
	REFERENCING NEW TABLE AS becomes FOR EACH STATEMENT EXECUTE FUNCTION log_change();
CREATE TRIGGER parcel_updated AFTER UPDATE ON parcel
	REFERENCING OLD TABLE AS was NEW TABLE AS becomes FOR EACH STATEMENT EXECUTE FUNCTION log_change();
CREATE TRIGGER parcel_deleted AFTER DELETE ON parcel
	REFERENCING OLD TABLE AS was FOR EACH STATEMENT EXECUTE FUNCTION log_change();
CREATE TRIGGER parcel_truncated AFTER TRUNCATE ON parcel
	FOR EACH STATEMENT EXECUTE FUNCTION log_change();

RESET ROLE;

-- +goose Down
DROP TABLE change, event, parcel, parcellaire;
DROP FUNCTION log_change();

package store_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"sillon/store"
	"sillon/store/storetest"
)

// row is the text of an insert into table: columns that are well, but for
// those given.
func row(table string, well, given map[string]string) string {
	all := maps.Clone(well)
	maps.Copy(all, given)
	columns := slices.Sorted(maps.Keys(all))
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = all[c]
	}
	return `INSERT INTO ` + table + ` (` + strings.Join(columns, ", ") + `) VALUES (` + strings.Join(values, ", ") + `)`
}

const (
	someVersion = `'00000000-0000-0000-0000-000000000001'`
	someSquare  = `ST_MakeEnvelope(2, 47, 2.001, 47.001, 4326)`
)

// wellRows are the columns of a row that every constraint allows.
var wellRows = map[string]map[string]string{
	"parcel": {
		"parcellaire_id": someVersion, "id": `gen_random_uuid()`, "oc": `1`, "tile_id": `1`, "cell_x": `0`, "cell_y": `0`, "geom": someSquare,
		"geometry_status": `'valide'`, "origine": `'api'`, "surface_m2": `100`,
	},
	"parcellaire": {"id": `gen_random_uuid()`, "numero_bio": `'1001'`, "oc": `1`, "name": `''`, "state": `'OPERATOR_DRAFT'`},
	"farm":        {"numero_bio": `'2002'`},
	"link":        {"oc": `1`, "numero_bio": `'1001'`, "state": `'ENGAGEE'`, "start": `'2024-01-01'`},
	"event": {
		"parcellaire_id": someVersion, "oc": `1`, "type": `'FeatureUpdate'`, "actor_id": `'t'`, "actor_role": `'oc_service'`, "state": `'CERTIFIED'`,
	},
	"import_job": {"oc": `1`, "actor_id": `'t'`},
	"token":      {"id": `gen_random_uuid()`, "prefix": `'p'`, "hash": `sha256('x')`, "role": `'oc_service'`, "oc": `1`},
}

func shape(wkt string) string { return `ST_GeomFromText('` + wkt + `', 4326)` }

// TestConstraints proves that the database keeps what domain.md promises,
// whatever the service sends (C10, C8).
func TestConstraints(t *testing.T) {
	t.Parallel()
	type columns = map[string]string
	certified := func(without string) columns {
		c := columns{"state": `'CERTIFIED'`, "audit_date": `'2020-01-01'`, "certified_from": `'2020-02-01'`, "certified_until": `'2022-03-31'`}
		if without != "" {
			c[without] = `NULL`
		}
		return c
	}
	tests := []struct {
		name  string
		table string
		given columns
		state string // of the refusal; empty when the row is well
	}{
		{"a polygon", "parcel", nil, ""},
		{"a polygon with a hole", "parcel", columns{"geom": shape("POLYGON((0 0,4 0,4 4,0 4,0 0),(1 1,1 2,2 2,2 1,1 1))")}, ""},
		{"a polygon of two parts", "parcel", columns{"geom": shape("MULTIPOLYGON(((0 0,1 0,1 1,0 0)),((5 5,6 5,6 6,5 5)))")}, ""},
		{"no geometry", "parcel", columns{"geom": `NULL`}, notNull},
		{"an empty polygon", "parcel", columns{"geom": shape("POLYGON EMPTY")}, checkViolation},
		{"an empty multipolygon", "parcel", columns{"geom": shape("MULTIPOLYGON EMPTY")}, checkViolation},
		{"a point", "parcel", columns{"geom": shape("POINT(2 47)")}, checkViolation},
		{"a line", "parcel", columns{"geom": shape("LINESTRING(2 47,3 48)")}, checkViolation},
		{"a collection", "parcel", columns{"geom": shape("GEOMETRYCOLLECTION(POLYGON((0 0,1 0,1 1,0 0)))")}, checkViolation},
		{"a curved polygon", "parcel", columns{"geom": shape("CURVEPOLYGON(CIRCULARSTRING(0 0,4 0,4 4,0 4,0 0))")}, checkViolation},
		{"a figure of eight", "parcel", columns{"geom": shape("POLYGON((0 0,1 1,1 0,0 1,0 0))")}, checkViolation},
		{"a hole outside", "parcel", columns{"geom": shape("POLYGON((0 0,1 0,1 1,0 0),(5 5,6 5,6 6,5 5))")}, checkViolation},
		{"parts that overlap", "parcel", columns{"geom": shape("MULTIPOLYGON(((0 0,4 0,4 4,0 0)),((1 0,5 0,5 4,1 0)))")}, checkViolation},
		{"a ring without surface", "parcel", columns{"geom": shape("POLYGON((0 0,1 1,2 2,0 0))")}, checkViolation},
		{"a position at infinity", "parcel", columns{"geom": `ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY[ST_MakePoint(0,0), ST_MakePoint('Infinity',0),
			ST_MakePoint(1,1), ST_MakePoint(0,0)])), 4326)`}, checkViolation},
		{"a position that is no number", "parcel", columns{"geom": `ST_SetSRID(ST_MakePolygon(ST_MakeLine(ARRAY[ST_MakePoint(0,0), ST_MakePoint('NaN',0),
			ST_MakePoint(1,1), ST_MakePoint(0,0)])), 4326)`}, checkViolation},
		{"an altitude", "parcel", columns{"geom": shape("POLYGON Z((0 0 1,1 0 1,1 1 1,0 0 1))")}, badParameter},
		{"a measure", "parcel", columns{"geom": shape("POLYGON M((0 0 1,1 0 1,1 1 1,0 0 1))")}, badParameter},
		{"metres", "parcel", columns{"geom": `ST_MakeEnvelope(700000, 6600000, 700100, 6600100, 2154)`}, badParameter},
		{"no system, which is taken as degrees", "parcel", columns{"geom": `ST_MakeEnvelope(2, 47, 2.1, 47.1)`}, ""},
		{"declared, to be checked", "parcel", columns{"geometry_status": `'a_verifier'`, "declared": shape("POLYGON((0 0,1 1,1 0,0 1,0 0))")}, ""},
		{"declared though valid", "parcel", columns{"declared": someSquare}, checkViolation},
		{"unknown geometry status", "parcel", columns{"geometry_status": `'valid'`}, checkViolation},
		{"unknown level", "parcel", columns{"level": `'C0'`}, checkViolation},
		{"unknown origin", "parcel", columns{"origine": `'API'`}, checkViolation},
		{"no id", "parcel", columns{"id": `''`}, checkViolation},
		{"no surface", "parcel", columns{"surface_m2": `0`}, checkViolation},
		{"a negative surface", "parcel", columns{"surface_m2": `-1`}, checkViolation},
		{"an endless surface", "parcel", columns{"surface_m2": `'Infinity'`}, checkViolation},
		{"a surface that is no number", "parcel", columns{"surface_m2": `'NaN'`}, checkViolation},
		{"crops in hectares and percents", "parcel", columns{"crops": `'[{"cpf":"01.1","unite":"ha"},{"cpf":null,"unite":"%"}]'`}, ""},
		{"a crop in ares", "parcel", columns{"crops": `'[{"cpf":"01.1","unite":"ha"},{"cpf":"01.1","unite":"a"}]'`}, checkViolation},
		{"a crop without unit", "parcel", columns{"crops": `'[{"cpf":"01.1"}]'`}, checkViolation},
		{"a crop with a null unit", "parcel", columns{"crops": `'[{"cpf":"01.1","unite":null}]'`}, checkViolation},
		{"a crop that is a text", "parcel", columns{"crops": `'["01.1"]'`}, checkViolation},
		{"crops that are no list", "parcel", columns{"crops": `'{"unite":"ha"}'`}, checkViolation},
		{"annotations that are no list", "parcel", columns{"annotations": `'{}'`}, checkViolation},
		{"pending without îlot", "parcel", columns{"en_attente_pac": `true`}, ""},
		{"pending with îlot 0", "parcel", columns{"en_attente_pac": `true`, "numero_ilot": `'0'`}, ""},
		{"pending with an îlot", "parcel", columns{"en_attente_pac": `true`, "numero_ilot": `'12'`}, checkViolation},
		{"a parcel of no parcellaire", "parcel", columns{"parcellaire_id": `gen_random_uuid()`}, foreignKeyViolation},
		{"a parcel of another certifier's parcellaire", "parcel", columns{"oc": `2`}, foreignKeyViolation},
		{"a parcel of nobody in a certifier's parcellaire", "parcel", columns{"oc": `NULL`}, foreignKeyViolation},

		{"a draft", "parcellaire", nil, ""},
		{"another draft of the farm", "parcellaire", nil, ""},
		{"an audit", "parcellaire", columns{"audit_date": `'2024-03-01'`, "state": `'AUDITED'`}, ""},
		{"the same audit again", "parcellaire", columns{"audit_date": `'2024-03-01'`}, uniqueViolation},
		{"the same day by another certifier", "parcellaire", columns{"audit_date": `'2024-03-01'`, "oc": `2`}, ""},
		{"the same day by nobody", "parcellaire", columns{"audit_date": `'2024-03-01'`, "oc": `NULL`}, ""},
		{"the same day by nobody again", "parcellaire", columns{"audit_date": `'2024-03-01'`, "oc": `NULL`}, uniqueViolation},
		{"the same audit, deleted", "parcellaire", columns{"audit_date": `'2024-03-01'`, "deleted_at": `now()`}, ""},
		{"certified", "parcellaire", certified(""), ""},
		{"certified without audit", "parcellaire", certified("audit_date"), checkViolation},
		{"certified without start", "parcellaire", certified("certified_from"), checkViolation},
		{"certified without end", "parcellaire", certified("certified_until"), checkViolation},
		{"unknown state", "parcellaire", columns{"state": `'DRAFT'`}, checkViolation},
		{"unknown mixité", "parcellaire", columns{"mixite": `'CONV'`}, checkViolation},
		{"the year 1989", "parcellaire", columns{"year": `1989`}, checkViolation},
		{"the year 2101", "parcellaire", columns{"year": `2101`}, checkViolation},
		{"metadata that are a list", "parcellaire", columns{"metadata": `'[]'`}, checkViolation},
		{"a parcellaire of no farm", "parcellaire", columns{"numero_bio": `'9'`}, foreignKeyViolation},
		{"published", "parcellaire", columns{"published": `true`}, ""},
		{"two published of one farm", "parcellaire", columns{"published": `true`}, uniqueViolation},

		{"a farm", "farm", nil, ""},
		{"a farm without number", "farm", columns{"numero_bio": `''`}, checkViolation},
		{"a SIRET of 13 digits", "farm", columns{"numero_bio": `'3'`, "siret": `'1234567890123'`}, checkViolation},
		{"unknown link state", "link", columns{"state": `'ENGAGE'`}, checkViolation},
		{"a link", "link", nil, ""},
		{"the same link again", "link", nil, uniqueViolation},
		{"a link without start", "link", columns{"start": `NULL`}, ""},
		{"a link without start again", "link", columns{"start": `NULL`}, uniqueViolation},
		{"unknown event", "event", columns{"type": `'Update'`}, checkViolation},
		{"unknown job state", "import_job", columns{"state": `'RUNNING'`}, checkViolation},
		{"a job done without end", "import_job", columns{"state": `'DONE'`}, checkViolation},
		{"a job to do with an end", "import_job", columns{"ended_at": `now()`}, checkViolation},
		{"a token of a certifier", "token", nil, ""},
		{"a token of no certifier", "token", columns{"oc": `NULL`}, checkViolation},
		{"an administrator's with a certifier", "token", columns{"role": `'agence_bio'`}, checkViolation},
		{"a user's role", "token", columns{"role": `'auditeur'`}, checkViolation},
		{"a token in clear", "token", columns{"hash": `'secret'`}, checkViolation},
	}
	db := storetest.New(t)
	storetest.Farm(t, db, "1001", 1)
	storetest.Farm(t, db, "1002", 2)
	if _, err := run(t, db, store.System, row("parcellaire", wellRows["parcellaire"], columns{"id": someVersion})); err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		if _, err := run(t, db, store.System, row(tt.table, wellRows[tt.table], tt.given)); sqlState(err) != tt.state {
			t.Errorf("%s: %v, want state %q", tt.name, err, tt.state)
		}
	}
}

// TestC32AppendOnly proves that the history takes rows and gives none back,
// whoever asks: the roles of the service, the owner, a superuser.
func TestC32AppendOnly(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	for _, table := range []string{"event", "link_history"} {
		count := func() int { return askServer[int](t, address, `SELECT count(*) FROM `+table)[0] }
		before := count()
		if before == 0 {
			t.Errorf("%s is empty", table)
		}
		column := map[string]string{"event": "reason", "link_history": "state"}[table]
		statements := []string{
			`UPDATE ` + table + ` SET ` + column + ` = 'x'`, `UPDATE ` + table + ` SET ` + column + ` = 'x' WHERE false`, `DELETE FROM ` + table,
			`TRUNCATE ` + table, `TRUNCATE ` + table + ` CASCADE`,
			`MERGE INTO ` + table + ` h USING (VALUES (1)) AS s ON true WHEN MATCHED THEN DELETE`,
		}
		for _, sql := range statements {
			for name, scope := range map[string]store.Scope{"certifier": store.Tenant(1), "national": store.National, "public": store.Open, "system": store.System} {
				if _, err := run(t, db, scope, sql); sqlState(err) != notAllowed {
					t.Errorf("%s: %s: %v", name, sql, err)
				}
			}
			for name, role := range map[string]string{"owner": "sillon_owner", "superuser": "NONE"} {
				if err := asServer(t, address, `SET ROLE `+role, sql); sqlState(err) != notAllowed {
					t.Errorf("%s: %s: %v", name, sql, err)
				}
			}
		}
		if after := count(); after != before {
			t.Errorf("%s has %d rows, had %d", table, after, before)
		}
	}
}

// TestC32OnlyGeometryIsForgotten proves that the one change of history there
// is, which purging makes, can take geometry out and nothing else.
func TestC32OnlyGeometryIsForgotten(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	storetest.Exec(t, address, `
		INSERT INTO event (parcellaire_id, oc, type, actor_id, actor_role, state, before, after)
		SELECT id, oc, 'FeatureCollectionUpdate', 't', 'oc_service', 'CERTIFIED', NULL,
			'{"statut": "CERTIFIED", "parcelles": {"a": {"nom": "x", "geometry": 1, "geometrieDeclaree": 2}, "b": {"geometry": 3}, "c": null}}'
		FROM parcellaire WHERE oc = 1 AND year = 2025`)
	id := askServer[string](t, address, `SELECT id::text FROM parcellaire WHERE oc = 1 AND year = 2025`)[0]
	for _, sql := range []string{
		`UPDATE event SET reason = 'x'`, `UPDATE event SET after = '{}'`, `UPDATE event SET after = NULL WHERE after IS NOT NULL`,
		`UPDATE event SET before = '{"nom": "x"}'`, `UPDATE event SET at = now()`, `DELETE FROM event`, `TRUNCATE event`,
		`UPDATE event SET after = jsonb_set(after::jsonb, '{parcelles,a,geometry}', '4')::json WHERE after::jsonb @> '{"parcelles": {"a": {}}}'`,
		`UPDATE event SET after = jsonb_set(after::jsonb, '{parcelles,b,geometrieDeclaree}', '4')::json WHERE after::jsonb @> '{"parcelles": {"b": {}}}'`,
	} {
		if err := asServer(t, address, `SET ROLE sillon_owner`, `SET app.forgetting = 'on'`, sql); sqlState(err) != notAllowed {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for name, scope := range map[string]store.Scope{"certifier": store.Tenant(1), "national": store.National, "public": store.Open} {
		if _, err := run(t, db, scope, `SELECT forget_geometry($1, NULL)`, id); sqlState(err) != notAllowed {
			t.Errorf("%s: %v", name, err)
		}
	}
	told := func() string {
		return askServer[string](t, address, `SELECT after::text FROM event WHERE after::jsonb @> '{"parcelles": {"a": {}}}'`)[0]
	}
	for _, tt := range []struct{ ids, want string }{
		{`'{a,c}'`, `{"statut": "CERTIFIED", "parcelles": {"a": {"nom": "x"}, "b": {"geometry": 3}, "c": null}}`},
		{`NULL`, `{"statut": "CERTIFIED", "parcelles": {"a": {"nom": "x"}, "b": {}, "c": null}}`},
	} {
		if _, err := run(t, db, store.System, `SELECT forget_geometry($1, `+tt.ids+`)`, id); err != nil {
			t.Error(err)
		}
		if got := told(); got != tt.want {
			t.Errorf("after forgetting %s: %s", tt.ids, got)
		}
	}
	if _, err := run(t, db, store.System, `UPDATE event SET reason = 'x'`); sqlState(err) != notAllowed {
		t.Errorf("after forgetting, in the same pool: %v", err)
	}
}

// TestParcelsBelong proves what holds a parcel to its parcellaire, in place of a
// foreign key: neither goes without the other, whoever asks, not even the owner
// of the database.
func TestParcelsBelong(t *testing.T) {
	t.Parallel()
	db, address := storetest.Open(t, 4)
	storetest.Farm(t, db, "1001", 1)
	storetest.Farm(t, db, "2002", 2)
	save(t, db, store.Tenant(1), version("1001", 1, 2024), parcel("a", square(5, 44, 0.01)), parcel("b", square(6, 44, 0.01)))
	save(t, db, store.Tenant(2), version("2002", 2, 2024), parcel("c", square(5, 45, 0.01)))
	for _, sql := range []string{
		`DELETE FROM parcellaire WHERE oc = 1`,
		`UPDATE parcellaire SET id = gen_random_uuid() WHERE oc = 1`,
		`UPDATE parcel SET parcellaire_id = gen_random_uuid() WHERE id = 'a'`,
		`UPDATE parcel SET parcellaire_id = (SELECT id FROM parcellaire WHERE oc = 2) WHERE id = 'a'`,
		`UPDATE parcel SET oc = 2 WHERE id = 'a'`,
	} {
		if err := asServer(t, address, sql); sqlState(err) != foreignKeyViolation {
			t.Errorf("%s: %v", sql, err)
		}
	}
}

// O3, C32: the database itself keeps what is younger than its period, whatever
// retention asks for.
func TestO3TheYoungStays(t *testing.T) {
	t.Parallel()
	db, address := withTwoCertifiers(t)
	storetest.Exec(t, address, `DELETE FROM change`, `
		INSERT INTO event (parcellaire_id, type, actor_id, actor_role, state, at)
		SELECT gen_random_uuid(), 'RecordUpdate', 't', 'oc_service', 'CERTIFIED', now() - interval '9 years'`, `
		INSERT INTO trail (at, kind, actor_id, actor_role, action, resource, method, route, status, code, request_id)
		SELECT now() - interval '2 years', kind, '', '', '', '', '', '', 0, '', '' FROM unnest(ARRAY['lecture', 'refus', 'administration']) AS kind`)
	if _, err := run(t, db, store.System, `DELETE FROM event`); sqlState(err) != notAllowed {
		t.Errorf("history deleted: %v", err)
	}
	if _, err := run(t, db, store.System, `DELETE FROM trail`); err != nil {
		t.Error(err)
	}
	if got := askServer[int](t, address, `SELECT count(*) FROM trail`)[0]; got != 3 {
		t.Errorf("%d rows of the trail are left, want 3", got)
	}
	for name, scope := range map[string]store.Scope{"certifier": store.Tenant(1), "national": store.National, "public": store.Open} {
		for _, sql := range []string{`DELETE FROM event`, `DELETE FROM trail`} {
			if _, err := run(t, db, scope, sql); sqlState(err) != notAllowed {
				t.Errorf("%s: %s: %v", name, sql, err)
			}
		}
	}
}

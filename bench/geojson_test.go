package bench

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
)

const (
	measurer     = 9001 // certifier of what is stored for the measurements
	measuredFarm = "800001"
	thousand     = "00000000-0000-4000-8000-000000001000" // a version of a thousand parcels
)

// storeThousand stores a version with copies of a thousand parcels, that no
// tile shows, and the view of them that has as many properties as our answer.
const storeThousand = `
	INSERT INTO parcellaire (id, numero_bio, oc, name, year, state, parcel_count)
	VALUES ('` + thousand + `', '` + measuredFarm + `', 9001, 'Mille parcelles', 2026, 'OPERATOR_DRAFT', 1000) ON CONFLICT DO NOTHING;
	INSERT INTO parcel (parcellaire_id, id, oc, tile_id, cell_x, cell_y, geom, geometry_status, name, numero_pacage, numero_ilot,
		numero_parcelle, crops, level, engaged_on, commune, etranger, origine, surface_m2)
	SELECT '` + thousand + `', key::text, 9001, tile_id, cell_x, cell_y, geom, geometry_status, name, numero_pacage, numero_ilot,
		numero_parcelle, crops, level, engaged_on, commune, etranger, origine, surface_m2
	FROM parcel WHERE published AND deleted_at IS NULL ORDER BY key LIMIT 1000
	ON CONFLICT DO NOTHING;
	CREATE VIEW peers.mille AS
		SELECT p.id, p.geom, p.name, p.numero_pacage, p.numero_ilot, p.numero_parcelle, p.references_cadastrales, p.crops, p.level,
			p.engaged_on, p.annotations, p.notes_auditeur, p.commentaire, coalesce(p.commune, '') AS commune, p.surface_m2, p.geometry_status,
			p.en_attente_pac, p.etranger, p.origine, p.revision, p.created_at, p.updated_at
		FROM parcel p
		WHERE p.parcellaire_id = '` + thousand + `' AND p.deleted_at IS NULL;
	GRANT SELECT ON peers.mille TO sillon_api;
	ANALYZE parcel`

// measureGeoJSON has our server and pg_featureserv write the same thousand
// parcels as GeoJSON.
func measureGeoJSON(b *testing.B, s settings, bin, dir string, d *database, node *program) []point {
	b.Helper()
	token := certify(b, bin, dir, d)
	d.exec(b, storeThousand)
	ours := &subject{name: serverOurs, program: node}
	ours.requests = [][]byte{bytes.Replace(request(node.address, "/api/v3/parcellaires/"+thousand+"/parcelles", ""),
		[]byte("\r\n\r\n"), []byte("\r\nAuthorization: "+token+"\r\n\r\n"), 1)}
	subjects := []*subject{ours}
	if s.featureserv == "" {
		fmt.Println("pg_featureserv is not at hand")
	} else {
		p := launchFeatureserv(b, s.featureserv, dir, d)
		defer p.stop(b)
		theirs := &subject{name: serverFeatureserv, program: p}
		theirs.requests = [][]byte{request(p.address, "/collections/peers.mille/items.json?limit=1000", "")}
		subjects = append(subjects, theirs)
	}
	m := measurement{settings: s, database: d}
	for _, coding := range []string{kindGzip, kindPlain} {
		for _, one := range subjects {
			if coding == kindPlain {
				one.requests[0] = bytes.Replace(one.requests[0], []byte("Accept-Encoding: gzip\r\n"), nil, 1)
			}
			one.features = float64(countParcels(b, one))
		}
		for _, connections := range []int{1, 8} {
			m.rounds(b, coding, 0, connections, subjects)
		}
	}
	return m.points
}

// certify registers a certifier with a farm, and returns its token.
func certify(b *testing.B, bin, dir string, d *database) string {
	b.Helper()
	farms := filepath.Join(dir, "farm.csv")
	line := fmt.Sprintf("numeroBio;nom;commune;certificateurId;certificateur;numeroClient;etat;dateDemarrage\n"+
		"%s;Ferme de mesure;;%d;Certificateur de mesure;C1;ENGAGEE;1990-01-01\n", measuredFarm, measurer)
	if err := os.WriteFile(farms, []byte(line), 0o600); err != nil {
		b.Fatal(err)
	}
	command(b, bin, "farms", "import", farms, "--data-dir", d.dir)
	return command(b, bin, "token", "create", "--role", "oc_service", "--certifier", fmt.Sprint(measurer), "--data-dir", d.dir)
}

// countParcels reads an answer once.
func countParcels(b *testing.B, s *subject) int {
	b.Helper()
	c, err := dial(b.Context(), s.program.address)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = c.conn.Close() }()
	var body bytes.Buffer
	a, err := c.do(s.requests[0], &body)
	if err != nil || a.status != http.StatusOK {
		b.Fatalf("%s: status %d, %v: %.300s", s.name, a.status, err, body.String())
	}
	n, err := countFeatures(&body, a.gzip)
	if err != nil {
		b.Fatal(err)
	}
	return n
}

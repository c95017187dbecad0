package api_test

import (
	"fmt"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/maptile"

	"sillon/geo/mvt/mvttest"
	"sillon/reference"
	"sillon/service"
	"sillon/sillon"
	"sillon/store/storetest"
)

// tilePath is the tile of parcels over a place.
func tilePath(lon, lat float64, z maptile.Zoom) string {
	at := maptile.At(orb.Point{lon, lat}, z)
	return fmt.Sprintf("/tiles/parcelles/%d/%d/%d.mvt", z, at.X, at.Y)
}

// features decodes a tile of one layer.
func features(t *testing.T, r *reply, layer string) []mvttest.Feature {
	t.Helper()
	if r.Status == http.StatusNoContent {
		return nil
	}
	layers, err := mvttest.Decode(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	if r.Status != http.StatusOK || len(layers) != 1 || layers[0].Name != layer {
		t.Fatalf("%d, layers %+v", r.Status, layers)
	}
	return layers[0].Features
}

// A write is in the very next tile read, and so is the end of it (domain.md §16).
func TestTileShowsTheLastWrite(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	deep, wide := tilePath(2.105, 47.105, 14), tilePath(2.105, 47.105, 5)
	expect := func(what string, want int) {
		t.Helper()
		counted := 0
		for _, f := range features(t, s.get(t, nobody, wide), "mailles") {
			n, err := strconv.Atoi(fmt.Sprint(f.Attributes["nombre"]))
			if err != nil {
				t.Fatal(err)
			}
			counted += n
		}
		if n := len(features(t, s.get(t, nobody, deep), "parcelles")); n != want || counted != want {
			t.Errorf("%s: %d parcels, cells of %d; want %d", what, n, counted, want)
		}
	}
	expect("nothing", 0)
	s.push(t, ocOne, []object{record("1001")})
	expect("a push that is not stored", 0)
	s.work(t, 1)
	expect("a push", 1)
	s.store(t, ocOne, []object{record("1001", parcel("p1"), bad("p2", object{"geom": square(2.105, 47.1), "etatProduction": "C1"}))})
	expect("another parcel", 2)
	s.store(t, ocOne, []object{record("1001", bad("p2", object{"geom": nil}))})
	expect("a parcel is removed", 1)
	s.store(t, ocOne, []object{record("1001", parcel("p3"), parcel("p4")).with(object{"dateAudit": "2027-03-01", "dateCertificationDebut": "2027-03-15"})})
	expect("a later version", 2)
	s.move(t, "1001", 1, 2)
	expect("a change of certifier", 2)
	s.drop(t, s.version(t, "1001", 1, "2027-03-01"))
	expect("a version is deleted", 1)
	storetest.Exec(t, s.address, `UPDATE parcellaire SET state = 'AUDITED' WHERE deleted_at IS NULL`, `SELECT publish('1001')`)
	expect("nothing certified is left", 0)
}

func TestTileHTTP(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	path := tilePath(2.105, 47.105, 13)
	plain := s.get(t, nobody, path)
	if plain.Status != http.StatusOK || plain.Header.Get("Content-Type") != "application/vnd.mapbox-vector-tile" || plain.Header.Get("Content-Encoding") != "" {
		t.Errorf("%d %v", plain.Status, plain.Header)
	}
	zip := s.get(t, nobody, path, "Accept-Encoding", "gzip")
	if zip.Header.Get("Content-Encoding") != "gzip" || string(zip.Body) != string(plain.Body) {
		t.Errorf("gzip: %v", zip.Header)
	}
	for _, r := range []*reply{plain, zip} {
		if r.Header.Get("Vary") != "Accept-Encoding, Authorization" || r.Header.Get("Cache-Control") != "public, no-cache" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("headers %v", r.Header)
		}
	}
	etag, zipped := plain.Header.Get("ETag"), zip.Header.Get("ETag")
	if etag == zipped || etag == "" {
		t.Errorf("ETags %s and %s", etag, zipped)
	}
	if r := s.get(t, nobody, path, "If-None-Match", etag); r.Status != http.StatusNotModified || r.Header.Get("ETag") != etag {
		t.Errorf("not modified: %d", r.Status)
	}
	if r := s.get(t, nobody, path, "If-None-Match", zipped, "Accept-Encoding", "gzip"); r.Status != http.StatusNotModified {
		t.Errorf("gzip not modified: %d", r.Status)
	}
	head := s.ask(t, nobody, http.MethodHead, path, nil)
	if head.Status != http.StatusOK || head.Header.Get("ETag") != etag || head.Header.Get("Content-Length") != fmt.Sprint(len(plain.Body)) {
		t.Errorf("HEAD: %d %v", head.Status, head.Header)
	}
	sea := tilePath(-20, 40, 13)
	empty := s.get(t, nobody, sea, "Accept-Encoding", "gzip")
	if empty.Status != http.StatusNoContent || empty.Header.Get("ETag") == "" {
		t.Errorf("nothing there: %d %v", empty.Status, empty.Header)
	}
	if r := s.get(t, nobody, sea, "If-None-Match", empty.Header.Get("ETag"), "Accept-Encoding", "gzip"); r.Status != http.StatusNotModified {
		t.Errorf("still nothing there: %d", r.Status)
	}
	if r := s.ask(t, nobody, http.MethodHead, sea, nil); r.Status != http.StatusNoContent {
		t.Errorf("HEAD of nothing: %d", r.Status)
	}
	s.store(t, ocOne, []object{record("1001", bad("p1", object{"etatProduction": "CONV"}))})
	if r := s.get(t, nobody, path, "If-None-Match", etag); r.Status != http.StatusOK || r.Header.Get("ETag") == etag {
		t.Errorf("after a write: %d", r.Status)
	}
	for _, path := range []string{
		"/tiles/parcelles/17/0/0.mvt", "/tiles/parcelles/1/2/0.mvt", "/tiles/parcelles/1/0/2.mvt", "/tiles/parcelles/-1/0/0.mvt", "/tiles/parcelles/x/0/0.mvt",
		"/tiles/parcelles/0/0/0.png", "/tiles/parcelles/0/0/0", "/tiles/parcelles/00/0/0.mvt", "/tiles/parcelles/0/0/+0.mvt",
		"/tiles/parcelles/4294967296/0/0.mvt", "/tiles/parcelles/5/99999999999999999999/0.mvt", "/tiles/departements/13/0/0.mvt", "/tiles/autres/0/0/0.mvt",
	} {
		if r := s.get(t, nobody, path); r.Status != http.StatusNotFound {
			t.Errorf("%s: %d", path, r.Status)
		}
	}
	for _, path := range []string{"/tiles/parcelles.json", "/tiles/communes.json", "/tiles/departements.json", "/tiles/style.json", "/tiles/style.json?theme=culture&fond=ortho"} {
		if r := s.get(t, nobody, path); r.Status != http.StatusOK || r.Header.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %d %v", path, r.Status, r.Header)
		}
	}
	if body := string(s.get(t, nobody, "/tiles/parcelles.json", "Host", "evil.example").Body); !strings.Contains(body, publicURL+"/tiles/parcelles/{z}/{x}/{y}.mvt") {
		t.Errorf("S23: %s", body)
	}
}

// S24: a public tile holds no attribute nor id that leads to a farm.
func TestS24TileHasNoIdentity(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	loadNomenclature(t, s)
	s.store(t, ocOne, []object{record("1001",
		bad("MARQUE-ID", object{"nom": "MARQUE-NOM", "commentaire": "MARQUE-NOTE", "numeroIlot": 4242, "numeroParcelle": 4243}),
		bad("2", object{"geom": square(2.105, 47.1), "etatProduction": absent}),
	).with(object{"commentaire": "MARQUE-AUDIT", "numeroPacage": "099100540"})})
	allowed := map[bool][]string{true: {"niveau", "cpf", "culture", "groupe", "surface"}, false: {"niveau", "groupe"}}
	var ids []uint64
	for z := maptile.Zoom(0); z <= 16; z++ {
		r := s.get(t, nobody, tilePath(2.108, 47.105, z))
		for _, mark := range []string{"MARQUE", "1001", "4242", "4243", "99100540", "C1001"} {
			if strings.Contains(string(r.Body), mark) {
				t.Errorf("zoom %d holds %s", z, mark)
			}
		}
		if z < 10 {
			for _, f := range features(t, r, "mailles") {
				for name := range f.Attributes {
					if name != "nombre" && name != "niveau" && name != "ha" && !strings.HasPrefix(name, "ha_") {
						t.Errorf("zoom %d: cell with %s", z, name)
					}
				}
			}
			continue
		}
		for _, f := range features(t, r, "parcelles") {
			if z == 16 {
				ids = append(ids, f.ID)
			}
			for name := range maps.Keys(f.Attributes) {
				if !slices.Contains(allowed[z >= 12], name) {
					t.Errorf("zoom %d: parcel with %s", z, name)
				}
			}
			if level := f.Attributes["niveau"]; z >= 12 && level == "AB" && f.Attributes["culture"] != "Blé tendre" {
				t.Errorf("zoom %d: %v", z, f.Attributes)
			}
		}
	}
	if len(ids) != 2 {
		t.Fatalf("%d parcels", len(ids))
	}
	if got := s.one(t, `SELECT (count(*) FILTER (WHERE tile_id IN ($1, $2)) || ' ' || count(*) FILTER (WHERE key IN ($1, $2))) FROM parcel`, int64(ids[0]), int64(ids[1])); got != "2 0" {
		t.Errorf("ids %d: %s", ids, got)
	}
	if ids[0]-ids[1] == 1 || ids[1]-ids[0] == 1 {
		t.Errorf("ids %d tell what was stored together", ids)
	}
}

func loadNomenclature(t *testing.T, s *server) {
	t.Helper()
	nomenclature, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	var codes []sillon.CropCode
	for _, c := range nomenclature.CPFs() {
		label, _ := nomenclature.Label(c.Code)
		codes = append(codes, sillon.CropCode{Code: c.Code, Label: label, Group: nomenclature.Group(c.Code)})
	}
	if err := s.service.LoadNomenclature(t.Context(), codes); err != nil {
		t.Fatal(err)
	}
}

func TestDepartementTile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const path = "/tiles/departements/6/32/22.mvt"
	if r := s.get(t, nobody, path); r.Status != http.StatusNoContent {
		t.Errorf("not loaded: %d", r.Status)
	}
	body := `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"18","nom":"Cher"},
		"geometry":{"type":"Polygon","coordinates":[[[2,47],[3,47],[3,47.5],[2,47.5],[2,47]]]}}]}`
	if _, err := s.service.LoadReference(t.Context(), service.ReferenceLoad{Kind: "departements", Source: "test", Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	list := features(t, s.get(t, nobody, path), "departements")
	if len(list) != 1 || list[0].Attributes["code"] != "18" || list[0].Attributes["nom"] != "Cher" {
		t.Errorf("%+v", list)
	}
}

// S25: a shared cache that obeys the headers gives each actor its own.
func TestS25NoReplyCrossesActors(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocOne, []object{record("1001")})
	s.store(t, ocTwo, []object{record("2001")})
	tile := tilePath(2.105, 47.105, 14)
	v := s.version(t, "1001", 1, audit)
	cache := map[string]*reply{}
	// The key of a reply is its address, and what it varies by.
	key := func(who asker, path string, vary string) string {
		if strings.Contains(vary, "Authorization") {
			return path + " " + s.tokens[who]
		}
		return path
	}
	cached := func(who asker, path string) *reply {
		for _, vary := range []string{"", "Authorization"} {
			if r, ok := cache[key(who, path, vary)]; ok {
				return r
			}
		}
		r := s.get(t, who, path)
		if control := r.Header.Get("Cache-Control"); !strings.Contains(control, "private") && !strings.Contains(control, "no-store") && r.Status < http.StatusBadRequest {
			cache[key(who, path, r.Header.Get("Vary"))] = r
		}
		return r
	}
	everybody := []asker{ocOne, ocTwo, agenceBio, asp, nobody}
	for _, path := range []string{
		listPath, exchangePath("1001"), "/api/v3/parcellaires/" + v + "/parcelles", jobPath(1), farmsPath, "/api/v2/test",
		tile, tile + "?niveau=AB", tile + "?parcellaire=" + v, "/tiles/parcelles.json", "/tiles/style.json?theme=certificateur",
	} {
		for _, who := range append(slices.Clone(everybody), everybody...) {
			if got, want := cached(who, path), s.get(t, who, path); got.Status != want.Status || sameProblem(got) != sameProblem(want) {
				t.Errorf("%s gets of %s what is another's: %d %s", who, path, got.Status, got.Body)
			}
		}
	}
	if len(cache) != 3 || cache[key(nobody, tile, "Authorization")] == nil {
		t.Errorf("%d replies are for sharing, want those of everybody: two tiles and their description", len(cache))
	}
}

// versionsIn are the parcellaires that a tile names, and how many parcels it has.
func versionsIn(t *testing.T, r *reply) (versions []string, parcels int) {
	t.Helper()
	list := features(t, r, "parcelles")
	for _, f := range list {
		if v, ok := f.Attributes["parcellaire"]; ok {
			versions = append(versions, fmt.Sprint(v))
		}
	}
	slices.Sort(versions)
	return slices.Compact(versions), len(list)
}

// S2, S3, S11: a tile shows each actor the published versions that it may read,
// and no former certifier that of the next one, whether tiles come from the
// database, from memory, or from those that are kept.
func TestS11TilesOfEachActor(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		make func(*testing.T) *server
	}{{"from the database", newServer}, {"from memory", newTileServer}} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s := tt.make(t)
			all := s.resources(t)
			s.catchUp(t)
			// That of farm 4002 is the later one, and the one of 4005 is deleted.
			want := []struct {
				who       asker
				relations []relation
			}{
				{ocOne, []relation{own, inherited}},
				{ocTwo, []relation{later, inherited, foreign}},
				{agenceBio, []relation{own, later, inherited, foreign}},
				{inao, []relation{own, later, inherited, foreign}},
				{asp, nil},
				{nobody, nil},
			}
			for range 2 {
				for _, w := range want {
					who, relations := w.who, w.relations
					var versions []string
					for _, rel := range relations {
						versions = append(versions, all[rel].version)
					}
					slices.Sort(versions)
					for _, z := range []maptile.Zoom{12, 16} {
						r := s.get(t, who, tilePath(2.105, 47.105, z))
						got, parcels := versionsIn(t, r)
						if !slices.Equal(got, versions) {
							t.Errorf("zoom %d, %s sees %s, want %s", z, who, got, versions)
						}
						if who == nobody && parcels != 4 {
							t.Errorf("zoom %d, everybody sees %d parcels", z, parcels)
						}
						control := r.Header.Get("Cache-Control")
						if private := strings.Contains(control, "private, no-store"); private == (who == nobody) || !strings.Contains(r.Header.Get("Vary"), "Authorization") {
							t.Errorf("zoom %d, %s: %v", z, who, r.Header)
						}
					}
					// Cells count what the parcels are.
					counted := 0
					for _, f := range features(t, s.get(t, who, tilePath(2.105, 47.105, 7)), "mailles") {
						n, err := strconv.Atoi(fmt.Sprint(f.Attributes["nombre"]))
						if err != nil {
							t.Fatal(err)
						}
						counted += n
					}
					wanted := len(relations)
					if who == nobody || who == asp {
						wanted = 4
					}
					if counted != wanted {
						t.Errorf("%s sees cells of %d parcels, want %d", who, counted, wanted)
					}
				}
			}
		})
	}
}

// A tile of a farm names what its actor may read of it, and notes to nobody.
func TestPrivateTile(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	loadNomenclature(t, s)
	s.store(t, ocOne, []object{record("1001",
		bad("P-1", object{"nom": "Les Noyers", "commentaire": "MARQUE-NOTE", "numeroIlot": 12, "numeroParcelle": 3}),
	).with(object{"commentaire": "MARQUE-AUDIT", "numeroPacage": "099100540"})})
	v := s.version(t, "1001", 1, audit)
	public := map[string]any{"niveau": "AB", "groupe": "Grandes Cultures", "cpf": "01.11.12", "culture": "Blé tendre"}
	private := maps.Clone(public)
	maps.Copy(private, map[string]any{"numeroBio": "1001", "parcellaire": v, "parcelle": "P-1", "libelle": "12.3", "statut": "CERTIFIED"})
	supervised := maps.Clone(private)
	supervised["certificateur"] = "OC 1"
	for _, tt := range []struct {
		who  asker
		path string
		want map[string]any
	}{
		{nobody, tilePath(2.105, 47.105, 13), public},
		{ocOne, tilePath(2.105, 47.105, 13), private},
		{ocOne, tilePath(2.105, 47.105, 13) + "?parcellaire=" + v, private},
		{agenceBio, tilePath(2.105, 47.105, 13), supervised},
		{agenceBio, tilePath(2.105, 47.105, 11), map[string]any{"niveau": "AB", "groupe": "Grandes Cultures", "certificateur": "OC 1"}},
		{ocOne, tilePath(2.105, 47.105, 11), map[string]any{"niveau": "AB", "groupe": "Grandes Cultures"}},
	} {
		r := s.get(t, tt.who, tt.path)
		list := features(t, r, "parcelles")
		if len(list) != 1 || strings.Contains(string(r.Body), "MARQUE") {
			t.Fatalf("%s, %s: %+v", tt.who, tt.path, list)
		}
		delete(list[0].Attributes, "surface")
		if diff := cmp.Diff(tt.want, list[0].Attributes); diff != "" {
			t.Errorf("%s, %s (-want +got):\n%s", tt.who, tt.path, diff)
		}
		var d struct {
			Layers []struct {
				ID     string
				Fields map[string]string
			} `json:"vector_layers"`
		}
		s.get(t, tt.who, "/tiles/parcelles.json").into(t, &d)
		for name := range list[0].Attributes {
			if _, ok := d.Layers[1].Fields[name]; !ok {
				t.Errorf("%s is not told of %s", tt.who, name)
			}
		}
	}
	if r := s.get(t, ocTwo, tilePath(2.105, 47.105, 13)+"?parcellaire="+v); r.Status != http.StatusNotFound {
		t.Errorf("another certifier: %d", r.Status)
	}
}

// Filters are read from the query, and are the same for every spelling.
func TestTileFilters(t *testing.T) {
	t.Parallel()
	for name, make := range map[string]func(*testing.T) *server{"from the database": newServer, "from memory": newTileServer} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := make(t)
			loadNomenclature(t, s)
			s.store(t, ocOne, []object{record("1001", parcel("p1"),
				bad("p2", object{"geom": square(2.105, 47.1), "etatProduction": "C1", "cultures": crops("01.13.41.1")}))})
			storetest.Exec(t, s.address, `UPDATE parcel SET commune = CASE id WHEN 'p1' THEN '26113' ELSE '2A004' END`, `UPDATE parcellaire SET year = 2025`)
			s.catchUp(t)
			path := tilePath(2.105, 47.105, 12)
			tests := []struct {
				query string
				want  int
			}{
				{"", 2},
				{"?niveau=AB", 1},
				{"?niveau=C1,AB", 2},
				{"?niveau=C1&niveau=AB", 2},
				{"?niveau=AB%3F", 0},
				{"?culture=01.11.12", 1},
				{"?culture=01.13.41.1,01.11.12", 2},
				{"?annee=2025", 2},
				{"?annee=2024", 0},
				{"?departement=2A", 1},
				{"?departement=2A&departement=26", 2},
				{"?departement=2A&niveau=AB", 0},
				{"?departement=26&niveau=AB&annee=2024,2025&culture=01.11.12", 1},
			}
			for _, tt := range tests {
				for _, who := range []asker{nobody, ocOne, agenceBio} {
					if n := len(features(t, s.get(t, who, path+tt.query), "parcelles")); n != tt.want {
						t.Errorf("%s, %s: %d parcels, want %d", tt.query, who, n, tt.want)
					}
				}
			}
			for _, query := range []string{
				"?niveau=C4", "?niveau=", "?culture=blé", "?culture=01.11.12,", "?annee=deux", "?annee=1066", "?departement=99", "?departement=%00",
				"?inconnu=1", "?niveau=%zz", "?annee=" + strings.Repeat("2025,", 60) + "2025",
			} {
				for _, p := range []string{path, "/tiles/parcelles.json"} {
					if r := s.get(t, nobody, p+query); r.Status != http.StatusBadRequest || strings.Contains(r.Header.Get("Cache-Control"), "public") {
						t.Errorf("%s%s: %d", p, query, r.Status)
					}
				}
			}
			for query, status := range map[string]int{"?niveau=AB": http.StatusBadRequest, "?v=1": http.StatusNoContent} {
				if r := s.get(t, nobody, "/tiles/departements/0/0/0.mvt"+query); r.Status != status {
					t.Errorf("départements%s: %d, want %d", query, r.Status, status)
				}
			}
			var d struct{ Tiles []string }
			s.get(t, nobody, "/tiles/parcelles.json?niveau=AB&departement=26").into(t, &d)
			if !strings.Contains(d.Tiles[0], "departement=26&niveau=AB") {
				t.Errorf("addresses %s", d.Tiles)
			}
			if r := s.get(t, nobody, "/tiles/parcelles.json?parcellaire="+s.version(t, "1001", 1, audit)); r.Status != http.StatusUnauthorized {
				t.Errorf("a version without token: %d", r.Status)
			}
		})
	}
}

// A tile that is kept is known by its version: 304 before it is made, an edition
// that may be kept for ever, and another one after each write.
func TestTileEditions(t *testing.T) {
	t.Parallel()
	s := newTileServer(t)
	s.store(t, ocOne, []object{record("1001")})
	path, elsewhere := tilePath(2.105, 47.105, 14), tilePath(6, 45, 14)
	address := func(who asker) string {
		var d struct{ Tiles []string }
		r := s.get(t, who, "/tiles/parcelles.json")
		r.into(t, &d)
		if control := r.Header.Get("Cache-Control"); who == nobody && control != "public, no-cache" {
			t.Errorf("Cache-Control of a description: %s", control)
		}
		return d.Tiles[0]
	}
	at := func(template string) string {
		_, query, _ := strings.Cut(template, "?")
		return path + "?" + query
	}
	first := at(address(nobody))
	if strings.Contains(address(ocOne), "v=") {
		t.Error("a private address names an edition")
	}
	r := s.get(t, nobody, first, "Accept-Encoding", "zstd, gzip")
	if r.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || r.Header.Get("Content-Encoding") != "zstd" {
		t.Errorf("%v", r.Header)
	}
	if r := s.get(t, ocOne, first); r.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("with a token: %v", r.Header)
	}
	if r := s.get(t, nobody, path+"?v=other"); r.Header.Get("Cache-Control") != "public, no-cache" || r.Status != http.StatusOK {
		t.Errorf("another edition: %v", r.Header)
	}
	tags := map[string]string{}
	for _, coding := range []string{"identity", "gzip", "zstd"} {
		r := s.get(t, nobody, path, "Accept-Encoding", coding)
		if tags[coding] = r.Header.Get("ETag"); r.Header.Get("Content-Length") == "" {
			t.Errorf("%s: no length", coding)
		}
		if r := s.get(t, nobody, path, "Accept-Encoding", coding, "If-None-Match", tags[coding]); r.Status != http.StatusNotModified {
			t.Errorf("%s: %d", coding, r.Status)
		}
	}
	empty := s.get(t, nobody, elsewhere)
	if empty.Status != http.StatusNoContent {
		t.Errorf("elsewhere: %d", empty.Status)
	}
	s.store(t, ocOne, []object{record("1001", bad("p1", object{"etatProduction": "CONV"}))})
	if r := s.get(t, nobody, path, "Accept-Encoding", "gzip", "If-None-Match", tags["gzip"]); r.Status != http.StatusOK || features(t, r, "parcelles")[0].Attributes["niveau"] != "CONV" {
		t.Errorf("after a write: %d", r.Status)
	}
	if r := s.get(t, nobody, first); r.Header.Get("Cache-Control") != "public, no-cache" {
		t.Errorf("a former edition: %v", r.Header)
	}
	if second := at(address(nobody)); second == first {
		t.Error("the edition is that of before the write")
	}
	if r := s.get(t, nobody, elsewhere, "If-None-Match", empty.Header.Get("ETag")); r.Status != http.StatusNotModified {
		t.Errorf("elsewhere after a write: %d", r.Status)
	}
	if st := s.cache.Stats(); st.Hits == 0 || st.Tiles == 0 {
		t.Errorf("%+v", st)
	}
}

func TestStyleThemes(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for path, status := range map[string]int{
		"?theme=niveau&fond=aucun": 200, "?theme=culture&fond=plan": 200, "?fond=ortho": 200, "?theme=humeur": 400, "?fond=osm": 400, "?x=1": 400,
	} {
		if r := s.get(t, nobody, "/tiles/style.json"+path); r.Status != status {
			t.Errorf("%s: %d, want %d", path, r.Status, status)
		}
	}
	r := s.get(t, inao, "/tiles/style.json?theme=certificateur")
	if !strings.Contains(string(r.Body), `"OC 1"`) || r.Header.Get("Cache-Control") != "private, no-store" {
		t.Errorf("%v %s", r.Header, r.Body)
	}
}

func TestCommuneTile(t *testing.T) {
	t.Parallel()
	s := newTileServer(t)
	path := "/tiles/communes/9/259/179.mvt"
	if r := s.get(t, nobody, path); r.Status != http.StatusNoContent {
		t.Errorf("not loaded: %d", r.Status)
	}
	body := `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"18033","nom":"Bourges"},
		"geometry":{"type":"Polygon","coordinates":[[[2,47],[3,47],[3,47.5],[2,47.5],[2,47]]]}}]}`
	if _, err := s.service.LoadReference(t.Context(), service.ReferenceLoad{Kind: "communes", Source: "test", Body: strings.NewReader(body)}); err != nil {
		t.Fatal(err)
	}
	s.catchUp(t)
	list := features(t, s.get(t, nobody, path), "communes")
	if len(list) != 1 || list[0].Attributes["code"] != "18033" || list[0].Attributes["nom"] != "Bourges" {
		t.Errorf("%+v", list)
	}
	if r := s.get(t, nobody, "/tiles/communes/7/64/44.mvt"); r.Status != http.StatusNotFound {
		t.Errorf("before the first zoom: %d", r.Status)
	}
}

// The page and its files are served without token, nothing of theirs by other hosts.
func TestMapPage(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	page := s.get(t, nobody, "/")
	files := regexp.MustCompile(`/assets/[\w.-]+`).FindAllString(string(page.Body), -1)
	if page.Status != http.StatusOK || len(files) < 2 {
		t.Fatalf("%d, files %s", page.Status, files)
	}
	for _, path := range append(files, "/") {
		r := s.get(t, nobody, path, "Accept-Encoding", "gzip")
		if r.Status != http.StatusOK || r.Header.Get("ETag") == "" || r.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %d %v", path, r.Status, r.Header)
		}
		if r := s.get(t, nobody, path, "Accept-Encoding", "gzip", "If-None-Match", r.Header.Get("ETag")); r.Status != http.StatusNotModified {
			t.Errorf("%s again: %d", path, r.Status)
		}
		if r := s.ask(t, nobody, http.MethodHead, path, nil); r.Status != http.StatusOK {
			t.Errorf("HEAD %s: %d", path, r.Status)
		}
	}
}

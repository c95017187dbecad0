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
		if r.Header.Get("Vary") != "Accept-Encoding" || r.Header.Get("Cache-Control") != "public, no-cache" || r.Header.Get("Access-Control-Allow-Origin") != "*" {
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
	empty := s.get(t, nobody, sea)
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
	for _, path := range []string{"/tiles/parcelles.json", "/tiles/departements.json", "/tiles/style.json"} {
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
	cached := func(who asker, path string) *reply {
		if r, ok := cache[path]; ok {
			return r
		}
		r := s.get(t, who, path)
		if control := r.Header.Get("Cache-Control"); !strings.Contains(control, "private") && !strings.Contains(control, "no-store") {
			cache[path] = r
		}
		return r
	}
	for _, path := range []string{listPath, exchangePath("1001"), "/api/v3/parcellaires/" + v + "/parcelles", jobPath(1), farmsPath, "/api/v2/test"} {
		for _, who := range []asker{ocOne, ocTwo, agenceBio, asp, nobody} {
			if got, want := cached(who, path), s.get(t, who, path); got.Status != want.Status || sameProblem(got) != sameProblem(want) {
				t.Errorf("%s gets of %s what is another's: %d %s", who, path, got.Status, got.Body)
			}
		}
	}
	if cached(ocOne, tile); cache[tile] == nil {
		t.Error("a public tile is not for sharing")
	}
	for _, who := range []asker{ocTwo, nobody} {
		if r := s.get(t, who, tile); string(r.Body) != string(cache[tile].Body) {
			t.Errorf("%s gets another public tile", who)
		}
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

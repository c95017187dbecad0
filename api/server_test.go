package api_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"sillon/api"
	"sillon/reference"
	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
	"sillon/tiles"
	"sillon/upstream"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// An asker is someone whose token a test asks with.
type asker string

const (
	nobody    asker = "public"
	ocOne     asker = "oc_service 1"
	ocTwo     asker = "oc_service 2"
	agenceBio asker = "agence_bio"
	inao      asker = "inao"
	asp       asker = "asp"
)

const (
	apiVersion = "9.8.7"
	publicURL  = "https://sillon.example"
	holder     = "00000000-0000-0000-0000-000000000001"
)

// A server is the HTTP surface on a database of its own: certifiers 1 and 2,
// farms 1001 to 1003 of the first, 2001 of the second, and a token per asker.
type server struct {
	http    *httptest.Server
	handler http.Handler
	service *service.Service
	db      *store.DB
	address string // of the database, for a superuser
	tokens  map[asker]string
	log     *logBuffer
	logger  *slog.Logger
	working sync.Mutex

	follower *tiles.Follower // of one that keeps tiles, as is
	cache    *tiles.Cache
}

// A logBuffer is a log that may be read while it is written.
type logBuffer struct {
	sync.Mutex
	b bytes.Buffer
}

func (l *logBuffer) Write(b []byte) (int, error) {
	l.Lock()
	defer l.Unlock()
	return l.b.Write(b)
}

func (l *logBuffer) String() string {
	l.Lock()
	defer l.Unlock()
	return l.b.String()
}

func newServer(t *testing.T) *server {
	t.Helper()
	return newServerWith(t, 6, func(*service.Options) {})
}

// newServerWith is newServer with a pool of so many connections, and other
// options.
func newServerWith(t *testing.T, connections int, change func(*service.Options)) *server {
	t.Helper()
	db, address := storetest.Open(t, connections)
	return newServerOn(t, db, address, change)
}

// newServerOn is newServer on an empty database.
func newServerOn(t *testing.T, db *store.DB, address string, change func(*service.Options)) *server {
	t.Helper()
	for _, numero := range []string{"1001", "1002", "1003"} {
		storetest.Farm(t, db, numero, 1)
	}
	storetest.Farm(t, db, "2001", 2)
	nomenclature, err := reference.Load()
	if err != nil {
		t.Fatal(err)
	}
	s := &server{db: db, address: address, tokens: make(map[asker]string), log: &logBuffer{}}
	log := slog.New(slog.NewJSONHandler(s.log, nil))
	s.logger = log
	opts := service.Options{
		IsCPF: nomenclature.IsCPF, Crop: nomenclature.Crop, Log: log, SpoolDir: t.TempDir(), Secret: []byte("a secret of thirty-two bytes....."),
		Poster: upstream.NewPoster(upstream.Options{Guard: upstream.Guard{AllowHTTP: true, AllowPrivate: true}, Timeout: time.Second}),
	}
	change(&opts)
	s.service, err = service.New(db, opts)
	if err != nil {
		t.Fatal(err)
	}
	s.tokens[ocOne] = s.token(t, service.NewToken{Role: sillon.RoleOCService, OC: 1})
	s.tokens[ocTwo] = s.token(t, service.NewToken{Role: sillon.RoleOCService, OC: 2})
	s.tokens[agenceBio] = s.token(t, service.NewToken{Role: sillon.RoleAgenceBio})
	s.tokens[inao] = s.token(t, service.NewToken{Role: sillon.RoleINAO})
	s.tokens[asp] = s.token(t, service.NewToken{Role: sillon.RoleASP})
	s.handler = api.New(s.service, api.Options{
		PublicURL: publicURL, Version: apiVersion, Log: log,
	})
	s.http = httptest.NewServer(s.handler)
	t.Cleanup(s.http.Close)
	return s
}

// newTileServer is newServer for one that has the parcels in memory, and keeps
// tiles.
func newTileServer(t *testing.T) *server {
	t.Helper()
	cache := tiles.NewCache(8 << 20)
	following := tiles.FollowerOptions{Limit: 1 << 30}
	cache.Follow(&following)
	db, address := storetest.Open(t, 6)
	follower := tiles.NewFollower(db, following)
	s := newServerOn(t, db, address, func(o *service.Options) { o.Tiles, o.TilesCache = follower, cache })
	s.follower, s.cache = follower, cache
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() { defer close(ended); follower.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	for follower.Status().State != tiles.FollowerReady {
		s.catchUp(t)
	}
	return s
}

// catchUp waits until the tiles show what was committed.
func (s *server) catchUp(t *testing.T) {
	t.Helper()
	if s.follower == nil {
		return
	}
	if err := s.follower.CatchUp(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func (s *server) token(t *testing.T, n service.NewToken) string {
	t.Helper()
	text, _, err := s.service.CreateToken(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// A reply is an answer of the server, its body inflated.
type reply struct {
	Status int
	Header http.Header
	Body   []byte
}

// into decodes the body.
func (r *reply) into(t *testing.T, v any) {
	t.Helper()
	if err := json.Unmarshal(r.Body, v); err != nil {
		t.Fatalf("%v in %s", err, r.Body)
	}
}

// ask sends a request and holds the reply to openapi.yaml. headers are names,
// each followed by its value.
func (s *server) ask(t *testing.T, who asker, method, path string, body io.Reader, headers ...string) *reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, s.http.URL+path, body)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "identity") // or the transport would ask for gzip by itself
	if who != nobody {
		r.Header.Set("Authorization", s.tokens[who])
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := s.http.Client().Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	out := &reply{Status: res.StatusCode, Header: res.Header}
	var reader io.Reader = res.Body
	if res.Header.Get("Content-Encoding") == "gzip" && method != http.MethodHead {
		if reader, err = gzip.NewReader(res.Body); err != nil {
			t.Fatal(err)
		}
	}
	if res.Header.Get("Content-Encoding") == "zstd" && method != http.MethodHead {
		if reader, err = zstd.NewReader(res.Body, zstd.WithDecoderConcurrency(1)); err != nil {
			t.Fatal(err)
		}
	}
	if out.Body, err = io.ReadAll(reader); err != nil {
		t.Fatal(err)
	}
	holdToContract(t, method, path, out, who != nobody)
	return out
}

func (s *server) get(t *testing.T, who asker, path string, headers ...string) *reply {
	t.Helper()
	return s.ask(t, who, http.MethodGet, path, nil, headers...)
}

const pushPath = "/api/v2/certification/parcelles"

// push sends a push: a text as it is, anything else as JSON.
func (s *server) push(t *testing.T, who asker, payload any, headers ...string) *reply {
	t.Helper()
	return s.ask(t, who, http.MethodPost, pushPath, strings.NewReader(text(t, payload)), headers...)
}

func text(t *testing.T, payload any) string {
	t.Helper()
	if s, ok := payload.(string); ok {
		return s
	}
	b, err := json.Marshal(payload)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// work stores what waits of a certifier, as the queue would have it done.
func (s *server) work(t *testing.T, oc sillon.OC) {
	t.Helper()
	s.working.Lock()
	defer s.working.Unlock()
	for more := true; more; {
		var err error
		if more, err = s.service.WorkImports(t.Context(), oc, holder, time.Minute); err != nil {
			t.Fatal(err)
		}
	}
}

func jobPath(id int64) string { return fmt.Sprintf("/api/v3/import/jobs/%d", id) }

// A pushed is the reply to a push.
type pushed struct {
	JobID                                         int64
	NbObjetRecus, NbObjetAcceptes, NbObjetRefuses int
	ListeNumeroBioValides                         []string
	ListeProblemes                                []found
}

// A found is something wrong in a push, as it is told.
type found struct {
	NumeroBio, Code, Message, ParcelleID string
	Indice                               *int
}

// String is code, parcel or rank, and message.
func (f found) String() string {
	s := f.Code
	if f.ParcelleID != "" {
		s += " " + f.ParcelleID
	}
	if f.Indice != nil {
		s += fmt.Sprintf(" #%d", *f.Indice)
	}
	return s + ": " + f.Message
}

// A job is the result of a push.
type job struct {
	Status                                           string
	NbObjetsRecus, NbObjetsAcceptes, NbObjetsRefuses int
	Error                                            struct{ Name, Message string }
	Result                                           struct {
		Count          int
		Errors         []found
		Warning        []warned
		NumeroBioValid []struct {
			NumeroBio   string
			NbParcelles int
		}
		NumeroBioError []string
	}
}

// A warned is the pair of a farm number and the warnings of its record.
type warned struct {
	numeroBio string
	warnings  []found
}

func (w *warned) UnmarshalJSON(b []byte) error {
	return json.Unmarshal(b, &[]any{&w.numeroBio, &w.warnings})
}

// warnings are those of all records.
func (j *job) warnings() (all []found) {
	for _, w := range j.Result.Warning {
		all = append(all, w.warnings...)
	}
	return all
}

func ocOf(who asker) sillon.OC {
	if who == ocTwo {
		return 2
	}
	return 1
}

// settle pushes, stores and polls.
func (s *server) settle(t *testing.T, who asker, payload any) (p pushed, j job) {
	t.Helper()
	s.push(t, who, payload).into(t, &p)
	s.work(t, ocOf(who))
	s.get(t, who, jobPath(p.JobID)).into(t, &j)
	return p, j
}

// store is settle for a push that must be stored whole.
func (s *server) store(t *testing.T, who asker, payload any) job {
	t.Helper()
	p, j := s.settle(t, who, payload)
	if p.NbObjetRefuses != 0 || j.Status != "DONE" || j.NbObjetsRefuses != 0 {
		t.Fatalf("push not stored: %+v, %+v", p, j)
	}
	return j
}

// one returns the single text that a query gives, seen by the system.
func (s *server) one(t *testing.T, sql string, args ...any) (v string) {
	t.Helper()
	if err := s.db.InTx(t.Context(), store.System, func(tx *store.Tx) error {
		return tx.QueryRow(t.Context(), sql, args...).Scan(&v)
	}); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return v
}

// version returns the id of the live version of a farm by its owner and audit.
func (s *server) version(t *testing.T, numero string, oc sillon.OC, audit string) string {
	t.Helper()
	return s.one(t, `
		SELECT coalesce(max(id::text), '') FROM parcellaire
		WHERE numero_bio = $1 AND oc = $2 AND audit_date = $3::date AND deleted_at IS NULL`, numero, oc, audit)
}

// move makes a farm the client of another certifier, the former link stopped.
func (s *server) move(t *testing.T, numero string, from, to sillon.OC) {
	t.Helper()
	storetest.Farms(t, s.db, sillon.Farm{NumeroBio: sillon.NumeroBio(numero), Production: true, Links: []sillon.Link{
		{
			Certifier: sillon.Certifier{ID: from}, NumeroClient: "C" + numero, State: sillon.LinkStopped,
			Start: sillon.Date{Year: 2020, Month: 1, Day: 1}, Stop: sillon.Date{Year: 2026, Month: 6, Day: 1},
		},
		{
			Certifier: sillon.Certifier{ID: to}, NumeroClient: "C" + numero, State: sillon.LinkEngaged,
			Start: sillon.Date{Year: 2026, Month: 6, Day: 1},
		},
	}})
}

// drop soft-deletes a version, a certified one too, which no route does.
func (s *server) drop(t *testing.T, id string) {
	t.Helper()
	storetest.Exec(t, s.address,
		`UPDATE parcellaire SET deleted_at = now() WHERE id = '`+id+`'`,
		`UPDATE parcel p SET deleted_at = v.deleted_at FROM parcellaire v
		 WHERE v.id = '`+id+`' AND p.parcellaire_id = v.id AND p.deleted_at IS NULL`,
		`SELECT publish(numero_bio) FROM parcellaire WHERE id = '`+id+`'`)
}

// An object is a JSON object of a push.
type object map[string]any

// absent is the value of a member that is left out.
var absent = new(struct{})

// with returns o with other values.
func (o object) with(changes object) object {
	out := maps.Clone(o)
	for name, v := range changes {
		if out[name] = v; v == any(absent) {
			delete(out, name)
		}
	}
	return out
}

// record is a good record of a farm, with one parcel unless given others.
func record(numero string, parcels ...object) object {
	if len(parcels) == 0 {
		parcels = []object{parcel("p1")}
	}
	return object{
		"numeroBio": numero, "numeroClient": "C" + numero, "dateAudit": "2026-03-01", "dateCertificationDebut": "2026-03-15",
		"dateCertificationFin": "2028-03-31", "parcelles": parcels,
	}
}

// parcel is a good parcel.
func parcel(id string) object {
	return object{"id": id, "etatProduction": "AB", "dateEngagement": "2020-05-01", "geom": square(2.1, 47.1), "cultures": crops("01.11.12")}
}

func crops(codes ...string) []object {
	list := make([]object, len(codes))
	for i, code := range codes {
		list[i] = object{"codeCPF": code}
	}
	return list
}

// square is the text of the coordinates of a square of 0.01° from its
// south-west corner.
func square(lon, lat float64) string { return rectangle(lon, lat, 0.01) }

func rectangle(x, y, side float64) string {
	return fmt.Sprintf("[[[%[1]v,%[2]v],[%[3]v,%[2]v],[%[3]v,%[4]v],[%[1]v,%[4]v],[%[1]v,%[2]v]]]", x, y, x+side, y+side)
}

var (
	instants = regexp.MustCompile(`"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"`)
	uuids    = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
)

// golden compares a text with testdata/name.golden, instants and UUIDs
// set aside.
func golden(t *testing.T, name, got string) {
	t.Helper()
	got = uuids.ReplaceAllString(instants.ReplaceAllString(got, `"INSTANT"`), "UUID")
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil { //nolint:gosec // a file of the sources
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

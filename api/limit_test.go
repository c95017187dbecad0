package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"sillon/api"
)

// discard is a reply that nobody reads.
type discard struct{ header http.Header }

func (d discard) Header() http.Header         { return d.header }
func (d discard) Write(b []byte) (int, error) { return len(b), nil }
func (d discard) WriteHeader(int)             {}

func request(t *testing.T, method, path, token string) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if token != "" {
		r.Header.Set("Authorization", token)
	}
	return r
}

// superuser compares the text of a query that no role of the service may ask.
func (s *server) superuser(t *testing.T, sql, want string) {
	t.Helper()
	c, err := pgx.Connect(t.Context(), s.address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.Close(t.Context()) }()
	var got string
	if err := c.QueryRow(t.Context(), sql).Scan(&got); err != nil || got != want {
		t.Errorf("%s: %s, %v; want %s", sql, got, err, want)
	}
}

// limited is a server with other options.
func (s *server) limited(t *testing.T, opts api.Options) http.Handler {
	t.Helper()
	opts.PublicURL, opts.Version, opts.Log = publicURL, apiVersion, s.logger
	return api.New(s.service, opts)
}

// send answers a request from an address, seen as it is told.
func send(t *testing.T, h http.Handler, from, token, path string, headers ...string) *reply {
	t.Helper()
	r := request(t, http.MethodGet, path, token)
	if path == pushPath {
		r = httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader("[]"))
		r.Header.Set("Authorization", token)
	}
	r.RemoteAddr = from
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return &reply{w.Code, w.Header(), w.Body.Bytes()}
}

const (
	here  = "192.0.2.1:4000"
	there = "192.0.2.2:4000"
)

// TestS20TokenLimit: a token that asked too much is told when to come back, in
// the words of each family; other tokens are served, from the same address.
func TestS20TokenLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const quota = 20
	h := s.limited(t, api.Options{Rates: api.Rates{Token: quota}})
	for i := range quota {
		r := send(t, h, here, s.tokens[ocOne], "/api/v2/test")
		left := regexp.MustCompile(`^"jeton";r=(\d+);t=\d+$`).FindStringSubmatch(r.Header.Get("RateLimit"))
		if r.Status != http.StatusOK || left == nil || left[1] != strconv.Itoa(quota-1-i) {
			t.Fatalf("request %d: %d, RateLimit %q", i, r.Status, r.Header.Get("RateLimit"))
		}
		if got := r.Header.Get("RateLimit-Policy"); !regexp.MustCompile(`^"jeton";q=20;w=60;pk=:[A-Za-z0-9+/]+=*:$`).MatchString(got) {
			t.Errorf("RateLimit-Policy: %q", got)
		}
	}
	r := send(t, h, here, s.tokens[ocOne], "/api/v2/test")
	wait, err := strconv.Atoi(r.Header.Get("Retry-After"))
	want := fmt.Sprintf(`{"statusCode":429,"code":"TOO_MANY_REQUESTS","error":"Too Many Requests","message":"Trop de requêtes, réessayez dans %d secondes."}`, wait)
	if r.Status != http.StatusTooManyRequests || err != nil || wait < 1 || wait > 3 || strings.TrimSpace(string(r.Body)) != want {
		t.Errorf("in the exchange: %d, Retry-After %q, %s; want %s", r.Status, r.Header.Get("Retry-After"), r.Body, want)
	}
	holdToContract(t, http.MethodGet, "/api/v2/test", r, true)
	r = send(t, h, there, s.tokens[ocOne], farmsPath) // wherever it asks from
	var p struct{ Type, Code, Detail string }
	r.into(t, &p)
	if r.Status != http.StatusTooManyRequests || p.Code != "TOO_MANY_REQUESTS" || !strings.HasSuffix(p.Type, "#quota-exceeded") || r.Header.Get("Retry-After") == "" {
		t.Errorf("in the resources: %d %s", r.Status, r.Body)
	}
	holdToContract(t, http.MethodGet, farmsPath, r, true)
	for _, other := range []struct {
		who  asker
		path string
	}{{ocTwo, "/api/v2/test"}, {agenceBio, farmsPath}, {nobody, "/tiles/parcelles.json"}} {
		if r := send(t, h, here, s.tokens[other.who], other.path); r.Status != http.StatusOK {
			t.Errorf("%s is troubled: %d %s", other.who, r.Status, r.Body)
		}
	}
	if got := s.trace(t, inao, "?type=refus"); len(got) == 0 || got[0].Code != "TOO_MANY_REQUESTS" {
		t.Errorf("S26: %+v", got)
	}
}

// TestS20Costs: a push costs more than a look, and a long one costs more.
func TestS20Costs(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	tests := []struct {
		name, path, body string
		left             string
	}{
		{"a look", "/api/v2/test", "", "99"},
		{"a push", pushPath, "[]", "90"},
		{"everything", listPath, "", "90"},
		{"a push of 5 MiB", pushPath, "[" + strings.Repeat(" ", 5<<20) + "]", "85"},
	}
	for _, tt := range tests {
		h := s.limited(t, api.Options{Rates: api.Rates{Token: 100}})
		method := http.MethodGet
		if tt.path == pushPath {
			method = http.MethodPost
		}
		r := httptest.NewRequestWithContext(t.Context(), method, tt.path, strings.NewReader(tt.body))
		r.Header.Set("Authorization", s.tokens[ocOne])
		h.ServeHTTP(discard{http.Header{}}, r)
		// A refused look costs one more, and tells what is left.
		after := send(t, h, here, s.tokens[ocOne], "/api/v2/test").Header.Get("RateLimit")
		left, err := strconv.Atoi(tt.left)
		if err != nil || !strings.HasPrefix(after, fmt.Sprintf(`"jeton";r=%d;`, left-1)) {
			t.Errorf("%s: then %s, want %d left", tt.name, after, left-1)
		}
	}
	if h := s.limited(t, api.Options{Rates: api.Rates{Token: 3}}); send(t, h, here, s.tokens[ocOne], pushPath).Status != http.StatusAccepted {
		t.Error("a quota below the cost of a push lets none through")
	}
}

// TestS20AddressLimit: an address has its quota, whoever asks; others are not
// troubled, nor are the probes.
func TestS20AddressLimit(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const quota = 5
	h := s.limited(t, api.Options{Rates: api.Rates{Address: quota}})
	for i := range quota {
		if r := send(t, h, here, "", "/tiles/parcelles.json"); r.Status != http.StatusOK || r.Header.Get("RateLimit") != "" {
			t.Fatalf("request %d: %d, RateLimit %q on a reply that caches keep", i, r.Status, r.Header.Get("RateLimit"))
		}
	}
	for _, path := range []string{"/tiles/parcelles.json", "/nowhere", "/api/v2/test"} {
		r := send(t, h, here, s.tokens[ocOne], path)
		if r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" || !strings.HasPrefix(r.Header.Get("RateLimit"), `"adresse";r=0;`) {
			t.Errorf("%s: %d %v", path, r.Status, r.Header)
		}
	}
	if r := send(t, h, here, "", "/healthz"); r.Status != http.StatusOK {
		t.Errorf("a probe: %d", r.Status)
	}
	if r := send(t, h, there, s.tokens[ocOne], "/api/v2/test"); r.Status != http.StatusOK {
		t.Errorf("another address is troubled: %d", r.Status)
	}
}

// TestS20WrongTokens: who tries tokens is stopped, and learns nothing more;
// another address is not troubled.
func TestS20WrongTokens(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	const quota = 5
	h := s.limited(t, api.Options{Rates: api.Rates{Failures: quota}})
	for i := range quota {
		if r := send(t, h, here, fmt.Sprintf("sillon_%040d", i), "/api/v2/test"); r.Status != http.StatusForbidden {
			t.Fatalf("try %d: %d", i, r.Status)
		}
	}
	for _, token := range []string{"sillon_" + strings.Repeat("0", 40), "nothing like one", s.tokens[ocOne]} {
		r := send(t, h, here, token, "/api/v2/test")
		if r.Status != http.StatusTooManyRequests || r.Header.Get("Retry-After") == "" {
			t.Errorf("%.12s…: %d %s", token, r.Status, r.Body)
		}
	}
	if r := send(t, h, there, s.tokens[ocOne], "/api/v2/test"); r.Status != http.StatusOK {
		t.Errorf("another address is troubled: %d", r.Status)
	}
}

// TestS20ClientAddress: X-Forwarded-For counts from trusted proxies only, and
// what a client writes in it changes nothing.
func TestS20ClientAddress(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8:ffff::/48")}
	const proxy, otherProxy = "10.0.0.1:80", "[2001:db8:ffff::1]:80"
	tests := []struct {
		name            string
		first, second   []string // connection, then X-Forwarded-For
		sameAsEachOther bool
	}{
		{"two clients of a proxy", []string{proxy, "198.51.100.1"}, []string{proxy, "198.51.100.2"}, false},
		{"a client of two proxies", []string{proxy, "198.51.100.1"}, []string{otherProxy, "198.51.100.1"}, true},
		{"through two proxies", []string{proxy, "198.51.100.1"}, []string{otherProxy, "198.51.100.1, 10.0.0.9"}, true},
		{"an invented hop", []string{proxy, "1.1.1.1, 198.51.100.1"}, []string{proxy, "2.2.2.2, 198.51.100.1"}, true},
		{"an invented header", []string{here, "1.1.1.1"}, []string{here, "2.2.2.2"}, true},
		{"several headers", []string{proxy, "1.1.1.1", "198.51.100.1"}, []string{proxy, "198.51.100.1"}, true},
		{"with a port", []string{proxy, "198.51.100.1:5555"}, []string{proxy, "198.51.100.1"}, true},
		{"rubbish", []string{proxy, "rubbish"}, []string{proxy, "unknown"}, true},
		{"two addresses of one IPv6 network", []string{"[2001:db8::1]:1"}, []string{"[2001:db8::2]:1"}, true},
		{"two IPv6 networks", []string{"[2001:db8:0:1::1]:1"}, []string{"[2001:db8:0:2::1]:1"}, false},
		{"IPv4 written as IPv6", []string{"[::ffff:192.0.2.1]:1"}, []string{here}, true},
	}
	for _, tt := range tests {
		h := s.limited(t, api.Options{Rates: api.Rates{Address: 1}, TrustedProxies: proxies})
		status := func(from []string) int {
			var headers []string
			for _, value := range from[1:] {
				headers = append(headers, "X-Forwarded-For", value)
			}
			return send(t, h, from[0], "", "/api/version", headers...).Status
		}
		if first := status(tt.first); first != http.StatusOK {
			t.Fatalf("%s: %d", tt.name, first)
		}
		if got := status(tt.second) == http.StatusTooManyRequests; got != tt.sameAsEachOther {
			t.Errorf("%s: taken for one client is %v", tt.name, got)
		}
	}
}

package api_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// A pieces is a client that notes in what pieces a body came.
type pieces struct {
	*httptest.ResponseRecorder
	largest, n, total int
}

func (p *pieces) Write(b []byte) (int, error) {
	p.largest, p.n, p.total = max(p.largest, len(b)), p.n+1, p.total+len(b)
	return len(b), nil
}

// TestP3ReadsAreStreamed: no reply that grows with what is stored is held
// whole, nor is what was sent; the largest piece is one record of a push, or
// one version where a digest of it goes ahead. BenchmarkRead of bench measures
// the memory and the time to the first byte for a million parcels.
func TestP3ReadsAreStreamed(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	parcels := make([]object, 3000)
	for i := range parcels {
		parcels[i] = bad(fmt.Sprint("p", i), object{
			"geom": rectangle(2+float64(i%100)/500, 47+float64(i/100)/500, 0.001), "nom": strings.Repeat("é", 100),
			"enAttentePac": true, "numeroIlot": 1, // a line of the log each
		})
	}
	s.store(t, ocOne, []object{record("1001", parcels...)})
	var records []object
	for i := range 40 {
		records = append(records, record("1002", parcels[:100]...).with(object{"dateAudit": fmt.Sprintf("%d-03-01", 1990+i)}))
	}
	s.store(t, ocOne, records)
	v := s.version(t, "1001", 1, audit)
	for _, tt := range []struct {
		path string
		most int
	}{
		{versionPath(v) + "/parcelles", 64 << 10},
		{listPath, 64 << 10},
		{importPath(2) + "/logs", 64 << 10},
		{importPath(2) + "/payload", 512 << 10},
		{importPath(2) + "?withPayload=true&logs=all", 128 << 10},
		{importsPath + "?withPayload=true&logs=all&limit=1", 128 << 10},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, tt.path, nil)
		r.Header.Set("Authorization", s.tokens[ocOne])
		w := &pieces{ResponseRecorder: httptest.NewRecorder()}
		s.handler.ServeHTTP(w, r)
		if w.Code != http.StatusOK || w.total < 3*tt.most || w.largest > tt.most {
			t.Errorf("%s: %d, %d bytes in %d pieces of %d bytes at most", tt.path, w.Code, w.total, w.n, w.largest)
		}
	}
}

package api_test

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A repeated is a body of so many bytes, all the same but the first ones, made
// as it is read. It counts what is read of it.
type repeated struct {
	head string
	b    byte
	left int64
	read int64
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, io.EOF
	}
	n := min(int64(len(p)), r.left)
	for i := range p[:n] {
		p[i] = r.b
	}
	r.head = r.head[copy(p[:n], r.head):]
	r.left, r.read = r.left-n, r.read+n
	return int(n), nil
}

// TestHostilePush sends what nobody means well with: each gets its documented
// error, and nothing of it is stored. They go one after the other, with nothing
// beside them: one is half a gibibyte.
func TestHostilePush(t *testing.T) {
	const unreadable, tooLarge = `"message":"Le fichier JSON est invalide."`, `"code":"PAYLOAD_TOO_LARGE","error":"Request Entity Too Large","message":"L'envoi dépasse la taille maximale de 512 Mio une fois décompressé."`
	noise := make([]byte, 1<<16)
	for i, source := 0, rand.New(rand.NewPCG(1, 2)); i < len(noise); i++ {
		noise[i] = byte(source.Uint32())
	}
	good := text(t, record("1001"))
	huge := "[[" + strings.Repeat("[2.1,47.1],", 1_000_000) + "[2.1,47.1]]]"
	tests := []struct {
		name   string
		body   func() io.Reader
		length int64 // announced; 0 is chunked
		coding string
		status int
		want   string // part of the reply
		job    string // of the push, and what is kept of its body
		most   int64  // bytes read, when it matters
	}{
		{name: "600 MB announced", body: func() io.Reader { return &repeated{b: ' ', left: 600 << 20} }, length: 600 << 20, status: 413, want: tooLarge, most: 1},
		{name: "600 MB in chunks", body: func() io.Reader { return &repeated{head: `["`, b: 'a', left: 600 << 20} }, status: 413, want: tooLarge, most: 513 << 20},
		{name: "gzip bomb", body: bomb, coding: "gzip", status: 413, want: `"code":"PAYLOAD_TOO_LARGE","error":"Request Entity Too Large","message":"L'envoi est compressé plus de 200 fois : il n'a pas été lu."`},
		{name: "broken JSON", body: textBody(`[` + good + `,{"numeroBio":"1002",]`), status: 400, want: unreadable, job: "ERROR 0"},
		{name: "binary rubbish", body: textBody(string(noise)), status: 400, want: unreadable, job: "ERROR 0"},
		{name: "binary rubbish called gzip", body: textBody(string(noise)), coding: "gzip", status: 400, want: unreadable, job: "ERROR 0"},
		{name: "10 000 arrays deep", body: textBody(strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000)), status: 400, want: `"message":"enregistrement illisible : un objet est attendu","indice":0`, job: "DONE 1"},
		{name: "10 000 objects deep in a record", body: textBody(`[{"numeroBio":"1001","numeroClient":"C1001","x":` + strings.Repeat(`{"a":`, 10_000) + "1" + strings.Repeat("}", 10_000) + `}]`), status: 400, want: `"message":"enregistrement illisible : imbrication trop profonde","indice":0`, job: "DONE 1"},
		{name: "10 000 deep and not closed", body: textBody(strings.Repeat(`{"a":[`, 10_000)), status: 400, want: unreadable, job: "ERROR 0"},
		{name: "5 million brackets", body: func() io.Reader { return &repeated{b: '[', left: 5_000_000} }, status: 400, want: unreadable, job: "ERROR 0"},
		{name: "a million positions", body: textBody(text(t, []object{record("1001", bad("p1", object{"geom": huge}))})), status: 400, want: `"code":"INVALID_GEOM","message":"champ geom incorrect : trop de sommets"`, job: "DONE 1"},
		{name: "20 001 parcels", body: textBody(text(t, []object{record("1001", parcels(20_001)...)})), status: 400, want: `"message":"enregistrement illisible : plus de 20000 parcelles"`, job: "DONE 1"},
		{name: "a text of zeros", body: textBody("[{\"numeroBio\":\"1001\",\"numeroClient\":\"\x00\"}]"), status: 400, want: unreadable, job: "ERROR 0"},
		{name: "a farm number of SQL", body: textBody(`[{"numeroBio":"1001'; DROP TABLE farm; --","numeroClient":"\u0000"}]`), status: 400, want: `"code":"UNKNOWN_NUMERO_BIO"`, job: "DONE 1"},
	}
	s := newServer(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := tt.body()
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, pushPath, body)
			r.ContentLength = -1
			if tt.length > 0 {
				r.ContentLength = tt.length
			}
			r.Header.Set("Authorization", s.tokens[ocOne])
			if tt.coding != "" {
				r.Header.Set("Content-Encoding", tt.coding)
			}
			before := s.one(t, `SELECT coalesce(max(id), 0)::text FROM import_job`)
			w := httptest.NewRecorder()
			s.handler.ServeHTTP(w, r)
			if c, ok := body.(io.Closer); ok {
				_ = c.Close()
			}
			out := &reply{Status: w.Code, Header: w.Header(), Body: w.Body.Bytes()}
			holdToContract(t, http.MethodPost, pushPath, out, true)
			if out.Status != tt.status || !strings.Contains(string(out.Body), tt.want) {
				t.Errorf("%d %.500s, want %d %s", out.Status, out.Body, tt.status, tt.want)
			}
			if counted, ok := body.(*repeated); ok && tt.most > 0 && counted.read > tt.most {
				t.Errorf("%d bytes read", counted.read)
			}
			s.work(t, 1)
			job := s.one(t, `
				SELECT coalesce(string_agg(state || ' ' || (SELECT least(count(*), 1) FROM import_payload WHERE job = import_job.id), ', '), '')
				FROM import_job WHERE id > $1::bigint`, before)
			if job != tt.job {
				t.Errorf("job %q, want %q", job, tt.job)
			}
			if got := s.one(t, `
				SELECT concat_ws(' ', (SELECT count(*) FROM parcellaire), (SELECT count(*) FROM parcel), (SELECT count(*) FROM event),
					(SELECT count(*) FROM import_record WHERE state <> 'refused'))`); got != "0 0 0 0" {
				t.Errorf("stored: %s", got)
			}
		})
	}
	if p, _ := s.settle(t, ocOne, "["+good+"]"); p.NbObjetAcceptes != 1 {
		t.Errorf("a good push afterwards: %+v", p)
	}
}

func textBody(s string) func() io.Reader { return func() io.Reader { return strings.NewReader(s) } }

// bomb is 64 MiB of spaces in 64 KiB.
func bomb() io.Reader {
	r, w := io.Pipe()
	go func() {
		z := gzip.NewWriter(w)
		_, err := io.Copy(z, &repeated{b: ' ', left: 64 << 20})
		if err == nil {
			err = z.Close()
		}
		_ = w.CloseWithError(err)
	}()
	return r
}

func parcels(n int) []object {
	list := make([]object, n)
	for i := range list {
		list[i] = object{"id": i}
	}
	return list
}

// A wrong token ends a push before its body is read (S1).
func TestHostileToken(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, token := range []string{"", "sillon_" + strings.Repeat("a", 40), strings.Repeat("x", 100_000), "Bearer " + s.tokens[agenceBio]} {
		body := &repeated{b: ' ', left: 600 << 20}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, pushPath, body)
		r.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		s.handler.ServeHTTP(w, r)
		if body.read > 0 || w.Code != http.StatusUnauthorized && w.Code != http.StatusForbidden {
			t.Errorf("%.40q: %d after %d bytes", token, w.Code, body.read)
		}
	}
	if n := s.one(t, `SELECT count(*)::text FROM import_job`); n != "0" {
		t.Errorf("%s jobs", n)
	}
}

// TestRefusedBeforeTheBody: whoever announces more than is taken, or may not
// send it at all, is told so without having to send it first.
func TestRefusedBeforeTheBody(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for token, want := range map[string]string{s.tokens[ocOne]: "413", "sillon_" + strings.Repeat("a", 40): "403", "": "401"} {
		var d net.Dialer
		conn, err := d.DialContext(t.Context(), "tcp", s.http.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
		if _, err := fmt.Fprintf(conn, "POST %s HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n[", pushPath, token, 600<<20); err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if !strings.Contains(line, " "+want+" ") {
			t.Errorf("%.20q: %q, %v, want %s", token, line, err, want)
		}
	}
}

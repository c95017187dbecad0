package exchange_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/gzip"

	"sillon/importers/exchange"
	"sillon/sillon"
)

const bom = "\xef\xbb\xbf"

// scanned is what Scan made of a body: a line an element, then the failure.
func scanned(t *testing.T, body io.Reader, opts exchange.Options) (lines []string, spool string) {
	t.Helper()
	var out bytes.Buffer
	n := 0
	for sp, err := range exchange.Scan(body, &out, opts) {
		if err != nil {
			lines = append(lines, err.Error())
			continue
		}
		if sp.Index != n {
			t.Errorf("element %d has rank %d", n, sp.Index)
		}
		n++
		if sp.Fault != nil {
			if sp.Fault.Index == nil || *sp.Fault.Index != sp.Index {
				t.Errorf("fault of element %d has rank %v", sp.Index, sp.Fault.Index)
			}
			lines = append(lines, sp.Fault.Code+" "+sp.Fault.Message)
			continue
		}
		record := out.Bytes()[sp.Offset : sp.Offset+sp.Length]
		if !json.Valid(record) || record[0] != '{' {
			t.Errorf("element %d is %q", sp.Index, record)
		}
		lines = append(lines, sp.NumeroBio+"/"+sp.NumeroClient)
	}
	return lines, out.String()
}

func TestScan(t *testing.T) {
	t.Parallel()
	const (
		a        = `{"numeroBio":"1","numeroClient":"c1","parcelles":[]}`
		b        = `{"numeroBio":2,"numeroClient":7}`
		noBio    = "MISSING_NUMERO_BIO champ numeroBio manquant"
		noClient = "MISSING_NUMERO_CLIENT champ numeroClient manquant"
		illegal  = "INVALID_RECORD enregistrement illisible : "
	)
	at := func(n int) string { return (&exchange.SyntaxError{Position: int64(n)}).Error() }
	deep := func(n int) string {
		return `[{"numeroBio":"1","numeroClient":"1","x":` + strings.Repeat("[", n) + strings.Repeat("]", n) + `},` + a + `]`
	}
	ndjson := exchange.Options{NDJSON: true}
	tests := []struct {
		name string
		body string
		opts exchange.Options
		want []string
	}{
		{name: "empty body"},
		{name: "white space", body: " \r\n\t"},
		{name: "byte order mark alone", body: bom},
		{name: "empty list", body: "[ ]"},
		{name: "a null body", body: "null"},
		{name: "one record", body: "[" + a + "]", want: []string{"1/c1"}},
		{name: "byte order mark", body: bom + "[" + a + "]", want: []string{"1/c1"}},
		{name: "null elements are not counted", body: "[null," + a + ",null ," + b + ",null]", want: []string{"1/c1", "2/7"}},
		{name: "an object is a record", body: " " + a + "\n", want: []string{"1/c1"}},
		{
			name: "an object that is no record", body: `{"data":[` + a + `]}`,
			want: []string{illegal + "aucun champ d'enregistrement reconnu"},
		},
		{name: "an empty object in a list", body: "[{}]", want: []string{noBio}},
		{name: "concatenated lists", body: "[" + a + "][" + b + "]\n[]", want: []string{"1/c1", "2/7"}},
		{name: "one value after the other", body: a + "\n" + b + a, want: []string{"1/c1", "2/7", "1/c1"}},
		{name: "lists and objects", body: "[" + a + "]" + b, want: []string{"1/c1", "2/7"}},
		{
			name: "malformed records fail alone", body: `[42,` + a + `,"x",[],[{"numeroBio":"9"}],true,-1.5e3]`,
			want: []string{
				illegal + "un objet est attendu", "1/c1", illegal + "un objet est attendu", illegal + "un objet est attendu",
				illegal + "un objet est attendu", illegal + "un objet est attendu", illegal + "un objet est attendu",
			},
		},
		{name: "a lone text", body: `"x"`, want: []string{illegal + "un objet est attendu"}},

		{
			name: "numbers for ids", body: `[{"numeroBio":45742,"numeroClient":45742.0},{"numeroBio":4.5742e4,"numeroClient":1e3}]`,
			want: []string{"45742/45742", "45742/1000"},
		},
		{
			name: "integers above 2^53", body: `[{"numeroBio":9007199254740993,"numeroClient":12345678901234567890123}]`,
			want: []string{"9007199254740993/12345678901234567890123"},
		},
		{name: "ids are trimmed", body: `[{"numeroBio":" 1\t","numeroClient":"\u00a0c 1 "}]`, want: []string{"1/c 1"}},
		{name: "a text of digits stays as written", body: `[{"numeroBio":"007","numeroClient":"1.0"}]`, want: []string{"007/1.0"}},
		{
			name: "the last of two members wins", body: `[{"numeroBio":1,"numeroBio":"2","numeroClient":"c","numeroClient":3}]`,
			want: []string{"2/3"},
		},
		{
			name: "the last of two members wins, even null", body: `[{"numeroBio":1,"numeroBio":null,"numeroClient":"c"}]`,
			want: []string{noBio},
		},
		{
			name: "escapes in names and values", body: `[{"num\u0065roBio":"\u0031","numeroClient":"\"\\\u00e9"}]`,
			want: []string{`1/"\é`},
		},
		{name: "invalid UTF-8 is replaced", body: "[{\"numeroBio\":\"1\",\"numeroClient\":\"a\xffb\"}]", want: []string{"1/a\ufffdb"}},
		{
			name: "half a surrogate pair is replaced", body: `[{"numeroBio":"1","numeroClient":"\ud83d \ud83d\ude00"}]`,
			want: []string{"1/\ufffd 😀"},
		},
		{name: "NUL is replaced", body: `[{"numeroBio":"1","numeroClient":"a\u0000b"}]`, want: []string{"1/a\ufffdb"}},
		{name: "no numeroBio", body: `[{"numeroClient":"c"}]`, want: []string{noBio}},
		{name: "null numeroBio", body: `[{"numeroBio":null,"numeroClient":"c"}]`, want: []string{noBio}},
		{name: "blank numeroBio", body: `[{"numeroBio":"  ","numeroClient":"c"}]`, want: []string{noBio}},
		{
			name: "numeroBio that is no scalar", body: `[{"numeroBio":{"numeroBio":"1"},"numeroClient":"c"},{"numeroBio":true}]`,
			want: []string{noBio, noBio},
		},
		{name: "no numeroClient", body: `[{"numeroBio":"1"}]`, want: []string{noClient}},
		{name: "blank numeroClient", body: `[{"numeroBio":"1","numeroClient":""}]`, want: []string{noClient}},
		{
			name: "members of parcels are not those of the record", body: `[{"parcelles":[{"numeroBio":"1","numeroClient":"c"}]}]`,
			want: []string{noBio},
		},
		{
			name: "endless numeroBio", body: `[{"numeroBio":"` + strings.Repeat("1", 300) + `","numeroClient":"c"}]`,
			want: []string{illegal + "champ numeroBio trop long"},
		},
		{
			name: "endless numeroClient", body: `[{"numeroBio":"1","numeroClient":"` + strings.Repeat("1", 300) + `"}]`,
			want: []string{illegal + "champ numeroClient trop long"},
		},

		{name: "garbage", body: "numeroBio;numeroClient", want: []string{at(2)}},
		{name: "NaN", body: `[{"numeroBio":NaN}]`, want: []string{at(14)}},
		{name: "trailing text", body: "[" + a + "] x", want: []string{"1/c1", at(len(a) + 3)}},
		{name: "trailing number", body: "[] 42", want: []string{at(3)}},
		{name: "trailing comma", body: "[" + a + ",]", want: []string{"1/c1", at(len(a) + 2)}},
		{name: "comma between values", body: a + "," + b, want: []string{"1/c1", at(len(a))}},
		{name: "truncated list", body: "[" + a, want: []string{"1/c1", at(len(a) + 1)}},
		{name: "truncated text", body: `[{"numeroBio":"1`, want: []string{at(16)}},
		{name: "truncated literal", body: `nul`, want: []string{at(3)}},
		{name: "position counts the byte order mark", body: bom + "]", want: []string{at(3)}},
		{name: "half a byte order mark", body: "\xef\xbb", want: []string{at(0)}},
		{name: "closing the wrong way", body: `[{"a":[}]]`, want: []string{at(7)}},
		{name: "control character in a text", body: "[{\"a\":\"x\ny\"}]", want: []string{at(8)}},
		{name: "bad escape", body: `["\x41"]`, want: []string{at(3)}},
		{name: "bad unicode escape", body: `["\u12g4"]`, want: []string{at(6)}},
		{name: "leading zero", body: `[01]`, want: []string{"INVALID_RECORD enregistrement illisible : un objet est attendu", at(2)}},
		{name: "no digit after the point", body: `[1.]`, want: []string{at(3)}},
		{name: "plus", body: `[+1]`, want: []string{at(1)}},
		{name: "member without colon", body: `[{"a" 1}]`, want: []string{at(6)}},
		{name: "member without quotes", body: `[{a:1}]`, want: []string{at(2)}},

		{name: "nested to the limit", body: deep(31), want: []string{"1/1", "1/c1"}},
		{name: "nested beyond", body: deep(32), want: []string{illegal + "imbrication trop profonde", "1/c1"}},
		{name: "nested a hundred thousand deep", body: deep(100_000), want: []string{illegal + "imbrication trop profonde", "1/c1"}},
		{name: "nested without end", body: strings.Repeat("[", 1_000_001), want: []string{at(1_000_000)}},
		{
			name: "a record too large fails alone", body: "[" + a + "," + b + "]",
			opts: exchange.Options{Limits: exchange.Limits{Record: 40}}, want: []string{illegal + "trop volumineux", "2/7"},
		},
		{
			name: "too many records", body: "[" + a + "," + a + ",null," + a + "]",
			opts: exchange.Options{Limits: exchange.Limits{Records: 2}},
			want: []string{"1/c1", "1/c1", sillon.ErrTooLarge.Saying(sillon.TooManyRecords(2)).Error()},
		},
		{
			name: "too large a body", body: "[" + a + "]",
			opts: exchange.Options{Limits: exchange.Limits{Body: 20}}, want: []string{sillon.ErrTooLarge.Error()},
		},

		{name: "lines", body: a + "\n" + b + "\r\n\n  \nnull\n" + a, opts: ndjson, want: []string{"1/c1", "2/7", "1/c1"}},
		{name: "lines after a byte order mark", body: bom + a + "\n", opts: ndjson, want: []string{"1/c1"}},
		{
			name: "a bad line fails alone", body: a + "\n{\"numeroBio\":\n" + b + "\n", opts: ndjson,
			want: []string{"1/c1", illegal + fmt.Sprintf("JSON illisible (position %d)", len(a)+14), "2/7"},
		},
		{
			name: "a truncated last line fails alone", body: a + "\n{", opts: ndjson,
			want: []string{"1/c1", illegal + fmt.Sprintf("JSON illisible (position %d)", len(a)+2)},
		},
		{
			name: "two records on a line", body: a + " " + b + "\n" + b, opts: ndjson,
			want: []string{illegal + fmt.Sprintf("JSON illisible (position %d)", len(a)+1), "2/7"},
		},
		{name: "a list on a line", body: "[" + a + "]\n" + a, opts: ndjson, want: []string{illegal + "un objet est attendu", "1/c1"}},
		{name: "a number on a line", body: "12\n" + a, opts: ndjson, want: []string{illegal + "un objet est attendu", "1/c1"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, spool := scanned(t, strings.NewReader(tt.body), tt.opts)
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("elements (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(tt.body, spool) || len(got) == 0 && spool != tt.body {
				t.Errorf("spool holds %q", spool)
			}
			// The cut of the body into chunks must not matter.
			if len(tt.body) < 10_000 {
				slow, _ := scanned(t, iotest.OneByteReader(strings.NewReader(tt.body)), tt.opts)
				if diff := cmp.Diff(tt.want, slow); diff != "" {
					t.Errorf("byte by byte (-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestScanFailures(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	t.Run("of the body", func(t *testing.T) {
		t.Parallel()
		body := io.MultiReader(strings.NewReader(`[{"numeroBio":"1","numeroClient":"1"},`), iotest.ErrReader(broken))
		if got := failureOf(exchange.Scan(body, io.Discard, exchange.Options{})); !errors.Is(got, broken) {
			t.Errorf("failure = %v, want %v", got, broken)
		}
	})
	t.Run("of the spool", func(t *testing.T) {
		t.Parallel()
		spool, w := io.Pipe()
		_ = spool.CloseWithError(broken)
		if got := failureOf(exchange.Scan(strings.NewReader("[]"), w, exchange.Options{})); !errors.Is(got, broken) {
			t.Errorf("failure = %v, want %v", got, broken)
		}
	})
	t.Run("unreadable JSON is the declared failure", func(t *testing.T) {
		t.Parallel()
		got := failureOf(exchange.Scan(strings.NewReader("{"), io.Discard, exchange.Options{}))
		if !errors.Is(got, sillon.ErrUnreadableJSON) {
			t.Errorf("failure = %v", got)
		}
	})
	t.Run("a caller may stop", func(t *testing.T) {
		t.Parallel()
		body := `[{"numeroBio":"1","numeroClient":"1"},{"numeroBio":"2","numeroClient":"1"},]`
		for sp, err := range exchange.Scan(strings.NewReader(body), io.Discard, exchange.Options{}) {
			if err != nil || sp.NumeroBio != "1" {
				t.Errorf("went on to %q, %v", sp.NumeroBio, err)
			}
			break
		}
	})
}

func failureOf(seq func(func(exchange.Span, error) bool)) (failure error) {
	for _, err := range seq {
		failure = err
	}
	return failure
}

func TestInflate(t *testing.T) {
	t.Parallel()
	const text = `[{"numeroBio":"1","numeroClient":"1"}]`
	zip := func(s string) string {
		var b bytes.Buffer
		w := gzip.NewWriter(&b)
		_, _ = io.WriteString(w, s)
		_ = w.Close()
		return b.String()
	}
	noise := make([]byte, 3<<20)
	for i := range noise {
		noise[i] = byte(rand.Uint32())
	}
	tests := []struct {
		name   string
		body   string
		limits exchange.Limits
		want   string
		err    error
	}{
		{name: "a body", body: zip(text), want: text},
		{name: "several members", body: zip(text) + zip(text), want: text + text},
		{name: "an empty body", body: "", want: ""},
		{name: "nothing, compressed", body: zip(""), want: ""},
		{name: "no gzip", body: text, err: sillon.ErrUnreadableJSON},
		{name: "truncated", body: zip(text)[:30], err: sillon.ErrUnreadableJSON},
		{name: "truncated head", body: zip(text)[:5], err: sillon.ErrUnreadableJSON},
		{name: "bad checksum", body: zip(text)[:len(zip(text))-8] + "........", err: sillon.ErrUnreadableJSON},
		{name: "text after", body: zip(text) + "x", err: sillon.ErrUnreadableJSON},
		{name: "a bomb", body: zip(strings.Repeat(" ", 4<<20)), err: sillon.ErrTooLarge},
		{name: "a small repetitive body", body: zip(strings.Repeat(" ", 1<<19)), want: strings.Repeat(" ", 1<<19)},
		{name: "a large honest body", body: zip(string(noise)), want: string(noise)},
		{name: "over the size", body: zip(text), limits: exchange.Limits{Body: 10}, err: sillon.ErrTooLarge},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := io.ReadAll(exchange.Inflate(strings.NewReader(tt.body), tt.limits))
			if !errors.Is(err, tt.err) {
				t.Fatalf("err = %v, want %v", err, tt.err)
			}
			if tt.err == nil && string(got) != tt.want {
				t.Errorf("got %d bytes, want %d", len(got), len(tt.want))
			}
		})
	}
	t.Run("a failure of the network is none of the sender", func(t *testing.T) {
		t.Parallel()
		broken := errors.New("broken")
		body := io.MultiReader(strings.NewReader(zip(text)[:20]), iotest.ErrReader(broken))
		if _, err := io.ReadAll(exchange.Inflate(body, exchange.Limits{})); !errors.Is(err, broken) {
			t.Errorf("err = %v, want %v", err, broken)
		}
	})
}

// TestScanAgainstStandardLibrary scans random documents, whole and damaged,
// and compares with encoding/json.
func TestScanAgainstStandardLibrary(t *testing.T) {
	t.Parallel()
	const damage = `{}[]",:\0-e.nu `
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		doc := randomJSON(r, 5)
		if r.IntN(3) > 0 {
			at := r.IntN(len(doc))
			switch r.IntN(3) {
			case 0:
				doc = doc[:at]
			case 1:
				doc = doc[:at] + string(damage[r.IntN(len(damage))]) + doc[at:]
			default:
				doc = doc[:at] + doc[at+1:]
			}
		}
		agree(t, []byte(doc))
	}
}

// agree fails t when Scan and encoding/json differ on a single value.
func agree(t *testing.T, doc []byte) {
	t.Helper()
	var spool bytes.Buffer
	failed := false
	var spans []exchange.Span
	for sp, err := range exchange.Scan(bytes.NewReader(doc), &spool, exchange.Options{NDJSON: false}) {
		if err != nil {
			failed = true
			continue
		}
		spans = append(spans, sp)
	}
	valid := json.Valid(doc)
	if failed && valid {
		t.Fatalf("Scan refuses %q", doc)
	}
	if !failed && !valid && !isSequence(doc) {
		t.Fatalf("Scan accepts %q", doc)
	}
	if failed || !valid {
		return
	}
	var elements []json.RawMessage
	if json.Unmarshal(doc, &elements) != nil {
		elements = []json.RawMessage{doc}
	}
	n := 0
	for _, e := range elements {
		e = bytes.TrimSpace(e)
		if string(e) == "null" {
			continue
		}
		if n == len(spans) {
			t.Fatalf("Scan misses element %d of %q", n, doc)
		}
		got := spool.Bytes()[spans[n].Offset : spans[n].Offset+spans[n].Length]
		if !bytes.Equal(e, got) {
			t.Fatalf("element %d of %q is %q, want %q", n, doc, got, e)
		}
		n++
	}
	if n != len(spans) {
		t.Fatalf("Scan finds %d elements in %q, want %d", len(spans), doc, n)
	}
}

// isSequence reports whether doc is several JSON values, which a push may be,
// or none, or begins with a byte order mark.
func isSequence(doc []byte) bool {
	d := json.NewDecoder(bytes.NewReader(bytes.TrimPrefix(doc, []byte(bom))))
	for {
		var v json.RawMessage
		if err := d.Decode(&v); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

// randomJSON makes a document nested at most depth levels.
func randomJSON(r *rand.Rand, depth int) string {
	space := func() string { return []string{"", "", "", " ", "\n", "\t\r"}[r.IntN(6)] }
	if depth == 0 {
		depth = 1
	}
	switch n := r.IntN(10); {
	case n < 3 && depth > 1:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			parts[i] = space() + randomJSON(r, depth-1) + space()
		}
		return "[" + strings.Join(parts, ",") + space() + "]"
	case n < 6 && depth > 1:
		parts := make([]string, r.IntN(4))
		for i := range parts {
			key := []string{`"numeroBio"`, `"numeroClient"`, `"x"`, `""`, `"\u0041\n"`}[r.IntN(5)]
			parts[i] = space() + key + space() + ":" + space() + randomJSON(r, depth-1) + space()
		}
		return "{" + strings.Join(parts, ",") + space() + "}"
	}
	return []string{
		"null", "true", "false", "0", "-0", "12", "-3.25", "1e9", "2E-7", "0.5e+3", `""`, `"é"`,
		`"a longer text, without anything special in it"`, `"\"\\\/\b\f\n\r\t\u00e9"`, `"]}{["`,
	}[r.IntN(15)]
}

func FuzzScan(f *testing.F) {
	for _, s := range []string{
		`[{"numeroBio":"1","numeroClient":2,"parcelles":[]}]`, `{"numeroBio":1.0e3}`, `[null,"\ud83d\ude00"]`, "[1]\n{}", bom + "[]",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		if bytes.Count(doc, []byte("["))+bytes.Count(doc, []byte("{")) > 9_000 {
			return // encoding/json stops at 10 000 levels
		}
		agree(t, doc)
		for _, ndjson := range []bool{false, true} {
			whole, spool := scanned(t, bytes.NewReader(doc), exchange.Options{NDJSON: ndjson})
			parts, _ := scanned(t, iotest.HalfReader(bytes.NewReader(doc)), exchange.Options{NDJSON: ndjson})
			if diff := cmp.Diff(whole, parts); diff != "" {
				t.Fatalf("chunks matter (-whole +parts):\n%s", diff)
			}
			if ndjson && spool != string(doc) {
				t.Fatalf("spool holds %q", spool)
			}
		}
	})
}

package stream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"sillon/importers/internal/stream"
)

func TestLimit(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	for size, want := range map[int]error{0: nil, 9: nil, 10: nil, 11: full, 5000: full} {
		_, err := io.ReadAll(stream.Limit(strings.NewReader(strings.Repeat("x", size)), 10, full))
		if !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
}

// walk reads the elements of an array, or the members of an object.
func walk(r io.Reader) (got []string, err error) {
	j := stream.NewJSON(r)
	element := func() error {
		v, err := j.Value(40)
		got = append(got, string(v))
		return err
	}
	c, err := j.Peek()
	if err != nil {
		return nil, err
	}
	if c == '[' {
		return got, j.Elements(element)
	}
	return got, j.Members(func(key string) error {
		got = append(got, key)
		if key == "skip" {
			return j.Skip()
		}
		return element()
	})
}

func TestJSON(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 17) + strings.Repeat("]", 17)
	tests := []struct {
		name, text string
		want       []string
		err        error
	}{
		{"empty array", " [ ] ", nil, nil},
		{"empty object", "{}", nil, nil},
		{"scalars", `[1, -2.5e3 ,true,null,"a,]\"b"]`, []string{"1", "-2.5e3", "true", "null", `"a,]\"b"`}, nil},
		{"nested", `[{"a":[1,{"b":"}"}]},[[]]]`, []string{`{"a":[1,{"b":"}"}]}`, "[[]]"}, nil},
		{"members", `{"a" : 1, "é\"":{"x":2}}`, []string{"a", "1", `é"`, `{"x":2}`}, nil},
		{"a skipped member may be large", `{"skip":"` + strings.Repeat("x", 200_000) + `","b":2}`, []string{"skip", "b", "2"}, nil},
		{"a kept one may not", `{"b":"` + strings.Repeat("x", 41) + `"}`, nil, stream.ErrTooLarge},
		{"too deep", "[" + deep + "]", nil, stream.ErrTooDeep},
		{"too deep and skipped", `{"skip":` + deep + "}", nil, stream.ErrTooDeep},
		{"ends in an array", "[1,2", nil, io.ErrUnexpectedEOF},
		{"ends in a string", `["ab`, nil, io.ErrUnexpectedEOF},
		{"ends after a key", `{"ab"`, nil, io.ErrUnexpectedEOF},
		{"no comma", `["a" "b"]`, nil, stream.ErrSyntax},
		{"no colon", `{"a" 1}`, nil, stream.ErrSyntax},
		{"comma before the end", `[1,]`, nil, stream.ErrSyntax},
		{"key that is no string", `{1:2}`, nil, stream.ErrSyntax},
		{"crossed brackets", `[{"a":[1}]]`, nil, stream.ErrSyntax},
		{"quote inside a number", `[12"3"]`, nil, stream.ErrSyntax},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			for _, r := range []io.Reader{strings.NewReader(tt.text), iotest.OneByteReader(strings.NewReader(tt.text))} {
				got, err := walk(r)
				if !errors.Is(err, tt.err) {
					t.Fatalf("error %v, want %v", err, tt.err)
				}
				if diff := cmp.Diff(tt.want, got); err == nil && diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			}
		})
	}
}

func TestJSONTellsWhere(t *testing.T) {
	t.Parallel()
	_, err := walk(strings.NewReader(`[1, 2 3]`))
	if at, ok := errors.AsType[*stream.JSONError](err); !ok || at.Offset != 6 {
		t.Errorf("error %v, want one at byte 6", err)
	}
}

func TestJSONGivesBackErrorsOfTheReader(t *testing.T) {
	t.Parallel()
	_, err := walk(iotest.TimeoutReader(iotest.OneByteReader(strings.NewReader("[1,2]"))))
	if !errors.Is(err, iotest.ErrTimeout) {
		t.Errorf("error %v, want the reader's", err)
	}
}

// FuzzJSON holds that what is valid is read whole.
func FuzzJSON(f *testing.F) {
	for _, s := range []string{`[1,"a",{"b":[]}]`, `{"a":{"b":1},"c":"\\\""}`, `[[[[`, `{"a":1,}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := walk(bytes.NewReader(b))
		var want []json.RawMessage
		if json.Unmarshal(b, &want) != nil || want == nil || errors.Is(err, stream.ErrTooDeep) || errors.Is(err, stream.ErrTooLarge) {
			return
		}
		if err != nil || len(got) != len(want) {
			t.Fatalf("%d elements, %v; want %d", len(got), err, len(want))
		}
		for i := range want {
			if strings.TrimSpace(string(want[i])) != got[i] {
				t.Errorf("element %d: %q, want %q", i, got[i], want[i])
			}
		}
	})
}

func BenchmarkJSON(b *testing.B) {
	text := []byte("[" + strings.Repeat(`{"a":[[1.25,45.125],[2.5,46]]},`, 20_000) + "0]")
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		j := stream.NewJSON(bytes.NewReader(text))
		if err := j.Elements(func() error {
			_, err := j.Value(100)
			return err
		}); err != nil {
			b.Fatal(err)
		}
	}
}

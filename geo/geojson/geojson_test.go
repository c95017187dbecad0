package geojson_test

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"strconv"
	"testing"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
	"github.com/paulmach/orb/encoding/wkb"
	orbjson "github.com/paulmach/orb/geojson"

	"sillon/geo/geojson"
	"sillon/geo/geotest"
)

func TestAppendGeometry(t *testing.T) {
	t.Parallel()
	square := orb.Polygon{{{0, 0}, {1, 0}, {1, 1}, {0, 0}}}
	tests := []struct {
		name     string
		geometry orb.Geometry
		decimals int
		want     string
	}{
		{"nothing", nil, 9, `null`},
		{"a point is no parcel", orb.Point{1, 2}, 9, `null`},
		{"polygon", square, 9, `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]]]}`},
		{"polygon without ring", orb.Polygon{}, 9, `{"type":"Polygon","coordinates":[]}`},
		{"hole", orb.Polygon{square[0], square[0]}, 9, `{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,1],[0,0]],[[0,0],[1,0],[1,1],[0,0]]]}`},
		{"two parts", orb.MultiPolygon{square, square}, 9, `{"type":"MultiPolygon","coordinates":[[[[0,0],[1,0],[1,1],[0,0]]],[[[0,0],[1,0],[1,1],[0,0]]]]}`},
		{"nine decimals", orb.Polygon{{{-4.123456789, 48.1000000004}}}, 9, `{"type":"Polygon","coordinates":[[[-4.123456789,48.1]]]}`},
		{"rounded up", orb.Polygon{{{1.9999996, -0.00000051}}}, 6, `{"type":"Polygon","coordinates":[[[2,-0.000001]]]}`},
		{"small numbers have no exponent", orb.Polygon{{{0.000000001, -0.000000001}}}, 9, `{"type":"Polygon","coordinates":[[[0.000000001,-0.000000001]]]}`},
		{"no negative zero", orb.Polygon{{{math.Copysign(0, -1), -0.0000001}}}, 6, `{"type":"Polygon","coordinates":[[[0,0]]]}`},
		{"no decimals", orb.Polygon{{{652469.4, 6862035.6}}}, 0, `{"type":"Polygon","coordinates":[[[652469,6862036]]]}`},
		{"trailing zeros of the whole part stay", orb.Polygon{{{100, 20.50}}}, 9, `{"type":"Polygon","coordinates":[[[100,20.5]]]}`},
		{"too large for the scale", orb.Polygon{{{1e22, 0}}}, 9, `{"type":"Polygon","coordinates":[[[10000000000000000000000,0]]]}`},
		{"not finite", orb.Polygon{{{math.NaN(), math.Inf(1)}}}, 9, `{"type":"Polygon","coordinates":[[[null,null]]]}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := string(geojson.AppendGeometry([]byte("x"), tt.geometry, tt.decimals)); got != "x"+tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
		})
	}
}

func TestShortestDecimals(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 1))
	for range 100_000 {
		x := math.Round((r.Float64()*360-180)*1e9) / 1e9
		digits := strconv.FormatFloat(x, 'f', -1, 64)
		want := `{"type":"Polygon","coordinates":[[[` + digits + `,` + digits + `]]]}`
		if got := string(geojson.AppendGeometry(nil, orb.Polygon{{{x, x}}}, 9)); got != want {
			t.Fatalf("got %s, want %s", got, want)
		}
	}
}

// Both ways to write a geometry give the same text, and orb reads it back.
func TestEWKBAndGeometryAgree(t *testing.T) {
	t.Parallel()
	for p := range geotest.Rings(1, 2000) {
		for _, g := range []orb.Geometry{p, orb.MultiPolygon{p, p}} {
			want := string(geojson.AppendGeometry(nil, g, 9))
			for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
				for _, srid := range []int{0, 4326} {
					b, err := ewkb.Marshal(g, srid, order)
					if err != nil {
						t.Fatal(err)
					}
					got, err := geojson.AppendEWKB(nil, b, 9)
					if err != nil {
						t.Fatal(err)
					}
					if string(got) != want {
						t.Fatalf("from EWKB %s\nfrom orb  %s", got, want)
					}
				}
			}
			back, err := orbjson.UnmarshalGeometry([]byte(want))
			if err != nil {
				t.Fatal(err)
			}
			if !orb.Equal(back.Geometry(), g) {
				t.Fatalf("%s is not %v", want, g)
			}
		}
	}
}

func TestAppendEWKB(t *testing.T) {
	t.Parallel()
	point := func(n ...float64) (s string) {
		for _, x := range n {
			s += hex.EncodeToString(binary.LittleEndian.AppendUint64(nil, math.Float64bits(x)))
		}
		return s
	}
	const want = `{"type":"Polygon","coordinates":[[[2,46.5]]]}`
	tests := []struct {
		name, hex, want string // want is empty for a failure
	}{
		{"NULL", "", `null`},
		{"flat", "0103000000" + "01000000" + "01000000" + point(2, 46.5), want},
		{"SRID", "0103000020" + "e6100000" + "01000000" + "01000000" + point(2, 46.5), want},
		{"Z", "0103000080" + "01000000" + "01000000" + point(2, 46.5, 9), want},
		{"M", "0103000040" + "01000000" + "01000000" + point(2, 46.5, 9), want},
		{"Z, M, SRID", "01030000e0" + "e6100000" + "01000000" + "01000000" + point(2, 46.5, 9, 9), want},
		{"ISO Z", "01eb030000" + "01000000" + "01000000" + point(2, 46.5, 9), want},
		{"ISO M", "01d3070000" + "01000000" + "01000000" + point(2, 46.5, 9), want},
		{"ISO Z and M", "01bb0b0000" + "01000000" + "01000000" + point(2, 46.5, 9, 9), want},
		{"empty", "0103000000" + "00000000", `{"type":"Polygon","coordinates":[]}`},
		{"point", "0101000000" + point(2, 46.5), ""},
		{"collection", "0107000000" + "00000000", ""},
		{"part that is a point", "0106000000" + "01000000" + "0101000000" + point(2, 46.5), ""},
		{"byte order", "0203000000" + "00000000", ""},
		{"truncated header", "010300", ""},
		{"truncated SRID", "0103000020" + "e610", ""},
		{"truncated position", "0103000000" + "01000000" + "01000000" + point(2), ""},
		{"more positions than bytes", "0103000000" + "01000000" + "ffffffff" + point(2, 46.5), ""},
		{"more rings than bytes", "0103000000" + "ffffffff" + "01000000" + point(2, 46.5), ""},
		{"more parts than bytes", "0106000000" + "ffffffff" + "0103000000", ""},
		{"trailing bytes", "0103000000" + "00000000" + "00", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b, err := hex.DecodeString(tt.hex)
			if err != nil {
				t.Fatal(err)
			}
			got, err := geojson.AppendEWKB([]byte("x"), b, 9)
			if string(got) != "x"+tt.want {
				t.Errorf("got  %s\nwant %s", got, tt.want)
			}
			if errors.Is(err, geojson.ErrEWKB) != (tt.want == "") {
				t.Errorf("error %v", err)
			}
		})
	}
}

func FuzzAppendEWKB(f *testing.F) {
	for p := range geotest.Rings(2, 20) {
		f.Add(wkb.MustMarshal(p, binary.BigEndian))
		f.Add(ewkb.MustMarshal(orb.MultiPolygon{p}, 4326))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, err := geojson.AppendEWKB(nil, b, 9)
		if err == nil && !json.Valid(got) {
			t.Errorf("%x gives %s", b, got)
		}
	})
}

func parcel() orb.Polygon {
	r := make(orb.Ring, 11)
	for i := range r {
		sin, cos := math.Sincos(float64(i%10) * math.Pi / 5)
		r[i] = orb.Point{math.Round((2.3522+0.001*cos)*1e9) / 1e9, math.Round((46.8566+0.001*sin)*1e9) / 1e9}
	}
	return orb.Polygon{r}
}

func BenchmarkAppendGeometry(b *testing.B) {
	var g orb.Geometry = parcel()
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf = geojson.AppendGeometry(buf[:0], g, 9)
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkAppendEWKB(b *testing.B) {
	in := ewkb.MustMarshal(parcel(), 4326)
	buf := make([]byte, 0, 1024)
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = geojson.AppendEWKB(buf[:0], in, 9)
	}
	b.SetBytes(int64(len(buf)))
}

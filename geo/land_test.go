package geo_test

import (
	"compress/gzip"
	"encoding/json"
	"errors"
	"io/fs"
	"math"
	"os"
	"testing"
	"time"

	"github.com/paulmach/orb"
	"github.com/paulmach/orb/planar"

	"sillon/geo"
)

func TestLand(t *testing.T) {
	t.Parallel()
	land := geo.NewLand()
	land.Add(orb.MultiPolygon{
		{square(2.5, 46.5, 40_000)[0], square(2.5, 46.5, 20_000)[0]},
		square(55.5, -21.1, 5),
	})
	land.Add(square(-63.05, 18.07, 2_000))
	land.Add(square(-71, 46.8, 10_000)) // has no raster
	b, err := land.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	var read geo.Land
	if err := read.UnmarshalBinary(b); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		land     *geo.Land
		geometry orb.Geometry
		want     bool
	}{
		{"inside", land, square(2.5, 46.65, 1_000), true},
		{"inside, read back", &read, square(2.5, 46.65, 1_000), true},
		{"in the hole", land, square(2.5, 46.5, 1_000), false},
		{"far away", land, square(3.5, 46.5, 1_000), false},
		{"far away, read back", &read, square(3.5, 46.5, 1_000), false},
		{"just outside", land, square(2.5, 46.6875, 100), true},
		{"half in the sea", land, square(2.5, 46.68, 10_000), false},
		{"in a commune smaller than a cell", land, square(55.5, -21.1, 1), true},
		{"island without a box", land, square(-63.05, 18.07, 100), true},
		{"foreign land", land, square(-71, 46.8, 100), false},
		{"all parts but one", land, orb.MultiPolygon{square(2.5, 46.65, 1_000), square(3.5, 46.5, 1_000)}, false},
		{"nothing", land, orb.Polygon{}, false},
		{"not loaded", nil, square(2.5, 46.65, 1_000), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := tt.land.Touches(tt.geometry); got != tt.want {
				t.Errorf("Touches() = %v, want %v", got, tt.want)
			}
		})
	}
	for name, bad := range map[string][]byte{"empty": nil, "cut": b[:len(b)-1], "of another version": append([]byte{99}, b[1:]...)} {
		if err := new(geo.Land).UnmarshalBinary(bad); err == nil {
			t.Errorf("a raster that is %s was read", name)
		}
	}
}

// The communes of France, where they are: a parcel drawn in the middle of one,
// in any projection in use there, comes back to its place, or is refused without
// the farm and comes back with it.
func TestLandOfCommunes(t *testing.T) {
	t.Parallel()
	communes := readCommunes(t)
	if communes == nil {
		return
	}
	land, start := geo.NewLand(), time.Now()
	for _, c := range communes {
		land.Add(c)
	}
	b, err := land.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d communes in %v: %d bytes", len(communes), time.Since(start), len(b))

	ambiguous, tried := 0, 0
	for i, c := range communes {
		if !land.Touches(c) {
			t.Errorf("commune %d is not on land", i)
		}
		if i%5 != 0 {
			continue
		}
		middle, _ := planar.CentroidArea(c)
		parcel := square(middle[0], middle[1], 100)
		legal := geo.LegalCRS(parcel)
		systems := []geo.CRS{legal}
		if legal == geo.Lambert93 {
			systems = append(systems, geo.WebMercator, geo.CC42+geo.CRS(min(max(middle[1], 42), 50)-42))
		}
		for _, crs := range systems {
			tried++
			sent := project(parcel, crs, i%2 == 0)
			if x := sent[0][0]; legal == geo.UTM22N && math.Abs(x[0]-x[1]) < 100_000 {
				continue // both orders put it in Guyane, near the farm
			}
			got, err := geo.Place(sent, land, nil)
			if err != nil {
				ambiguous++
				if got, err = geo.Place(sent, land, &middle); err != nil {
					t.Errorf("commune %d at %v in %d: %v", i, middle, crs, err)
					continue
				}
			}
			if got.From != crs {
				t.Errorf("commune %d at %v in %d was taken for %d", i, middle, crs, got.From)
			}
		}
	}
	t.Logf("%d of %d parcels need the commune of the farm", ambiguous, tried)
}

const communesFile = "../../shared/reference/communes.geojson.gz"

// readCommunes returns nil where the file of communes is not there.
func readCommunes(t *testing.T) []orb.Geometry {
	t.Helper()
	f, err := os.Open(communesFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Features []struct {
			Geometry struct {
				Type        string          `json:"type"`
				Coordinates json.RawMessage `json:"coordinates"`
			} `json:"geometry"`
		} `json:"features"`
	}
	if err := json.NewDecoder(z).Decode(&doc); err != nil {
		t.Fatal(err)
	}
	out := make([]orb.Geometry, len(doc.Features))
	for i, feature := range doc.Features {
		g := feature.Geometry
		var err error
		if g.Type == "Polygon" {
			var p orb.Polygon
			err = json.Unmarshal(g.Coordinates, &p)
			out[i] = p
		} else {
			var p orb.MultiPolygon
			err = json.Unmarshal(g.Coordinates, &p)
			out[i] = p
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return out
}

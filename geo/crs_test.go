package geo_test

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"os/exec"
	"strings"
	"testing"

	"github.com/paulmach/orb"

	"sillon/geo"
)

const millimetre = 0.001

// Control values of PROJ 9.1, to a tenth of a millimetre.
func TestProjections(t *testing.T) {
	t.Parallel()
	tests := []struct {
		crs     geo.CRS
		degrees orb.Point
		metres  orb.Point
	}{
		{geo.Lambert93, orb.Point{-4.5, 48.4}, orb.Point{145709.7889, 6837422.0826}},
		{geo.Lambert93, orb.Point{9.1, 42.2}, orb.Point{1204216.8288, 6141682.2798}},
		{geo.Lambert93, orb.Point{2.3522, 48.8566}, orb.Point{652469.0227, 6862035.2594}},
		{geo.UTM20N, orb.Point{-61.5, 16.2}, orb.Point{660342.3124, 1791644.1315}},
		{geo.UTM20N, orb.Point{-63.05, 18.07}, orb.Point{494708.9608, 1997930.8143}},
		{geo.UTM22N, orb.Point{-52.3, 4.9}, orb.Point{355855.4384, 541750.1636}},
		{geo.UTM22N, orb.Point{-54, 3.5}, orb.Point{166641.3665, 387393.1496}},
		{geo.UTM40S, orb.Point{55.5364, -21.1151}, orb.Point{347994.3825, 7664414.3392}},
		{geo.UTM38S, orb.Point{45.15, -12.8}, orb.Point{516279.1479, 8584976.6344}},
		{geo.UTM21N, orb.Point{-56.2, 46.8}, orb.Point{561046.9214, 5183249.9129}},
		{geo.WebMercator, orb.Point{2.3522, 48.8566}, orb.Point{261845.7062, 6250564.3495}},
		{geo.WebMercator, orb.Point{-61.0242, 14.6415}, orb.Point{-6793182.8701, 1647918.6256}},
		{geo.CC42, orb.Point{1.4, 42.3}, orb.Point{1568080.4008, 1234552.7379}},
		{geo.CC43, orb.Point{1.4, 43.3}, orb.Point{1570188.1487, 2234562.2080}},
		{geo.CC44, orb.Point{1.4, 44.3}, orb.Point{1572335.6623, 3234570.1793}},
		{geo.CC45, orb.Point{1.4, 45.3}, orb.Point{1574522.3012, 4234576.6420}},
		{geo.CC46, orb.Point{1.4, 46.3}, orb.Point{1576747.4125, 5234581.5878}},
		{geo.CC47, orb.Point{1.4, 47.3}, orb.Point{1579010.3310, 6234585.0107}},
		{geo.CC48, orb.Point{1.4, 48.3}, orb.Point{1581310.3791, 7234586.9060}},
		{geo.CC49, orb.Point{1.4, 49.3}, orb.Point{1583646.8673, 8234587.2712}},
		{geo.CC50, orb.Point{1.4, 50.3}, orb.Point{1586019.0940, 9234586.1056}},
		{geo.WGS84, orb.Point{2.3522, 48.8566}, orb.Point{2.3522, 48.8566}},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprintf("%d at %v", tt.crs, tt.degrees), func(t *testing.T) {
			t.Parallel()
			if got := tt.crs.FromWGS84(tt.degrees); planarDistance(got, tt.metres) > millimetre {
				t.Errorf("FromWGS84() = %.4f, want %.4f", got, tt.metres)
			}
			if got := tt.crs.ToWGS84(tt.metres); planarDistance(got, tt.degrees) > 1e-8 {
				t.Errorf("ToWGS84() = %.10f, want %.10f", got, tt.degrees)
			}
		})
	}
}

// territories are where each projection is used.
var territories = map[geo.CRS]orb.Bound{ //nolint:exhaustive // WGS84 is no projection
	geo.Lambert93:   {Min: orb.Point{-5.5, 41}, Max: orb.Point{10, 51.5}},
	geo.CC42:        {Min: orb.Point{-5.5, 41}, Max: orb.Point{10, 43}},
	geo.CC43:        {Min: orb.Point{-5.5, 42}, Max: orb.Point{10, 44}},
	geo.CC44:        {Min: orb.Point{-5.5, 43}, Max: orb.Point{10, 45}},
	geo.CC45:        {Min: orb.Point{-5.5, 44}, Max: orb.Point{10, 46}},
	geo.CC46:        {Min: orb.Point{-5.5, 45}, Max: orb.Point{10, 47}},
	geo.CC47:        {Min: orb.Point{-5.5, 46}, Max: orb.Point{10, 48}},
	geo.CC48:        {Min: orb.Point{-5.5, 47}, Max: orb.Point{10, 49}},
	geo.CC49:        {Min: orb.Point{-5.5, 48}, Max: orb.Point{10, 50}},
	geo.CC50:        {Min: orb.Point{-5.5, 49}, Max: orb.Point{10, 51.5}},
	geo.UTM20N:      {Min: orb.Point{-63.5, 14}, Max: orb.Point{-60, 18.5}},
	geo.UTM21N:      {Min: orb.Point{-57, 46.5}, Max: orb.Point{-56, 47.5}},
	geo.UTM22N:      {Min: orb.Point{-55, 2}, Max: orb.Point{-51, 6}},
	geo.UTM40S:      {Min: orb.Point{55, -21.5}, Max: orb.Point{56, -20.5}},
	geo.UTM38S:      {Min: orb.Point{45, -13.1}, Max: orb.Point{45.4, -12.5}},
	geo.WebMercator: {Min: orb.Point{-63.5, -21.5}, Max: orb.Point{56, 51.5}},
}

func TestProjectionsThereAndBack(t *testing.T) {
	t.Parallel()
	for crs, b := range territories {
		for _, p := range positions(b, 1000) {
			if got := crs.ToWGS84(crs.FromWGS84(p)); planarDistance(got, p) > 1e-12 {
				t.Errorf("%d: %v comes back as %v", crs, p, got)
			}
		}
	}
}

// PROJ is the truth where it is installed; TestProjections stands in for it
// elsewhere.
func TestProjectionsAgainstPROJ(t *testing.T) {
	t.Parallel()
	cs2cs, err := exec.LookPath("cs2cs")
	if err != nil {
		return
	}
	for crs, b := range territories {
		t.Run(fmt.Sprint(int(crs)), func(t *testing.T) {
			t.Parallel()
			var in strings.Builder
			all := positions(b, 500)
			for _, p := range all {
				fmt.Fprintf(&in, "%.12f %.12f\n", p[1], p[0]) // EPSG:4326 has the latitude first
			}
			cmd := exec.CommandContext(t.Context(), cs2cs, "-f", "%.6f", "EPSG:4326", fmt.Sprintf("EPSG:%d", crs))
			cmd.Stdin = strings.NewReader(in.String())
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			lines := bytes.Split(bytes.TrimSpace(out), []byte("\n"))
			if len(lines) != len(all) {
				t.Fatalf("%d lines for %d positions", len(lines), len(all))
			}
			for i, p := range all {
				var want orb.Point
				if _, err := fmt.Sscan(string(lines[i]), &want[0], &want[1]); err != nil {
					t.Fatal(err)
				}
				if got := crs.FromWGS84(p); planarDistance(got, want) > millimetre {
					t.Errorf("FromWGS84(%v) = %.6f, PROJ %.6f", p, got, want)
				}
				if got := crs.ToWGS84(want); planarDistance(got, p) > 1e-9 {
					t.Errorf("ToWGS84(%.6f) = %v, PROJ %v", want, got, p)
				}
			}
		})
	}
}

func TestUnknownCRS(t *testing.T) {
	t.Parallel()
	const lambertII geo.CRS = 27572
	if lambertII.Known() || !geo.Lambert93.Known() || !geo.WGS84.Known() {
		t.Error("27572 needs a grid, 2154 and 4326 are known")
	}
	if got := lambertII.ToWGS84(orb.Point{600_000, 2_200_000}); !math.IsNaN(got[0]) {
		t.Errorf("got %v from an unknown system", got)
	}
}

// positions draws n positions in b, always the same.
func positions(b orb.Bound, n int) []orb.Point {
	r := rand.New(rand.NewPCG(1, 1))
	out := make([]orb.Point, n)
	for i := range out {
		out[i] = orb.Point{b.Min[0] + r.Float64()*(b.Max[0]-b.Min[0]), b.Min[1] + r.Float64()*(b.Max[1]-b.Min[1])}
	}
	return out
}

func planarDistance(p, q orb.Point) float64 { return math.Hypot(p[0]-q[0], p[1]-q[1]) }

func BenchmarkToWGS84(b *testing.B) {
	for _, crs := range []geo.CRS{geo.Lambert93, geo.UTM40S, geo.WebMercator} {
		p := crs.FromWGS84(orb.Point{3.1, 46.2})
		if crs == geo.UTM40S {
			p = crs.FromWGS84(orb.Point{55.5, -21.1})
		}
		b.Run(fmt.Sprint(int(crs)), func(b *testing.B) {
			for b.Loop() {
				crs.ToWGS84(p)
			}
		})
	}
}

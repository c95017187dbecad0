package tiles

import (
	"errors"
	"log/slog"

	"sillon/sillon"
)

// A Row is a published parcel as Memory takes it. Its memory may be used again
// once Memory has returned.
type Row struct {
	Key            int64  // of the parcel, for ever
	ID             uint64 // of its features
	CellX, CellY   uint32 // at geo.CellZoom
	EWKB           []byte // polygon or multipolygon, WGS 84
	Level          sillon.Level
	CPF            string // of the main crop, or empty
	SurfaceM2      float64
	Year           int    // of the parcellaire; 0 is none
	Departement    string // code, at most three bytes; empty is unknown
	OC, Reader     sillon.OC
	Farm           sillon.NumeroBio
	Version        sillon.ParcellaireID
	State          sillon.State // of the parcellaire
	Parcel         string       // id in the parcellaire
	Label          string
	GeometryStatus sillon.GeometryStatus
}

// A Crop is what a CPF code stands for, in French.
type Crop struct{ Label, Group string }

// CropsOf returns crops by their CPF code.
func CropsOf(codes []sillon.CropCode) map[string]Crop {
	crops := make(map[string]Crop, len(codes))
	for _, c := range codes {
		crops[c.Code] = Crop{Label: c.Label, Group: c.Group}
	}
	return crops
}

// A Change is what Apply did to one parcel. Finished tiles that may draw the
// box before or the box after are out of date: see Box.Tiles.
type Change struct {
	Before, After     Box
	WasThere, IsThere bool
}

// MemoryOptions is what a Memory needs.
type MemoryOptions struct {
	Limit int64           // bytes it may hold, also while it loads; 0 is no limit
	Crops map[string]Crop // by CPF code
	Log   *slog.Logger    // nil logs nothing
}

// MemoryStats is what a Memory holds.
type MemoryStats struct {
	Parcels     int
	Segments    int   // packed runs
	Bytes       int64 // of the runs
	Compactions int   // since the start
}

var (
	// ErrMemory is the failure of a load that would take more than
	// MemoryOptions.Limit.
	ErrMemory = errors.New("parcels do not fit in the memory allowed for tiles")
	// ErrOff is the failure of a Memory that holds no parcels to draw.
	ErrOff = errors.New("the memory store of tiles is off")
)

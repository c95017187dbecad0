package tiles

// A Box is a box in the world coordinates of mvt.World, its ends included.
type Box struct{ MinX, MinY, MaxX, MaxY uint32 }

// A Change is a parcel that is otherwise than before. A box counts only where
// the parcel was there before, or is there after.
type Change struct {
	Before, After     Box
	WasThere, IsThere bool
}

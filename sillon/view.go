package sillon

import "time"

// A ParcelView is a parcel on its way to a reader: the geometry stays EWKB, and
// crops and annotations stay the JSON they are stored as, so that a list of a
// million parcels decodes nothing that it only writes out again.
type ParcelView struct {
	ID                    string
	EWKB                  []byte // Polygon or MultiPolygon, SRID 4326
	Name                  string
	NumeroPacage          string
	NumeroIlot            string
	NumeroParcelle        string
	ReferencesCadastrales []string
	Crops                 []byte // [{id, cpf, variete, dateSemis, surface, unite}]
	Level                 Level
	EngagedOn             Date
	Annotations           []byte // [{id, code, date, metadata}]
	NotesAuditeur         string
	Commentaire           string
	Commune               string
	Etranger              *bool
	SurfaceM2             float64
	GeometryStatus        GeometryStatus
	EnAttentePAC          bool
	Origin                Origin
	Revision              int64
	CreatedAt             *time.Time
	UpdatedAt             *time.Time
}

package sillon

import (
	"time"

	"github.com/paulmach/orb"
)

// A GeometryStatus says what the geometry policy did to a parcel (domain.md §8).
type GeometryStatus string

// The geometry statuses.
const (
	GeometryValid     GeometryStatus = "valide"
	GeometryCorrected GeometryStatus = "corrigee"
	GeometryToCheck   GeometryStatus = "a_verifier"
)

// An Origin says how a parcel came to be (domain.md §5.1).
type Origin string

// The origins.
const (
	OriginImport Origin = "import"
	OriginManual Origin = "manuelle"
	OriginAPI    Origin = "api"
	OriginCopy   Origin = "copie"
	OriginSplit  Origin = "decoupe"
	OriginMerge  Origin = "fusion"
)

// A Parcel is one field (domain.md §5.1).
type Parcel struct {
	ID                    string       // unique in its parcellaire
	Geometry              orb.Geometry // Polygon or MultiPolygon, WGS84 lon/lat degrees, valid
	Declared              orb.Geometry // as sent, only while GeometryStatus is GeometryToCheck
	GeometryStatus        GeometryStatus
	Name                  string
	NumeroPacage          string
	NumeroIlot            string // "0" is "not in the CAP declaration"
	NumeroParcelle        string
	EnAttentePAC          bool
	ReferencesCadastrales []string
	Crops                 []Crop // the first is the main crop
	CodeCulturePAC        string
	CodePrecisionPAC      string
	Level                 Level
	EngagedOn             Date // dateEngagement
	Annotations           []Annotation
	Commentaire           string // of the farmer
	NotesAuditeur         string
	Commune               string // INSEE code; empty is unknown or abroad
	Etranger              *bool  // nil is not decided yet
	Origin                Origin
	SurfaceM2             float64 // in the legal projection of its territory
	Revision              int64
	CreatedAt             time.Time
	UpdatedAt             time.Time
	DeletedAt             *time.Time
}

// A Unit is the unit of a crop's surface.
type Unit string

// The units.
const (
	UnitHectare Unit = "ha"
	UnitPercent Unit = "%"
)

// A Crop is one crop of a parcel.
type Crop struct {
	ID      string // UUID
	CPF     string // code of the nomenclature; empty when nothing translates it
	Variete string
	SownOn  Date // dateSemis
	Surface *float64
	Unit    Unit
}

// An Annotation is a mark that an auditor leaves on a parcel (domain.md §5.3).
type Annotation struct {
	ID       string            `json:"id"`
	Code     string            `json:"code"`
	Date     string            `json:"date,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// EngagedSinceAlways is the day of engagement of an AB parcel sent without one.
var EngagedSinceAlways = Date{1900, time.January, 1}

// isStrip reports whether all crops of p are buffer strips or field edges,
// which say nothing about the farm.
func (p *Parcel) isStrip() bool {
	for _, c := range p.Crops {
		if c.CPF != "01.99.10.1" && c.CPF != "01.99.10.2" {
			return false
		}
	}
	return len(p.Crops) > 0
}

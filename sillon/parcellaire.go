package sillon

import (
	"fmt"
	"slices"
	"time"
)

// A ParcellaireID is the UUID of a parcellaire, in lower case.
type ParcellaireID string

// A State is where a parcellaire stands in its life (domain.md §4.2). The
// zero State is refused.
type State string

// The states, in order.
const (
	StateDraft     State = "OPERATOR_DRAFT"
	StateAudited   State = "AUDITED"
	StatePending   State = "PENDING_CERTIFICATION"
	StateCertified State = "CERTIFIED"
)

// States lists the states in order.
var States = []State{StateDraft, StateAudited, StatePending, StateCertified}

// UnmarshalText refuses what is not a state.
func (s *State) UnmarshalText(b []byte) error {
	if v := State(b); slices.Contains(States, v) {
		*s = v
		return nil
	}
	return fmt.Errorf("statut %q inconnu", b)
}

// A Mixite says what mix of levels a parcellaire holds (domain.md §6).
type Mixite string

// The values of Mixite.
const (
	MixiteUnknown Mixite = ""
	MixiteAB      Mixite = "AB"
	MixiteABCONV  Mixite = "ABCONV"
	MixiteMIXTE   Mixite = "MIXTE"
)

// FirstYear and LastYear bound anneeReferenceControle.
const (
	FirstYear = 1990
	LastYear  = 2100
)

// A Parcellaire is one version of a farm's parcels: the outcome of one audit
// (domain.md §4.1). Its parcels are kept apart.
type Parcellaire struct {
	ID             ParcellaireID
	NumeroBio      NumeroBio
	OC             OC // who owns it; 0 is nobody yet
	OCLabel        string
	Name           string
	Year           int // anneeReferenceControle; 0 is none
	State          State
	AuditDate      Date
	CertifiedFrom  Date
	CertifiedUntil Date
	AuditNotes     string
	AuditDemandes  string // memo to the farmer
	Metadata       Metadata
	Mixite         Mixite
	SurfaceM2      float64 // of its live parcels
	ParcelCount    int
	Revision       int64
	CreatedAt      time.Time
	UpdatedAt      time.Time
	DeletedAt      *time.Time
}

// IsReferenceYear reports whether a year can be that of a control
// (anneeReferenceControle, domain.md §4.1).
func IsReferenceYear(year int) bool { return year >= 1990 && year <= 2100 }

// Metadata tells where the parcels of a parcellaire came from.
type Metadata struct {
	Source           string `json:"source,omitempty"`
	SourceLastUpdate string `json:"sourceLastUpdate,omitempty"`
	AnneeAssolement  int    `json:"anneeAssolement,omitempty"`
	Pacage           string `json:"pacage,omitempty"`
}

// SourceAPI is the Metadata.Source of what certifiers push.
const SourceAPI = "API Parcellaire"

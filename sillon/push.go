package sillon

import "github.com/paulmach/orb"

// A PushRecord is one audit of one farm as a certifier sent it, once read and
// checked (certifier-exchange.md §2.1).
type PushRecord struct {
	NumeroBio       NumeroBio
	NumeroClient    string
	AuditDate       Date
	Year            int // anneeReferenceControle; 0 when not sent
	AnneeAssolement int // 0 when not sent
	CertifiedFrom   Patch[Date]
	CertifiedUntil  Patch[Date]
	NumeroPacage    Patch[string] // padded to 9 digits when it can be
	Commentaire     Patch[string] // audit notes
	Parcels         []PushParcel
}

// A PushParcel is one parcel of a PushRecord (certifier-exchange.md §2.2).
type PushParcel struct {
	ID             string
	Level          Level // LevelUnknown keeps what is stored
	EngagedOn      Patch[Date]
	NumeroIlot     Patch[string] // "0" is "not in the CAP declaration"
	NumeroParcelle Patch[string]
	Geometry       orb.Geometry // WGS84, valid, Polygon or MultiPolygon; nil when not sent
	GeometryStatus GeometryStatus
	Declared       orb.Geometry  // what was sent, when GeometryStatus is GeometryToCheck
	Commentaire    Patch[string] // auditor note
	Crops          []Crop        // never empty; ids are given by the service
	Commune        Patch[string] // as given, padded to 5; it is kept only if active and intersecting
	Nom            Patch[string]
	EnAttentePAC   Patch[bool]
	CodeCulture    Patch[string]
	CodePrecision  Patch[string]
}

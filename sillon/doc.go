// Package sillon is the vocabulary that every layer speaks: the types of the
// domain, its rules, its permissions and its failures. It does no I/O.
//
// # Glossary
//
// A word stays French where it is a term of a regulation or of the contract.
//
//	Go                  Wire                 Meaning
//	Farm                exploitation         a farm known by its numéro bio
//	Certifier, OC       certificateur, oc    a certification body, and its id
//	Link                lien                 what binds a farm to a certifier for a time
//	Parcellaire         parcellaire          one version of a farm's parcels: one audit
//	Parcel              parcelle             one field
//	Crop                culture              one crop of a parcel, coded in the CPF
//	Level               niveauConversion     how far a parcel is on its way to organic
//	State               statut               where a parcellaire stands in its life
//	Event               evenement            one entry of the append-only history
//	Issue               probleme             what is wrong, or was changed, in sent data
//	Mixite, Commune, Departement, Territoire, Pacage, Ilot, Siret, CPF: the same on the wire
package sillon

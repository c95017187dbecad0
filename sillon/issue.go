package sillon

// Severity tells whether an Issue refuses what carries it. The zero Severity
// refuses.
type Severity uint8

// The severities.
const (
	SeverityError Severity = iota
	SeverityWarning
)

// An Issue is something wrong, or something Sillon changed, in the data of a
// user. Issues are collected, never returned as an error: an error means "I
// could not do my work", an Issue means "your data is wrong here".
type Issue struct {
	Severity   Severity
	Code       string // stable, certifier-exchange.md §5
	Message    string // French
	NumeroBio  string // of the record; empty when it has none
	ParcelleID string // of the parcel; empty when the issue is about the record
	Index      *int   // rank of the record, from 0, when it has no usable numeroBio
	Path       string // file, layer, line or member, for files and resource bodies
}

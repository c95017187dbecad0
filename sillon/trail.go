package sillon

import "fmt"

// A TraceKind says why the trail keeps a trace.
type TraceKind string

// The kinds of trace.
const (
	TraceRefusal        TraceKind = "refus"
	TraceRead           TraceKind = "lecture"        // by agence_bio or inao (domain.md §11.1)
	TraceAdministration TraceKind = "administration" // what agence_bio or the operator did
)

// UnmarshalText reads a kind of trace.
func (k *TraceKind) UnmarshalText(b []byte) error {
	switch got := TraceKind(b); got {
	case TraceRefusal, TraceRead, TraceAdministration:
		*k = got
		return nil
	}
	return fmt.Errorf("type de trace %q inconnu", b)
}

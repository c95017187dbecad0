// Package exchange reads the bulk push of certifiers (certifier-exchange.md
// §1, §2, §4, §5): bytes in, checked records and coded issues out. It knows
// neither the registry nor the store.
//
// A push is read in two passes. Scan checks the syntax of the whole body in
// constant memory, copies it to a spool and tells where each record is. Read
// then reads the bytes of one record, with all its checks.
package exchange

import (
	"cmp"
	"fmt"

	"sillon/sillon"
)

// Limits bound what a push may hold (certifier-exchange.md §1). A zero field
// is the limit of DefaultLimits.
type Limits struct {
	Body      int64 // bytes, once decompressed
	Ratio     int64 // of compression
	Record    int64 // bytes
	Depth     int   // of the arrays and objects of a record, itself included
	Nesting   int   // of the whole body: deeper is not readable JSON
	Records   int
	Parcels   int // of a record
	Crops     int // of a parcel
	Positions int // of a parcel
	Rings     int // of a parcel
	Issues    int // kept for a record; those that end its list come on top
}

// DefaultLimits are those of the contract, else of guards.md; where neither
// has one, they only keep a hostile push from taking the memory of others.
func DefaultLimits() Limits {
	return Limits{
		Body:      512 << 20,
		Ratio:     200,
		Record:    64 << 20,
		Depth:     32,
		Nesting:   1_000_000,
		Records:   100_000,
		Parcels:   20_000,
		Crops:     1_000,
		Positions: 100_000,
		Rings:     1_000,
		Issues:    2_000,
	}
}

// orDefaults returns l with its zero fields filled.
func (l Limits) orDefaults() Limits {
	d := DefaultLimits()
	l.Body = cmp.Or(l.Body, d.Body)
	l.Ratio = cmp.Or(l.Ratio, d.Ratio)
	l.Record = cmp.Or(l.Record, d.Record)
	l.Depth = cmp.Or(l.Depth, d.Depth)
	l.Nesting = cmp.Or(l.Nesting, d.Nesting)
	l.Records = cmp.Or(l.Records, d.Records)
	l.Parcels = cmp.Or(l.Parcels, d.Parcels)
	l.Crops = cmp.Or(l.Crops, d.Crops)
	l.Positions = cmp.Or(l.Positions, d.Positions)
	l.Rings = cmp.Or(l.Rings, d.Rings)
	l.Issues = cmp.Or(l.Issues, d.Issues)
	return l
}

// A SyntaxError says that the body is not readable JSON, or not readable gzip,
// from Position on. It is sillon.ErrUnreadableJSON to errors.Is.
type SyntaxError struct {
	Position int64 // byte of the decompressed body, from 0
}

// Error names the position.
func (e *SyntaxError) Error() string { return fmt.Sprintf("unreadable JSON at byte %d", e.Position) }

// Unwrap returns what the sender reads.
func (e *SyntaxError) Unwrap() error { return sillon.ErrUnreadableJSON }

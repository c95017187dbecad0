package sillon

import "time"

// A Precondition is what a client knows of the resource that it means to
// change (domain.md §12). The zero Precondition always holds.
type Precondition struct {
	Revision int64     // of If-Match; 0 is none given, a negative one is a tag it never had
	Existing bool      // If-Match: *
	Since    time.Time // of If-Unmodified-Since, for clients that keep no tags; zero is none
}

// Check returns ErrStale unless p holds of a resource at revision, 0 when there
// is none yet, last changed at updated. Who calls it keeps the resource locked,
// or another write comes between.
func (p Precondition) Check(revision int64, updated time.Time) error {
	switch {
	case p.Revision != 0 && p.Revision != revision,
		p.Existing && revision == 0,
		revision != 0 && !p.Since.IsZero() && p.Since.Before(updated.Truncate(time.Second)):
		return ErrStale.At(revision)
	}
	return nil
}

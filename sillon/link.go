package sillon

// IsCurrent reports whether the link binds the farm now or will: the ranges of
// such links never overlap (domain.md §3.2).
func (l Link) IsCurrent() bool {
	switch l.State {
	case LinkFuture, LinkEngaged, LinkSuspended:
		return true
	case LinkDraft, LinkNotEngaged, LinkStopped, LinkWithdrawn:
	}
	return false
}

// Overlaps reports whether two links bind a farm on a same day. A link binds
// from its start until the day before its stop; none is without end.
func (l Link) Overlaps(m Link) bool {
	begins := func(a, b Link) bool { return b.Stop.IsZero() || a.Start.Before(b.Stop) }
	return begins(l, m) && begins(m, l)
}

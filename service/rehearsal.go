package service

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
)

// A Rehearsal is what a push would come to, were it sent (certifier-exchange.md
// §6.2).
type Rehearsal struct {
	Reply   PushReply
	Job     ImportView
	Effects []Effect // of the accepted records, in order
}

// An Effect is what a record would do to the version of its audit. Lists hold
// ids of parcels.
type Effect struct {
	NumeroBio sillon.NumeroBio
	AuditDate sillon.Date
	New       bool // there is no such version yet
	Added     []string
	Changed   []string
	Removed   []string
}

const (
	// mostRehearsed bounds the parcels that the audits of one farm may leave in
	// memory, each being rehearsed on what those before it would have stored.
	mostRehearsed = 200_000
	// mostParcelsRead bounds the stored parcels that are read at once.
	mostParcelsRead = 20_000
)

// Rehearse does all that Push and then WorkImports would, but stores nothing:
// no job, no payload, no log, no key. Records are merged with the versions as
// they stand now, those of one farm on top of each other. The number of
// statements grows with slices of the push, not with its records nor parcels,
// those aside that bring known parcels without geometry to a second audit.
func (s *Service) Rehearse(ctx context.Context, a sillon.Actor, r PushRequest) (*Rehearsal, error) {
	if err := sillon.May(a, sillon.ActionPush, sillon.Resource{}); err != nil {
		return nil, err
	}
	spool := newSpool(s.opts.SpoolDir)
	defer func() { _ = spool.Close() }()
	if r.Gzip {
		r.Body = exchange.Inflate(r.Body, s.opts.Limits)
	}
	spans, err := s.scan(r, spool)
	if syntax, ok := errors.AsType[*exchange.SyntaxError](err); ok {
		return nil, &UnreadableError{Position: syntax.Position}
	}
	if err != nil {
		return nil, err
	}
	checked, err := s.check(ctx, a, spool, spans)
	if err != nil {
		return nil, err
	}
	ground, err := s.groundNow(ctx)
	if err != nil {
		return nil, err
	}
	h := &rehearser{s: s, oc: a.OC, spool: spool, ground: ground, now: s.opts.Now().In(s.paris), checkedPush: checked}
	h.outcomes = make([]outcome, len(checked.records))
	for farms := range h.slices() {
		if err := h.farms(ctx, farms); err != nil {
			return nil, err
		}
	}
	return h.result(), nil
}

// A rehearser goes through the records of a push.
type rehearser struct {
	s      *Service
	oc     sillon.OC
	spool  *spool
	ground ground
	now    time.Time
	*checkedPush
	outcomes []outcome // by rank
	warnings int       // kept so far
	errors   int       // likewise
}

// An outcome is what a record comes to.
type outcome struct {
	effect  *Effect // nil when it is refused
	parcels int
	issues  []sillon.Issue
}

// slices yields the accepted records, farm by farm, so many at a time.
func (h *rehearser) slices() func(yield func([][]int) bool) {
	return func(yield func([][]int) bool) {
		var farms [][]int
		size := 0
		for _, farm := range byFarm(h.records) {
			farm = slices.DeleteFunc(farm, func(i int) bool { return h.records[i].Refused })
			if len(farm) == 0 {
				continue
			}
			largest := 0
			for _, i := range farm {
				largest = max(largest, h.records[i].Length)
			}
			if len(farms) == sliceRecords || len(farms) > 0 && size+largest > sliceBytes {
				if !yield(farms) {
					return
				}
				farms, size = nil, 0
			}
			farms, size = append(farms, farm), size+largest
		}
		if len(farms) > 0 {
			yield(farms)
		}
	}
}

// A draft is a record being rehearsed.
type draft struct {
	rank    int
	record  *sillon.PushRecord
	target  store.PushTarget
	missing []store.FarmParcel
	lasting bool // its outcome is what the next record of the farm meets
}

// audit is that of its record.
func (d *draft) audit() store.FarmAudit {
	return store.FarmAudit{NumeroBio: d.record.NumeroBio, Audit: d.record.AuditDate}
}

// A stage holds what the records of several farms meet.
type stage struct {
	after  map[sillon.NumeroBio]map[sillon.Date]store.PushTarget // what the records before would have left
	before map[store.FarmAudit]store.PushTarget                  // what is stored, until a record is done with it
	unread []store.FarmAudit                                     // of before, those whose parcels are not read yet, as they will be met
}

// farms rehearses the records of several farms: first the first of each, then
// the second, and so on.
func (h *rehearser) farms(ctx context.Context, farms [][]int) error {
	turns := 0
	for _, farm := range farms {
		turns = max(turns, len(farm))
	}
	return h.s.db.InTx(ctx, store.Tenant(h.oc), func(tx *store.Tx) error {
		st, err := h.stage(ctx, tx, farms, turns)
		if err != nil {
			return err
		}
		for turn := range turns {
			var drafts []*draft
			for _, farm := range farms {
				if turn < len(farm) {
					drafts = append(drafts, &draft{rank: farm[turn], lasting: turn+1 < len(farm)})
				}
			}
			if err := h.read(drafts); err != nil {
				return err
			}
			drafts = slices.DeleteFunc(drafts, func(d *draft) bool { return d.record == nil })
			if err := h.turn(ctx, tx, drafts, st); err != nil {
				return err
			}
			for _, versions := range st.after {
				held := 0
				for _, v := range versions {
					held += len(v.Parcels)
				}
				if held > mostRehearsed {
					return sillon.ErrRehearsal
				}
			}
		}
		return nil
	})
}

// stage reads the versions that the records of several farms will meet, but not
// their parcels.
func (h *rehearser) stage(ctx context.Context, tx *store.Tx, farms [][]int, turns int) (*stage, error) {
	st := &stage{
		after:  make(map[sillon.NumeroBio]map[sillon.Date]store.PushTarget),
		before: make(map[store.FarmAudit]store.PushTarget),
	}
	var audits []store.FarmAudit
	for turn := range turns {
		for _, farm := range farms {
			if turn >= len(farm) {
				continue
			}
			key := store.FarmAudit{NumeroBio: h.records[farm[turn]].NumeroBio, Audit: h.audits[farm[turn]]}
			if _, ok := st.before[key]; !ok {
				st.before[key] = store.PushTarget{}
				audits = append(audits, key)
			}
		}
	}
	targets, err := tx.PushTargets(ctx, h.oc, audits)
	if err != nil {
		return nil, err
	}
	for i, key := range audits {
		if st.before[key] = targets[i]; targets[i].Parcellaire != nil {
			st.unread = append(st.unread, key)
		}
	}
	return st, nil
}

// meets returns what the record of a draft meets, but for the parcels of a
// stored version that are not read yet.
func (st *stage) meets(d *draft) store.PushTarget {
	if target, ok := st.after[d.record.NumeroBio][d.record.AuditDate]; ok {
		return target
	}
	return st.before[d.audit()]
}

// readParcels reads the parcels of the stored versions up to the last that
// drafts meet, and on from there while they are not too many.
func (st *stage) readParcels(ctx context.Context, tx *store.Tx, drafts []*draft) error {
	wanted := make(map[store.FarmAudit]bool, len(drafts))
	for _, d := range drafts {
		wanted[d.audit()] = true
	}
	last := -1
	for i, key := range st.unread {
		if wanted[key] {
			last = i
		}
	}
	if last < 0 {
		return nil
	}
	n, parcels := 0, 0
	for n < len(st.unread) && (n <= last || parcels < mostParcelsRead) {
		parcels += st.before[st.unread[n]].Parcellaire.ParcelCount
		n++
	}
	ids := make([]string, n)
	for i, key := range st.unread[:n] {
		ids[i] = string(st.before[key].Parcellaire.ID)
	}
	read, err := tx.ParcelsOf(ctx, ids)
	if err != nil {
		return err
	}
	for _, key := range st.unread[:n] {
		target := st.before[key]
		target.Parcels = read[target.Parcellaire.ID]
		st.before[key] = target
	}
	st.unread = st.unread[n:]
	return nil
}

// read reads the records of drafts again: a push is not held in memory.
func (h *rehearser) read(drafts []*draft) error {
	var group errgroup.Group
	group.SetLimit(recordsAtOnce)
	for _, d := range drafts {
		group.Go(guarded(func() error {
			r := h.records[d.rank]
			raw, err := h.spool.at(r.Start, int64(r.Length), nil)
			if err != nil {
				return err
			}
			record, issues := exchange.Read(raw, h.s.readingEnv(h.ground, h.verdicts[d.rank], r.Rank))
			d.record, h.outcomes[d.rank].issues = record, issues
			return nil
		}))
	}
	return group.Wait()
}

// turn rehearses one record of each of several farms.
func (h *rehearser) turn(ctx context.Context, tx *store.Tx, drafts []*draft, st *stage) error {
	for len(drafts) > 0 {
		n, parcels := 0, 0
		for n < len(drafts) && (n == 0 || parcels < mostParcelsRead) {
			if v := st.meets(drafts[n]).Parcellaire; v != nil {
				parcels += v.ParcelCount
			}
			n++
		}
		if err := h.some(ctx, tx, drafts[:n], st); err != nil {
			return err
		}
		drafts = drafts[n:]
	}
	return nil
}

// some rehearses drafts whose versions are known, but not all their parcels.
func (h *rehearser) some(ctx context.Context, tx *store.Tx, drafts []*draft, st *stage) error {
	if err := st.readParcels(ctx, tx, drafts); err != nil {
		return err
	}
	var missing []store.FarmParcel
	var staged []store.FarmAudit
	for _, d := range drafts {
		d.target = st.meets(d)
		if d.missing = withoutGeometry(d.record, d.target.Parcels); len(d.missing) > 0 {
			missing = append(missing, d.missing...)
			for audit := range st.after[d.record.NumeroBio] {
				staged = append(staged, store.FarmAudit{NumeroBio: d.record.NumeroBio, Audit: audit})
			}
		}
	}
	var known map[store.FarmParcel]store.KnownParcel
	if len(missing) > 0 {
		var err error
		if known, err = tx.KnownGeometries(ctx, h.oc, missing, staged); err != nil {
			return err
		}
	}
	for _, d := range drafts {
		if err := h.merge(d, known, st); err != nil {
			return err
		}
	}
	return nil
}

// merge notes what becomes of the record of a draft.
func (h *rehearser) merge(d *draft, known map[store.FarmParcel]store.KnownParcel, st *stage) error {
	numero := d.record.NumeroBio
	if len(d.missing) > 0 {
		stagedToo(known, d.missing, st.after[numero])
	}
	out := &h.outcomes[d.rank]
	m, err := mergeRecord(d.record, mergeInto{d.target, h.oc, h.ground.cover, known, h.now})
	if refused, ok := errors.AsType[*refusal](err); ok {
		out.issues = append(out.issues, refused.issues...)
		return nil
	}
	if err != nil {
		return err
	}
	out.effect, out.parcels = m.effect(d.target.Parcellaire == nil), m.version.ParcelCount
	delete(st.before, store.FarmAudit{NumeroBio: numero, Audit: d.record.AuditDate})
	if d.lasting {
		if st.after[numero] == nil {
			st.after[numero] = make(map[sillon.Date]store.PushTarget)
		}
		st.after[numero][d.record.AuditDate] = m.after(d.target, h.now)
	}
	return nil
}

// stagedToo puts in known the parcels of staged versions that are missing
// elsewhere, where these are newer than the stored one found so far.
func stagedToo(known map[store.FarmParcel]store.KnownParcel, missing []store.FarmParcel, staged map[sillon.Date]store.PushTarget) {
	wanted := make(map[string]store.FarmParcel, len(missing))
	for _, m := range missing {
		wanted[m.ID] = m
	}
	for audit, target := range staged {
		for _, p := range target.Parcels {
			m, ok := wanted[p.ID]
			if !ok || p.DeletedAt != nil {
				continue
			}
			if k, ok := known[m]; !ok || k.Audit.Before(audit) {
				known[m] = store.KnownParcel{Parcel: p, Audit: audit}
			}
		}
	}
}

// effect tells what m does to its version. The ids do not hold on to the record.
func (m *merged) effect(isNew bool) *Effect {
	e := &Effect{NumeroBio: sillon.NumeroBio(strings.Clone(string(m.version.NumeroBio))), AuditDate: m.version.AuditDate, New: isNew}
	for i := range m.written {
		id := strings.Clone(m.written[i].ID)
		if old := m.former[i]; old == nil || old.DeletedAt != nil {
			e.Added = append(e.Added, id)
		} else {
			e.Changed = append(e.Changed, id)
		}
	}
	e.Removed = m.removed
	return e
}

// result puts together what the records came to.
func (h *rehearser) result() *Rehearsal {
	out := &Rehearsal{Reply: PushReply{Received: h.reply.Received}}
	for rank := range h.outcomes {
		o, r := &h.outcomes[rank], h.records[rank]
		for len(h.issues) > 0 && h.issues[0].Rank == rank {
			h.keep(out, h.issues[0])
			h.issues = h.issues[1:]
		}
		for _, issue := range o.issues {
			h.keep(out, store.LoggedIssue{Rank: rank, Issue: issue})
		}
		record := store.StoredRecord{Rank: rank, NumeroBio: string(r.NumeroBio), Refused: o.effect == nil, Parcels: o.parcels}
		out.Job.Records = append(out.Job.Records, record)
		if o.effect == nil {
			out.Reply.Refused++
			continue
		}
		out.Reply.Valid = append(out.Reply.Valid, r.NumeroBio)
		out.Effects = append(out.Effects, *o.effect)
	}
	out.Job.Received, out.Job.Refused = out.Reply.Received, out.Reply.Refused
	out.Job.Accepted = out.Reply.Received - out.Reply.Refused
	return out
}

// keep adds an issue, unless there are too many of its severity.
func (h *rehearser) keep(out *Rehearsal, issue store.LoggedIssue) {
	count := &h.warnings
	if issue.Issue.Severity == sillon.SeverityError {
		count = &h.errors
	}
	if *count++; *count > mostProblems {
		return
	}
	out.Job.Issues = append(out.Job.Issues, issue)
	if issue.Issue.Severity == sillon.SeverityError {
		out.Reply.Problems = append(out.Reply.Problems, issue.Issue)
	}
}

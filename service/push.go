package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"sillon/importers/exchange"
	"sillon/sillon"
	"sillon/store"
)

// A PushRequest is a body that a certifier sends (certifier-exchange.md §1).
type PushRequest struct {
	Body      io.Reader
	Gzip      bool // Body is compressed
	NDJSON    bool // one record a line
	MediaType string
	RequestID string
	Key       string // Idempotency-Key; empty is none
	Query     string // as sent
	// Answer says a reply, or an *UnreadableError, as the sender will read it.
	// Without it no push is recognised when it comes again.
	Answer func(*PushReply, *UnreadableError) Answer
}

// An Answer is what the sender of a push is told, byte for byte.
type Answer struct {
	Status int
	Body   []byte
}

// A PushReply says what became of a push at once (certifier-exchange.md §6.1).
type PushReply struct {
	JobID    int64
	Received int
	Refused  int
	Valid    []sillon.NumeroBio // of the accepted records, in order
	Problems []sillon.Issue     // errors only, in order
	Replay   *Answer            // not nil when JobID is an earlier push of the same content: what its sender was told
}

// An UnreadableError is a push that is no JSON: its job and where it broke. It
// is sillon.ErrUnreadableJSON to errors.Is.
type UnreadableError struct {
	JobID    int64
	Position int64 // byte of the decompressed body
}

// Error names the job and the position.
func (e *UnreadableError) Error() string {
	return fmt.Sprintf("push of job %d unreadable at byte %d", e.JobID, e.Position)
}

// Unwrap returns what the sender reads.
func (e *UnreadableError) Unwrap() error { return sillon.ErrUnreadableJSON }

// mostProblems bounds what a push may have to say, so that a body of nothing
// but errors costs its sender the end of the list and not the service its
// memory. Every refused record keeps its place in the counts.
const mostProblems = 50_000

// Push reads a whole push, checks every record (certifier-exchange.md §4),
// then stores the payload, the job and its place in the queue in one
// transaction. Nothing of it is in a parcellaire when Push returns: a worker
// does that (WorkImports). A push sent again is answered as the first one was
// (§1.2). Failures: an *UnreadableError, sillon.ErrTooLarge,
// sillon.ErrKeyBusy, sillon.ErrKeyReused.
func (s *Service) Push(ctx context.Context, a sillon.Actor, r PushRequest) (*PushReply, error) {
	if err := sillon.May(a, sillon.ActionPush, sillon.Resource{}); err != nil {
		return nil, err
	}
	var key *pushKey
	if r.Key != "" {
		var err error
		if key, err = s.takeKey(ctx, a.OC, r.Key); err != nil {
			return nil, err
		}
		defer key.release(ctx)
	}
	spool := newSpool(s.opts.SpoolDir)
	defer func() { _ = spool.Close() }()
	if r.Gzip {
		r.Body = exchange.Inflate(r.Body, s.opts.Limits)
	}
	spans, err := s.scan(r, spool)
	syntax, unreadable := errors.AsType[*exchange.SyntaxError](err)
	if err != nil && !unreadable {
		return nil, err
	}
	if unreadable && key != nil {
		if err := s.drain(r.Body, spool); err != nil {
			return nil, err
		}
	}
	content := contentOf(spool, r.Query)
	if key != nil && key.used != nil {
		return key.replay(content)
	}
	job := store.ImportJob{OC: a.OC, ActorID: a.ID, State: "ERROR", MediaType: r.MediaType, RequestID: r.RequestID}
	in := incoming{key: key, content: content, answer: r.Answer}
	if unreadable {
		job.Error = sillon.ErrUnreadableJSON.Title
		in.unreadable = &UnreadableError{Position: syntax.Position}
		in.push = store.NewImport{Job: job}
		if _, err := s.receive(ctx, &in); err != nil {
			return nil, err
		}
		return nil, in.unreadable
	}
	checked, err := s.check(ctx, a, spool, spans)
	if err != nil {
		return nil, err
	}
	in.reply = checked.reply
	job.State = "CREATED"
	job.Received, job.Accepted, job.Refused = in.reply.Received, in.reply.Received-in.reply.Refused, in.reply.Refused
	if job.Accepted == 0 {
		job.State = "DONE"
	}
	in.push = store.NewImport{
		Job: job, SHA256: spool.digest.Sum(nil), Content: content, Size: spool.size, Pieces: spool.pieces(),
		Records: checked.records, Issues: checked.issues,
	}
	reply, err := s.receive(ctx, &in)
	if err == nil && reply.Replay == nil {
		s.work.checked(reply.Refused, checked.issues)
	}
	return reply, err
}

// An incoming push is one that was read and is to be stored, unless it is here
// already.
type incoming struct {
	push       store.NewImport
	key        *pushKey // nil is none
	content    []byte
	answer     func(*PushReply, *UnreadableError) Answer
	reply      PushReply
	unreadable *UnreadableError // instead of reply
}

// receive stores a push and what its sender is told, or finds the job that
// already does the same.
func (s *Service) receive(ctx context.Context, in *incoming) (reply *PushReply, err error) {
	oc := in.push.Job.OC
	err = s.db.InTx(ctx, store.Tenant(oc), func(tx *store.Tx) error {
		if in.push.Content != nil && in.answer != nil {
			same, found, err := tx.SamePush(ctx, oc, in.content, in.key != nil)
			if err != nil {
				return err
			}
			if found {
				reply = replayed(same)
				return in.useKey(ctx, tx, same.Job)
			}
		}
		id, err := tx.InsertImport(ctx, in.push)
		if err != nil {
			return err
		}
		in.reply.JobID = id
		reply = &in.reply
		if in.unreadable != nil {
			in.unreadable.JobID = id
		}
		if in.answer != nil {
			a := in.answer(&in.reply, in.unreadable)
			if err := tx.SaveReply(ctx, oc, store.Reply{Job: id, Status: a.Status, Body: a.Body}); err != nil {
				return err
			}
		}
		if err := in.useKey(ctx, tx, id); err != nil {
			return err
		}
		if in.push.Job.State != "CREATED" {
			return s.announceEnd(ctx, tx, id)
		}
		return tx.Enqueue(ctx, store.PushJob{OC: oc})
	})
	return reply, err
}

// useKey binds the key of the push, if any, to its job.
func (in *incoming) useKey(ctx context.Context, tx *store.Tx, job int64) error {
	if in.key == nil {
		return nil
	}
	return tx.UseKey(ctx, in.key.oc, in.key.key, in.key.holder, in.content, job)
}

// scan reads the body, decompressed, into spool and returns where its records are.
func (s *Service) scan(r PushRequest, spool *spool) ([]exchange.Span, error) {
	var spans []exchange.Span
	for span, err := range exchange.Scan(r.Body, spool, exchange.Options{Limits: s.opts.Limits, NDJSON: r.NDJSON}) {
		if err != nil {
			return nil, err
		}
		spans = append(spans, span)
	}
	return spans, nil
}

// A checkedPush is what the checks of a push come to.
type checkedPush struct {
	reply    PushReply
	records  []store.ImportRecord
	audits   []sillon.Date   // of records, in their order; zero when refused
	verdicts []store.Verdict // by rank
	issues   []store.LoggedIssue
}

// refuse notes that a record is refused, and why.
func (c *checkedPush) refuse(rank int, issues ...sillon.Issue) {
	c.records[len(c.records)-1].Refused = true
	c.reply.Refused++
	for _, issue := range issues {
		if issue.Severity == sillon.SeverityError && len(c.reply.Problems) < mostProblems {
			c.reply.Problems = append(c.reply.Problems, issue)
			c.issues = append(c.issues, store.LoggedIssue{Rank: rank, Issue: issue})
		}
	}
}

// check puts every record through the steps of certifier-exchange.md §4, with
// one question to the registry for all of them. When that fails, no farm is
// called unknown: the records are to be sent again.
func (s *Service) check(ctx context.Context, a sillon.Actor, spool *spool, spans []exchange.Span) (*checkedPush, error) {
	numeros, clients := make([]string, len(spans)), make([]string, len(spans))
	for i, span := range spans {
		numeros[i], clients[i] = span.NumeroBio, span.NumeroClient
	}
	var verdicts []store.Verdict
	failure := s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) (err error) {
		verdicts, err = tx.Verdicts(ctx, numeros, clients)
		return err
	})
	if failure != nil {
		s.opts.Log.ErrorContext(ctx, "registry not read", "err", failure)
	}
	ground, err := s.groundNow(ctx)
	if err != nil {
		return nil, err
	}
	c := &checkedPush{reply: PushReply{Received: len(spans)}, records: make([]store.ImportRecord, 0, len(spans)), verdicts: verdicts}
	seen := map[store.FarmAudit]bool{}
	early := func(i int) *sillon.Issue {
		switch {
		case spans[i].Fault != nil:
			return spans[i].Fault
		case failure != nil:
			return new(sillon.IssueRegistreIndisponible(spans[i].NumeroBio))
		}
		return farmIssue(spans[i].NumeroBio, verdicts[i])
	}
	for from := 0; from < len(spans); from += readWindow {
		window := spans[from:min(from+readWindow, len(spans))]
		readings, err := s.readSpans(spool, window, func(i int) (exchange.Env, *sillon.Issue) {
			if issue := early(from + i); issue != nil {
				return exchange.Env{}, issue
			}
			return s.readingEnv(ground, verdicts[from+i], window[i].Index), nil
		})
		if err != nil {
			return nil, err
		}
		for i, r := range readings {
			c.note(window[i], r, seen)
		}
	}
	return c, nil
}

// readWindow is how many records are read side by side before what came of
// them is noted in order.
const readWindow = 64

// An reading is what came of reading a record.
type reading struct {
	audit  sillon.Date
	issues []sillon.Issue // why it is refused; nil when it is not
}

// readSpans reads records side by side, except those that env refuses.
func (s *Service) readSpans(spool *spool, spans []exchange.Span, env func(i int) (exchange.Env, *sillon.Issue)) ([]reading, error) {
	readings := make([]reading, len(spans))
	var next atomic.Int64
	var readers errgroup.Group
	for range min(runtime.GOMAXPROCS(0), len(spans)) {
		readers.Go(guarded(func() error {
			var buf []byte
			for {
				i := int(next.Add(1)) - 1
				if i >= len(spans) {
					return nil
				}
				e, refused := env(i)
				if refused != nil {
					readings[i].issues = []sillon.Issue{*refused}
					continue
				}
				raw, err := spool.at(spans[i].Offset, spans[i].Length, buf)
				if err != nil {
					return err
				}
				if spool.file != nil {
					buf = raw
				}
				record, issues := exchange.Read(raw, e)
				if record == nil {
					readings[i].issues = issues
				} else {
					readings[i].audit = record.AuditDate
				}
			}
		}))
	}
	return readings, readers.Wait()
}

// note adds a record and what came of it.
func (c *checkedPush) note(span exchange.Span, r reading, seen map[store.FarmAudit]bool) {
	numero := sillon.NumeroBio(span.NumeroBio)
	c.records = append(c.records, store.ImportRecord{Rank: span.Index, NumeroBio: numero, Start: span.Offset, Length: int(span.Length)})
	c.audits = append(c.audits, r.audit)
	if r.issues != nil {
		c.refuse(span.Index, r.issues...)
		return
	}
	c.reply.Valid = append(c.reply.Valid, numero)
	key := store.FarmAudit{NumeroBio: numero, Audit: r.audit}
	if seen[key] {
		c.issues = append(c.issues, store.LoggedIssue{Rank: span.Index, Issue: sillon.IssueDuplicateRecord(span.NumeroBio)})
	}
	seen[key] = true
}

// farmIssue is step 2 of certifier-exchange.md §4: the first check that fails.
func farmIssue(numero string, v store.Verdict) *sillon.Issue {
	var issue sillon.Issue
	switch {
	case !v.Known:
		issue = sillon.IssueUnknownNumeroBio(numero)
	case !v.Production:
		issue = sillon.IssueNotProduction(numero)
	case !v.Bound:
		issue = sillon.IssueNoOC(numero)
	case !v.Mine:
		issue = sillon.IssueOCMismatch(numero)
	default:
		return nil
	}
	return &issue
}

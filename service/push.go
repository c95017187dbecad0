package service

import (
	"context"
	"errors"
	"fmt"
	"io"

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
}

// A PushReply says what became of a push at once (certifier-exchange.md §6.1).
type PushReply struct {
	JobID    int64
	Received int
	Refused  int
	Valid    []sillon.NumeroBio // of the accepted records, in order
	Problems []sillon.Issue     // errors only, in order
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
// does that (WorkImports). Failures: an *UnreadableError, sillon.ErrTooLarge.
func (s *Service) Push(ctx context.Context, a sillon.Actor, r PushRequest) (*PushReply, error) {
	if err := sillon.May(a, sillon.ActionPush, sillon.Resource{}); err != nil {
		return nil, err
	}
	spool := newSpool(s.opts.SpoolDir)
	defer func() { _ = spool.Close() }()
	job := store.ImportJob{OC: a.OC, ActorID: a.ID, State: "ERROR", MediaType: r.MediaType, RequestID: r.RequestID}

	spans, err := s.scan(r, spool)
	if syntax, ok := errors.AsType[*exchange.SyntaxError](err); ok {
		job.Error = sillon.ErrUnreadableJSON.Title
		id, err := s.insertImport(ctx, store.NewImport{Job: job})
		if err != nil {
			return nil, err
		}
		return nil, &UnreadableError{JobID: id, Position: syntax.Position}
	}
	if err != nil {
		return nil, err
	}
	checked, err := s.check(ctx, a, spool, spans)
	if err != nil {
		return nil, err
	}
	s.work.checked(checked.reply.Refused, checked.issues)
	reply := checked.reply
	job.State = "CREATED"
	job.Received, job.Accepted, job.Refused = reply.Received, reply.Received-reply.Refused, reply.Refused
	if job.Accepted == 0 {
		job.State = "DONE"
	}
	reply.JobID, err = s.insertImport(ctx, store.NewImport{
		Job: job, SHA256: spool.digest.Sum(nil), Size: spool.size, Pieces: spool.pieces(),
		Records: checked.records, Issues: checked.issues,
	})
	return &reply, err
}

// scan reads the body into spool and returns where its records are.
func (s *Service) scan(r PushRequest, spool *spool) ([]exchange.Span, error) {
	body := r.Body
	if r.Gzip {
		body = exchange.Inflate(body, s.opts.Limits)
	}
	var spans []exchange.Span
	for span, err := range exchange.Scan(body, spool, exchange.Options{Limits: s.opts.Limits, NDJSON: r.NDJSON}) {
		if err != nil {
			return nil, err
		}
		spans = append(spans, span)
	}
	return spans, nil
}

// A checkedPush is what the checks of a push come to.
type checkedPush struct {
	reply   PushReply
	records []store.ImportRecord
	issues  []store.LoggedIssue
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
	c := &checkedPush{reply: PushReply{Received: len(spans)}, records: make([]store.ImportRecord, 0, len(spans))}
	seen := map[auditKey]bool{}
	var buf []byte
	for i, span := range spans {
		numero := sillon.NumeroBio(span.NumeroBio)
		c.records = append(c.records, store.ImportRecord{
			Rank: span.Index, NumeroBio: numero, Start: span.Offset, Length: int(span.Length),
		})
		if span.Fault != nil {
			c.refuse(span.Index, *span.Fault)
			continue
		}
		if failure != nil {
			c.refuse(span.Index, sillon.IssueRegistreIndisponible(span.NumeroBio))
			continue
		}
		if issue := farmIssue(span.NumeroBio, verdicts[i]); issue != nil {
			c.refuse(span.Index, *issue)
			continue
		}
		raw, err := spool.at(span.Offset, span.Length, buf)
		if err != nil {
			return nil, err
		}
		if spool.file != nil {
			buf = raw
		}
		record, issues := exchange.Read(raw, s.readingEnv(ground, verdicts[i], span.Index))
		if record == nil {
			c.refuse(span.Index, issues...)
			continue
		}
		c.reply.Valid = append(c.reply.Valid, numero)
		if key := (auditKey{numero, record.AuditDate}); seen[key] {
			c.issues = append(c.issues, store.LoggedIssue{Rank: span.Index, Issue: sillon.IssueDuplicateRecord(span.NumeroBio)})
		} else {
			seen[key] = true
		}
	}
	return c, nil
}

// An auditKey identifies a version within the reach of one certifier.
type auditKey struct {
	numero sillon.NumeroBio
	audit  sillon.Date
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

func (s *Service) insertImport(ctx context.Context, n store.NewImport) (id int64, err error) {
	err = s.db.InTx(ctx, store.Tenant(n.Job.OC), func(tx *store.Tx) error {
		if id, err = tx.InsertImport(ctx, n); err != nil {
			return err
		}
		if n.Job.State != "CREATED" {
			return s.announceEnd(ctx, tx, id)
		}
		return tx.Enqueue(ctx, store.PushJob{OC: n.Job.OC})
	})
	return id, err
}

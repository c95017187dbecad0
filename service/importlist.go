package service

import (
	"context"
	"strings"
	"time"

	"sillon/sillon"
	"sillon/store"
)

// MaxImports is the largest page of imports (certifier-exchange.md §8).
const MaxImports = 100

// ImportStates are the states that a list of imports can be asked for.
var ImportStates = []string{"CREATED", "PENDING", "DONE", "ERROR"}

// A LogKind says which part of a log is wanted. The zero LogKind is none.
type LogKind uint8

// The kinds of log.
const (
	LogNone LogKind = iota
	LogErrors
	LogWarnings
	LogAll
)

// only is the type of the entries wanted, empty for all.
func (k LogKind) only() string {
	switch k {
	case LogErrors:
		return "error"
	case LogWarnings:
		return "warning"
	case LogAll, LogNone:
	}
	return ""
}

// Errors reports whether errors are wanted.
func (k LogKind) Errors() bool { return k == LogErrors || k == LogAll }

// An ImportQuery selects imports; zero values do not filter.
type ImportQuery struct {
	States       []string // of ImportStates
	From, To     string   // ISO 8601, in Europe/Paris when they name no zone; To counts to the end of its day
	WithRejected bool
	Logs         LogKind
	Payload      bool  // read payloads too
	Before       int64 // imports before this one; it wins over Page
	Page, Limit  int
}

// An ImportLine is an import of a list.
type ImportLine struct {
	ImportView
	// Payload calls its function with each record received, as it is written in
	// the payload; nil when it is not wanted or not here any more. It can be
	// called until the next line is read.
	Payload func(each func(record []byte) error) error
}

// Imports reads a page of the imports an actor may know of, newest first: first
// is called once, with how many there are on all pages and whether another page
// follows this one, then each with every import. Nothing larger than the result
// of one import is held in memory.
func (s *Service) Imports(ctx context.Context, a sillon.Actor, q ImportQuery,
	first func(total int) error, each func(*ImportLine) error,
) (last int64, more bool, err error) {
	if err := sillon.May(a, sillon.ActionReadJob, sillon.Resource{}); err != nil {
		return 0, false, err
	}
	sq := store.ImportQuery{
		States: q.States, WithRejected: q.WithRejected, Before: q.Before, Skip: (q.Page - 1) * q.Limit, Limit: q.Limit + 1,
	}
	if sq.From, err = s.instant("from", q.From); err != nil {
		return 0, false, err
	}
	if sq.Until, err = s.instant("to", q.To); err != nil {
		return 0, false, err
	}
	if !sq.Until.IsZero() {
		y, m, d := sq.Until.In(s.paris).Date()
		sq.Until = time.Date(y, m, d+1, 0, 0, 0, 0, s.paris)
	}
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		total, err := tx.CountImports(ctx, sq)
		if err != nil {
			return err
		}
		jobs, err := tx.Imports(ctx, sq)
		if err != nil {
			return err
		}
		if more = len(jobs) > q.Limit; more {
			jobs = jobs[:q.Limit]
		}
		if err := first(total); err != nil {
			return err
		}
		for i := range jobs {
			if err := s.importLine(ctx, tx, &jobs[i], q.Logs, q.Payload, each); err != nil {
				return err
			}
			last = jobs[i].ID
		}
		return nil
	})
	return last, more, err
}

// ImportDetail is one line of Imports, or sillon.ErrNoImport to whoever may not
// know of it.
func (s *Service) ImportDetail(ctx context.Context, a sillon.Actor, id int64, logs LogKind, payload bool, each func(*ImportLine) error) error {
	return s.withImport(ctx, a, id, func(tx *store.Tx, job *store.ImportJob) error {
		return s.importLine(ctx, tx, job, logs, payload, each)
	})
}

// importLine calls each with a job, its result once it has ended, and what is
// wanted besides.
func (s *Service) importLine(ctx context.Context, tx *store.Tx, job *store.ImportJob, logs LogKind, payload bool, each func(*ImportLine) error) (err error) {
	line := ImportLine{ImportView: ImportView{ImportJob: *job}}
	if job.EndedAt != nil {
		if line.Records, err = tx.ImportResult(ctx, job.ID); err != nil {
			return err
		}
		if logs != LogNone {
			if line.Issues, err = tx.ImportIssues(ctx, job.ID, logs.only()); err != nil {
				return err
			}
		}
	}
	if payload && job.Kept {
		line.Payload = func(each func([]byte) error) error { return streamRecords(ctx, tx, job.ID, each) }
	}
	return each(&line)
}

// streamRecords cuts the payload of a job, piece by piece, into its records.
func streamRecords(ctx context.Context, tx *store.Tx, job int64, each func([]byte) error) error {
	spans, err := tx.ImportSpans(ctx, job)
	if err != nil {
		return err
	}
	var at int64 // of the piece
	var record []byte
	return tx.StreamPayload(ctx, job, func(piece []byte) error {
		for len(spans) > 0 {
			span := spans[0]
			from := max(span.Start+int64(len(record))-at, 0)
			if from >= int64(len(piece)) {
				break
			}
			rest := int64(span.Length - len(record))
			part := piece[from:min(from+rest, int64(len(piece)))]
			if int64(len(part)) < rest {
				record = append(record, part...)
				break
			}
			if len(record) > 0 {
				part = append(record, part...)
				record = part[:0]
			}
			if err := each(part); err != nil {
				return err
			}
			spans = spans[1:]
		}
		at += int64(len(piece))
		return nil
	})
}

// ImportLog reads the log of an import in order of recording, or is
// sillon.ErrNoImport.
func (s *Service) ImportLog(ctx context.Context, a sillon.Actor, id int64, logs LogKind, each func(*LogLine) error) error {
	return s.withImport(ctx, a, id, func(tx *store.Tx, job *store.ImportJob) error {
		return tx.StreamLog(ctx, job.ID, logs.only(), each)
	})
}

// LogLine is an entry of the log of an import.
type LogLine = store.LogLine

// ImportPayload reads the body of an import as it was received, decompressed:
// first is called with its media type, then each with every piece. It is
// sillon.ErrNoPayload once the body is deleted.
func (s *Service) ImportPayload(ctx context.Context, a sillon.Actor, id int64, first func(mediaType string) error, each func([]byte) error) error {
	return s.withImport(ctx, a, id, func(tx *store.Tx, job *store.ImportJob) error {
		if !job.Kept {
			return sillon.ErrNoPayload
		}
		if err := first(job.MediaType); err != nil {
			return err
		}
		return tx.StreamPayload(ctx, job.ID, each)
	})
}

// withImport calls f with an import that a may know of.
func (s *Service) withImport(ctx context.Context, a sillon.Actor, id int64, f func(*store.Tx, *store.ImportJob) error) error {
	if err := sillon.May(a, sillon.ActionReadJob, sillon.Resource{}); err != nil {
		return err
	}
	return s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		job, err := tx.ImportJob(ctx, id)
		if err != nil {
			return noImport(err)
		}
		if err := sillon.May(a, sillon.ActionReadJob, sillon.OnJob(job.OC)); err != nil {
			return sillon.ErrNoImport
		}
		return f(tx, job)
	})
}

// noImport is err, a missing job being a missing import.
func noImport(err error) error {
	if sillon.Failure(err).Code == sillon.ErrNoJob.Code {
		return sillon.ErrNoImport
	}
	return err
}

// instant reads an instant of ISO 8601, in Europe/Paris when it names no zone;
// none is the zero time.
func (s *Service) instant(name, text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	text = strings.Replace(text, " ", "+", 1) // a plus sign that a query string turned into a space
	for _, layout := range []string{
		time.DateOnly, "2006-01-02T15:04", "2006-01-02T15:04:05.999999999", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05.999999999Z07:00",
	} {
		if t, err := time.ParseInLocation(layout, text, s.paris); err == nil && t.Year() >= 1900 && t.Year() <= 2100 {
			return t, nil
		}
	}
	return time.Time{}, sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
}

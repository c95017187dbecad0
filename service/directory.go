package service

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"sillon/sillon"
	"sillon/store"
	"sillon/upstream"
)

// A Directory publishes farms and their certifiers, in pages.
type Directory interface {
	// Page returns at most n farms after the first start of them; none is the end.
	Page(ctx context.Context, start, n int) (upstream.DirectoryPage, error)
}

const (
	// directoryPage is how many farms are asked for, and stored in one transaction.
	directoryPage = 200
	// mostOfDirectory ends the reading of a directory that has no end.
	mostOfDirectory = 1_000_000
)

// FollowsDirectory reports whether there is a directory to follow.
func (s *Service) FollowsDirectory() bool { return s.opts.Directory != nil }

// SyncDirectory goes on with the reading of the directory until it is over or
// budget is spent, and reports whether there is more. A reading that is over
// begins again when it is DirectoryEvery old. A farm that cannot be stored is
// left out; a page that cannot be had is the failure, and is asked for again at
// the next call, whatever node that is on.
func (s *Service) SyncDirectory(ctx context.Context, budget time.Duration) (more bool, err error) {
	if s.opts.Directory == nil {
		return false, nil
	}
	begin := time.Now()
	r, err := s.directoryReading(ctx)
	if err != nil {
		return false, err
	}
	if r.EndedAt != nil {
		if s.opts.Now().Sub(*r.EndedAt) < s.opts.DirectoryEvery {
			return false, nil
		}
		r = store.Reading{}
	}
	for {
		page, err := s.opts.Directory.Page(ctx, r.Position, directoryPage)
		if err != nil {
			return false, err
		}
		stored, err := s.storeListed(ctx, page.Farms)
		if err != nil {
			return false, fmt.Errorf("farms of the directory from %d: %w", r.Position, err)
		}
		r.Position, r.Farms, r.Refused = r.Position+len(page.Farms), r.Farms+stored, r.Refused+len(page.Farms)-stored
		over := len(page.Farms) == 0 || page.Total > 0 && r.Position >= page.Total || r.Position >= mostOfDirectory
		if over {
			now := s.opts.Now()
			r.EndedAt = &now
		}
		if err := s.db.InTx(ctx, store.System, func(tx *store.Tx) error { return tx.NoteReading(ctx, r) }); err != nil {
			return false, err
		}
		if over {
			s.opts.Log.InfoContext(ctx, "directory read", "farms", r.Farms, "refused", r.Refused)
			return false, nil
		}
		if time.Since(begin) >= budget {
			return true, nil
		}
	}
}

func (s *Service) directoryReading(ctx context.Context) (r store.Reading, err error) {
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		r, err = tx.DirectoryReading(ctx)
		return err
	})
	return r, err
}

// storeListed stores farms of the directory as a file of them, or, when
// something is wrong with one of them, those that can be. It returns how many.
func (s *Service) storeListed(ctx context.Context, farms []json.RawMessage) (stored int, err error) {
	if len(farms) == 0 {
		return 0, nil
	}
	// A farm that stands twice in a page counts twice.
	_, _, err = s.ImportFarms(ctx, bytes.NewReader(append(append([]byte{'['}, bytes.Join(raw(farms), []byte{','})...), ']')))
	if err == nil || !errors.Is(err, sillon.ErrFarmsRefused) {
		return len(farms), err
	}
	if len(farms) == 1 {
		s.opts.Log.WarnContext(ctx, "farm of the directory left out", "why", codes(err))
		return 0, nil
	}
	for i := range farms {
		n, err := s.storeListed(ctx, farms[i:i+1])
		if err != nil {
			return stored, err
		}
		stored += n
	}
	return stored, nil
}

func raw(farms []json.RawMessage) [][]byte {
	parts := make([][]byte, len(farms))
	for i, f := range farms {
		parts[i] = f
	}
	return parts
}

// codes are those of the issues of a failure: a log tells nothing of a farm.
func codes(err error) (list []string) {
	for _, issue := range sillon.Failure(err).Issues {
		list = append(list, issue.Code)
	}
	return list
}

package service

import (
	"context"
	"io"

	"sillon/importers/registry"
	"sillon/sillon"
	"sillon/store"
)

// ImportFarms reads a file of the registry and stores its farms and links, all
// or nothing: with an error anywhere it is sillon.ErrFarmsRefused, which
// holds every error by line. warnings do not refuse.
func (s *Service) ImportFarms(ctx context.Context, r io.Reader) (n int, warnings []sillon.Issue, err error) {
	farms, issues, err := registry.Read(r)
	if err != nil {
		return 0, nil, err
	}
	var errs []sillon.Issue
	for _, issue := range issues {
		if issue.Severity == sillon.SeverityError {
			errs = append(errs, issue)
		} else {
			warnings = append(warnings, issue)
		}
	}
	if len(errs) > 0 {
		return 0, warnings, sillon.ErrFarmsRefused.With(errs...)
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error { return tx.SaveFarms(ctx, farms) })
	return len(farms), warnings, err
}

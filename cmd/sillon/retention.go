package main

import (
	"context"
	"fmt"
	"math"
	"text/tabwriter"

	"sillon/service"
)

type retentionCommand struct {
	DryRun bool `help:"Count what is due and remove nothing."`
}

// Run removes what was kept long enough, as the service does every day, and
// prints how much of each kind it was.
func (c retentionCommand) Run(ctx context.Context, env *environment) error {
	return env.withService(ctx, func(svc *service.Service) (err error) {
		var kinds []service.Retained
		if c.DryRun {
			kinds, err = svc.RetentionDue(ctx)
		} else {
			kinds, _, err = svc.Retain(ctx, math.MaxInt64)
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		for _, k := range kinds {
			_, _ = fmt.Fprintf(w, "%s\t%d\n", k.Kind, k.Count)
		}
		if failure := w.Flush(); err == nil {
			err = failure
		}
		return err
	})
}

package main

import (
	"context"
	"fmt"
	"io"

	"github.com/schollz/progressbar/v3"

	"sillon/service"
)

type demoCommand struct {
	Parcels int    `help:"How many parcels, over all versions." default:"10000"`
	Seed    uint64 `help:"The same seed gives the same farms." default:"1"`
}

const mostDemoParcels = 20_000_000

func (c demoCommand) check(f *faults) { f.checkNumber("parcels", c.Parcels, 1, mostDemoParcels) }

// Run stores invented farms.
func (c demoCommand) Run(ctx context.Context, env *environment) error {
	return env.withService(ctx, func(svc *service.Service) error { return env.demo(ctx, svc, c.Seed, c.Parcels) })
}

func (e *environment) demo(ctx context.Context, svc *service.Service, seed uint64, parcels int) error {
	bar := e.progress(parcels, "parcelles de démonstration")
	n, err := svc.StoreDemo(ctx, seed, parcels, bar.set)
	bar.done()
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(e.stdout, "%d parcelles de démonstration enregistrées\n", n)
	return err
}

// A progress shows how far a command is, at a terminal only.
type progress struct{ bar *progressbar.ProgressBar }

// progress returns one of so many steps; -1 is an unknown number.
func (e *environment) progress(steps int, what string) progress {
	w := e.stderr
	if !isTerminal(w) {
		w = io.Discard
	}
	return progress{progressbar.NewOptions(steps, progressbar.OptionSetWriter(w), progressbar.OptionSetDescription(what),
		progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(100_000_000))}
}

func (p progress) set(n int) { _ = p.bar.Set(n) } // a bar that cannot be drawn stops nothing

func (p progress) done() { _ = p.bar.Finish() }

// Command sillon is the exchange of France's organic parcels: it runs the
// service, and its operator's tools.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set by the build.
var version = "dev"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// cli holds every command, with the settings they share.
type cli struct {
	Settings

	Up        upCommand        `cmd:"" help:"Run everything: a private PostGIS in the data directory, its schema, and the service."`
	Serve     serveCommand     `cmd:"" help:"Run the service."`
	Migrate   migrateCommand   `cmd:"" help:"Bring the database to the present schema."`
	Farms     farmsCommand     `cmd:"" help:"The registry of farms."`
	Reference referenceCommand `cmd:"" help:"Communes, départements and régions."`
	Token     tokenCommand     `cmd:"" help:"Service tokens."`
	Retention retentionCommand `cmd:"" help:"Remove what was kept long enough."`
	Demo      demoCommand      `cmd:"" help:"Store invented farms."`
	Version   versionCommand   `cmd:"" help:"Print the version."`
}

// A checker is a command with flags of its own that may be wrong.
type checker interface{ check(*faults) }

// A server is a command that serves, for which more of the settings matters.
type server interface{ serves() }

// An environment is what a command works with.
type environment struct {
	config
	stdout io.Writer // what the command produces
	stderr io.Writer // everything else
}

// run runs one command and returns the code to exit with: 0 when it did its
// work, 1 when it could not, 2 when it was not asked right.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var c cli
	var wrong faults
	parser, err := kong.New(&c, append(wrong.mappers(), kong.Name("sillon"),
		kong.Description("The exchange of France's organic parcels."),
		kong.DefaultEnvars("SILLON"), kong.Vars{"workers": defaultWorkers()}, kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { panic(exit(code)) }))...)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "sillon:", err)
		return 2
	}
	code, command := parse(parser, args, stderr)
	if command == nil {
		return code
	}
	cfg := c.check(&wrong)
	if _, serves := command.Selected().Target.Addr().Interface().(server); serves {
		c.checkServing(&wrong)
	}
	if own, ok := command.Selected().Target.Addr().Interface().(checker); ok {
		own.check(&wrong)
	}
	if len(wrong) > 0 {
		_, _ = fmt.Fprintf(stderr, "sillon: the configuration has faults:\n%s\n", strings.Join(wrong, "\n"))
		return 2
	}
	env := &environment{config: cfg, stdout: stdout, stderr: stderr}
	command.BindTo(ctx, (*context.Context)(nil))
	if err := command.Run(env); err != nil {
		if errors.Is(err, context.Canceled) && ctx.Err() != nil {
			return 1
		}
		report(stderr, err)
		return 1
	}
	return 0
}

// exit is how kong ends after --help.
type exit int

func parse(parser *kong.Kong, args []string, stderr io.Writer) (code int, command *kong.Context) {
	defer func() {
		if v := recover(); v != nil {
			e, ok := v.(exit)
			if !ok {
				panic(v)
			}
			code, command = int(e), nil
		}
	}()
	command, err := parser.Parse(args)
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "sillon:", err)
		return 2, nil
	}
	return 0, command
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(env *environment) error {
	_, err := fmt.Fprintln(env.stdout, version)
	return err
}

// Command withdb runs a command with a throwaway PostGIS server, as tests need:
//
//	go run ./store/storetest/withdb go test ./...
//
// The command finds in TEST_DATABASE_URL the address of the server, with %s in
// place of the database. withdb ends as the command did, and leaves nothing.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"sillon/store/cluster"
)

const variable = "TEST_DATABASE_URL"

func main() {
	code, err := run(context.Background(), os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "withdb:", err)
	}
	os.Exit(code)
}

// run returns the exit code of the command, and 1 with each of its own errors.
func run(ctx context.Context, command []string) (code int, err error) {
	if len(command) == 0 {
		return 1, errors.New("usage: withdb COMMAND [ARGUMENT]…")
	}
	// The command gets the signals too: we must outlive it to clean up.
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	// Not os.TempDir, which may be closed to the user that the server runs as.
	dir, err := os.MkdirTemp("/tmp", "sillon-withdb-")
	if err != nil {
		return 1, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	if err := os.Chmod(dir, 0o711); err != nil {
		return 1, err
	}
	server, err := cluster.Open(ctx, cluster.Options{Dir: filepath.Join(dir, "db"), Unsafe: true})
	if err != nil {
		return 1, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		err = errors.Join(err, server.Close(ctx))
	}()

	cmd := exec.CommandContext(ctx, command[0], command[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), variable+"="+strings.Replace(server.URL("DATABASE", cluster.Superuser), "DATABASE", "%s", 1))
	if err := cmd.Start(); err != nil {
		return 1, err
	}
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	return exitCode(cmd.Wait())
}

// exitCode returns what a shell would of a command that ended.
func exitCode(err error) (int, error) {
	ended, ok := errors.AsType[*exec.ExitError](err)
	if !ok {
		return 0, err
	}
	if status, ok := ended.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal()), nil
	}
	return ended.ExitCode(), nil
}

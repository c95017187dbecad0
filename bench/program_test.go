package bench

import (
	"bytes"
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// A program is a server that runs for a while.
type program struct {
	name, address string // address is host:port
	cmd           *exec.Cmd
	log           string // path of what it says
	begun         time.Time
}

// build builds one of our commands and returns its path.
func build(b *testing.B, dir, pkg string) string {
	b.Helper()
	bin := filepath.Join(dir, filepath.Base(pkg))
	command(b, "go", "build", "-trimpath", "-o", bin, pkg)
	return bin
}

// command runs a program to its end and returns what it prints.
func command(b *testing.B, bin string, args ...string) string {
	b.Helper()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(b.Context(), bin, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		b.Fatalf("%s %s: %v\n%s", filepath.Base(bin), strings.Join(args, " "), err, errs.String())
	}
	return strings.TrimSpace(out.String())
}

// freeAddress returns an address that nobody listens on.
func freeAddress(b *testing.B) string {
	b.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(b.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// launch starts a server with our environment and more, in dir, and waits until
// it answers at path. It is stopped at the end unless it was before.
func launch(b *testing.B, dir, name, address, path string, env []string, bin string, args ...string) *program {
	b.Helper()
	p := &program{name: name, address: address, log: filepath.Join(dir, name+".log"), begun: time.Now()}
	log, err := os.Create(p.log)
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = log.Close() }()
	p.cmd = exec.CommandContext(context.WithoutCancel(b.Context()), bin, args...)
	p.cmd.Dir, p.cmd.Env, p.cmd.Stdout, p.cmd.Stderr = dir, append(os.Environ(), env...), log, log
	if err := p.cmd.Start(); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { p.stop(b) })
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if p.answers(b.Context(), path) {
			return p
		}
	}
	said, _ := os.ReadFile(p.log)
	b.Fatalf("%s does not answer at %s\n%s", name, path, said[max(0, len(said)-3000):])
	return nil
}

func (p *program) answers(ctx context.Context, path string) bool {
	c, err := dial(ctx, p.address)
	if err != nil {
		return false
	}
	defer func() { _ = c.conn.Close() }()
	a, err := c.do(request(p.address, path, ""), nil)
	return err == nil && a.status == http.StatusOK
}

// stop ends the server in order, at once after half a minute.
func (p *program) stop(b *testing.B) {
	b.Helper()
	if p.cmd.ProcessState != nil {
		return
	}
	_ = p.cmd.Process.Signal(os.Interrupt)
	late := time.AfterFunc(30*time.Second, func() { _ = p.cmd.Process.Kill() })
	defer late.Stop()
	_ = p.cmd.Wait() // how a peer ends is its own affair
}

func (p *program) pid() int { return p.cmd.Process.Pid }

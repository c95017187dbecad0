package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test: the real one, built once.
var binary string

func TestMain(m *testing.M) {
	code, err := withBinary(m.Run)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func withBinary(f func() int) (int, error) {
	dir, err := os.MkdirTemp("", "sillon-cmd-")
	if err != nil {
		return 0, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "sillon")
	args := []string{"build", "-buildvcs=false", "-o", binary}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.CommandContext(context.Background(), "go", append(args, ".")...).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("build: %w\n%s", err, out)
	}
	return f(), nil
}

// environ is the environment of a program: ours without what configures Sillon,
// with more.
func environ(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "SILLON_") })
	return append(env, more...)
}

// A result is how a command ended.
type result struct {
	code           int
	stdout, stderr string
}

// A call is a command to run.
type call struct {
	env   []string
	stdin string
	args  []string
}

// run runs a command to its end.
func (c call) run(t *testing.T) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, c.args...)
	cmd.Dir, cmd.Env, cmd.Stdin = t.TempDir(), environ(c.env...), strings.NewReader(c.stdin)
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if ended, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok || ok && !ended.Exited() {
		t.Fatalf("%q: %v\n%s", c.args, err, stderr.String())
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must is run for a command that works, and returns what it produced.
func (c call) must(t *testing.T) string {
	t.Helper()
	r := c.run(t)
	if r.code != 0 {
		t.Fatalf("%q: exit code %d\n%s", c.args, r.code, r.stderr)
	}
	return r.stdout
}

// A node is a running service.
type node struct {
	url    string
	cmd    *exec.Cmd
	stdout *strings.Builder
	ended  chan struct{} // closed after the process ended and its output was read

	mu     sync.Mutex
	stderr strings.Builder
}

// start runs a command that serves on a free port, until it says where. It is
// stopped when t ends.
func start(t *testing.T, env []string, args ...string) *node {
	t.Helper()
	n := &node{stdout: &strings.Builder{}, ended: make(chan struct{})}
	n.cmd = exec.CommandContext(context.WithoutCancel(t.Context()), binary, append(args, "--listen", "127.0.0.1:0")...)
	n.cmd.Dir, n.cmd.Env, n.cmd.Stdout = t.TempDir(), environ(env...), n.stdout
	stderr, err := n.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := n.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		n.signal(syscall.SIGTERM)
		<-n.ended
		if t.Failed() {
			t.Logf("%q said:\n%s", args, n.said())
		}
	})
	ready := make(chan string, 1)
	go func() {
		defer close(n.ended)
		n.read(stderr, ready)
		_ = n.cmd.Wait() // the test looks at how it ended
	}()
	select {
	case n.url = <-ready:
	case <-n.ended:
		t.Fatalf("%q ended: %v\n%s", args, n.cmd.ProcessState, n.said())
	case <-time.After(time.Minute):
		t.Fatalf("%q does not serve", args)
	}
	return n
}

// read keeps what the service says, and passes the address it serves to ready.
func (n *node) read(r io.Reader, ready chan<- string) {
	for lines := bufio.NewScanner(r); lines.Scan(); {
		n.mu.Lock()
		n.stderr.WriteString(lines.Text() + "\n")
		n.mu.Unlock()
		if address, ok := strings.CutPrefix(lines.Text(), "Sillon est prêt : "); ok {
			ready <- strings.TrimSuffix(address, "/")
		}
	}
}

// said returns what the service wrote to standard error.
func (n *node) said() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stderr.String()
}

func (n *node) signal(s syscall.Signal) { _ = n.cmd.Process.Signal(s) } // it may have ended

// end waits for the end of the service and returns its exit code, -1 when a
// signal ended it.
func (n *node) end(t *testing.T) int {
	t.Helper()
	select {
	case <-n.ended:
	case <-time.After(40 * time.Second):
		t.Fatal("the service does not end")
	}
	return n.cmd.ProcessState.ExitCode()
}

// stop stops the service as an operator does, and makes sure that it ends well
// and in time (O14).
func (n *node) stop(t *testing.T) {
	t.Helper()
	begin := time.Now()
	n.signal(syscall.SIGTERM)
	if code := n.end(t); code != 0 {
		t.Errorf("exit code %d after SIGTERM, want 0\n%s", code, n.said())
	}
	if d := time.Since(begin); d > 30*time.Second {
		t.Errorf("stopped after %v, want less than 30 s", d)
	}
}

// do sends a request with a token and returns the status and the body.
func (n *node) do(t *testing.T, method, path, token, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, n.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		request.Header.Set("Authorization", token)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	b, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(b)
}

func (n *node) get(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return n.do(t, http.MethodGet, path, token, "")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		args   []string
		env    []string
		code   int
		stdout []string // found there; none: it is empty
		stderr []string
	}{
		{"version", []string{"version"}, nil, 0, []string{"dev\n"}, nil},
		{"help", []string{"--help"}, nil, 0, []string{"Usage: sillon", "farms import", "token create", "SILLON_DATA_DIR"}, nil},
		{"help of a command", []string{"up", "--help"}, nil, 0, []string{"--demo-parcels", "$SILLON_LISTEN"}, nil},
		{"no command", nil, nil, 2, nil, []string{`sillon: expected one of "up"`}},
		{"unknown command", []string{"bogus"}, nil, 2, nil, []string{"sillon: unexpected argument bogus"}},
		{"unknown flag", []string{"version", "--bogus"}, nil, 2, nil, []string{"sillon: unknown flag --bogus"}},
		{"no role", []string{"token", "create"}, nil, 2, nil, []string{"--role (SILLON_ROLE): needed"}},
		{
			"O17: no role, among other faults",
			[]string{"token", "create", "--certifier", "many", "--expires=-1h", "--connections", "1"},
			nil, 2, nil,
			[]string{
				"--role (SILLON_ROLE): needed", "--certifier (SILLON_CERTIFIER): ", "--expires (SILLON_EXPIRES): negative",
				"--connections (SILLON_CONNECTIONS): 1 is not",
			},
		},
		{
			"a token for nobody",
			[]string{"token", "create", "--role", "oc_service", "--expires=-1h"},
			nil, 2, nil,
			[]string{"--certifier (SILLON_CERTIFIER): needed for oc_service", "--expires (SILLON_EXPIRES): negative"},
		},
		{
			"a token of an unknown role",
			[]string{"token", "create", "--role", "chef", "--certifier", "3"},
			nil, 2, nil,
			[]string{`--role (SILLON_ROLE): "chef"`, "--certifier (SILLON_CERTIFIER): only for oc_service"},
		},
		{"a long overlap", []string{"token", "rotate", "x", "--overlap", "1000h"}, nil, 2, nil, []string{"--overlap (SILLON_OVERLAP): 1000h0m0s is not from 0 to 720h"}},
		{"too few demonstration parcels", []string{"demo", "--parcels", "0"}, nil, 2, nil, []string{"--parcels (SILLON_PARCELS): 0 is not"}},
		{
			"an owner's address alone",
			[]string{"serve", "--admin-database-url", "postgres://a/b"},
			nil, 2, nil,
			[]string{"--admin-database-url (SILLON_ADMIN_DATABASE_URL): needs --database-url"},
		},
		{
			"O17: every fault of flags and variables, at once",
			[]string{"up", "--listen", "nowhere", "--demo-parcels", "many", "--connections", "1", "--data-dir", "", "--public-url", "ftp://x"},
			[]string{
				"SILLON_WORKERS=0", "SILLON_LOG_LEVEL=loud", "SILLON_BACKGROUND=moon", "SILLON_DEMO=perhaps",
				"SILLON_DATABASE_URL=mysql://x", "SILLON_ADMIN_DATABASE_URL=://",
				"SILLON_RATE_TOKEN=-1", "SILLON_TRUSTED_PROXIES=10.0.0.0/8, here", "SILLON_METRICS_LISTEN=9090", "SILLON_TILES_MEMORY=12Mo",
			},
			2, nil,
			[]string{
				"sillon: the configuration has faults:\n",
				`--listen (SILLON_LISTEN): "nowhere" is not host:port`, `--demo-parcels (SILLON_DEMO_PARCELS): `,
				"--connections (SILLON_CONNECTIONS): 1 is not a number from 2 to 1000", "--data-dir (SILLON_DATA_DIR): empty",
				`--public-url (SILLON_PUBLIC_URL): "ftp://x"`, "--workers (SILLON_WORKERS): 0 is not a number from 1 to 100",
				"--rate-token (SILLON_RATE_TOKEN): -1 is not a number", `--trusted-proxies (SILLON_TRUSTED_PROXIES): "here"`,
				`--metrics-listen (SILLON_METRICS_LISTEN): "9090" is not host:port`, `--log-level (SILLON_LOG_LEVEL): "loud"`, `--background (SILLON_BACKGROUND): "moon"`,
				`--demo (SILLON_DEMO): `, `--tiles-memory (SILLON_TILES_MEMORY): "12Mo" is not a size`, "--database-url (SILLON_DATABASE_URL): not a postgres:// address",
				"--admin-database-url (SILLON_ADMIN_DATABASE_URL): not a postgres:// address",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got := call{env: tt.env, args: tt.args}.run(t)
			if got.code != tt.code {
				t.Errorf("exit code %d, want %d", got.code, tt.code)
			}
			holds(t, "stdout", got.stdout, tt.stdout)
			holds(t, "stderr", got.stderr, tt.stderr)
		})
	}
}

// holds makes sure that a stream holds some texts, or nothing.
func holds(t *testing.T, name, stream string, texts []string) {
	t.Helper()
	if len(texts) == 0 && stream != "" {
		t.Errorf("%s = %q, want nothing", name, stream)
	}
	for _, text := range texts {
		if !strings.Contains(stream, text) {
			t.Errorf("%s lacks %q:\n%s", name, text, stream)
		}
	}
}

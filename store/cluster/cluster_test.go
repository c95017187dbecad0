package cluster_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"sillon/store/cluster"
)

// holdVariable has the test binary hold a directory, to be killed.
const holdVariable = "SILLON_TEST_HOLD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(holdVariable); dir != "" {
		c, err := cluster.Open(context.Background(), cluster.Options{Dir: dir, Exclusive: true})
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(c.URL(cluster.Database, cluster.Superuser))
		<-c.Exited()
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func TestOpenFirst(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	c := open(t, cluster.Options{Dir: dir, Exclusive: true, Unsafe: true})
	if c.Version() < 15 {
		t.Errorf("Version() = %d, want at least 15", c.Version())
	}
	conn := connect(t, c)
	if _, err := conn.Exec(t.Context(), `CREATE EXTENSION postgis`); err != nil {
		t.Errorf("create postgis: %v", err)
	}
	tests := []struct{ setting, want string }{
		{"listen_addresses", ""},
		{"jit", "off"},
		{"max_parallel_workers_per_gather", "0"},
		{"server_encoding", "UTF8"},
		{"unix_socket_permissions", "0700"},
	}
	for _, tt := range tests {
		if got := query[string](t, conn, `SELECT current_setting('`+tt.setting+`')`); got != tt.want {
			t.Errorf("%s = %q, want %q", tt.setting, got, tt.want)
		}
	}
	pid := postmaster(t, conn)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(t.Context()); err != nil {
		t.Errorf("second Close() = %v, want nil", err)
	}
	if alive(pid) {
		t.Errorf("process %d lives after Close", pid)
	}
	wait(t, c.Exited())
}

func TestOnlyOwnersMayConnect(t *testing.T) {
	t.Parallel()
	c := open(t, cluster.Options{Dir: newDir(t), Unsafe: true})
	conn := connect(t, c)

	if got := query[int](t, conn, `SELECT count(*) FROM pg_hba_file_rules WHERE auth_method <> 'peer' OR type <> 'local' OR error IS NOT NULL`); got != 0 {
		t.Errorf("%d ways in other than peer on the socket, want none", got)
	}
	rows, _ := conn.Query(t.Context(), `SELECT DISTINCT sys_name FROM pg_ident_file_mappings`)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(socketOf(t, conn))
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("mode of the socket's directory = %o, want 700", got)
	}
	if len(names) > 2 || !slices.Contains(names, "root") {
		t.Errorf("%q may connect, want root and the server's user", names)
	}

	if _, err := conn.Exec(t.Context(), `CREATE ROLE `+cluster.APIRole+` LOGIN; CREATE ROLE other LOGIN`); err != nil {
		t.Fatal(err)
	}
	api, err := pgx.Connect(t.Context(), c.URL(cluster.Database, cluster.APIRole))
	if err != nil {
		t.Fatalf("connect as %s: %v", cluster.APIRole, err)
	}
	if err := api.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if other, err := pgx.Connect(t.Context(), c.URL(cluster.Database, "other")); err == nil {
		t.Error("connect as another role: no error, want a refusal")
		_ = other.Close(t.Context())
	}
}

func TestSecondOpen(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	up := open(t, cluster.Options{Dir: dir, Exclusive: true, Unsafe: true})
	if err := up.Announce("http://localhost:8080"); err != nil {
		t.Fatal(err)
	}

	_, err := cluster.Open(t.Context(), cluster.Options{Dir: dir, Exclusive: true})
	if !errors.Is(err, cluster.ErrRunning) {
		t.Fatalf("second exclusive Open() = %v, want ErrRunning", err)
	}
	running, _ := errors.AsType[*cluster.RunningError](err)
	want := cluster.RunningError{Dir: running.Dir, PID: os.Getpid(), Address: "http://localhost:8080"}
	if *running != want {
		t.Errorf("second exclusive Open() = %+v, want %+v", *running, want)
	}

	command := open(t, cluster.Options{Dir: dir})
	pid := postmaster(t, connect(t, command))
	if err := command.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := postmaster(t, connect(t, up)); got != pid {
		t.Errorf("server is process %d for one, %d for the other", got, pid)
	}

	command = open(t, cluster.Options{Dir: dir})
	if err := up.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	connect(t, command) // the last one to leave stops the server
	if err := command.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if alive(pid) {
		t.Errorf("process %d lives after the last Close", pid)
	}
}

func TestConcurrentFirstOpens(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	type result struct {
		c   *cluster.Cluster
		err error
	}
	results := make(chan result)
	for range 3 {
		go func() {
			c, err := cluster.Open(t.Context(), cluster.Options{Dir: dir, Unsafe: true})
			results <- result{c, err}
		}()
	}
	servers := make(map[int]bool)
	for range 3 {
		r := <-results
		if r.err != nil {
			t.Error(r.err)
			continue
		}
		t.Cleanup(func() { closeCluster(t, r.c) })
		servers[postmaster(t, connect(t, r.c))] = true
	}
	if len(servers) != 1 {
		t.Errorf("%d servers run, want 1", len(servers))
	}
}

func TestServerKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	up := open(t, cluster.Options{Dir: dir, Exclusive: true})
	conn := connect(t, up)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 42 AS n`); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(postmaster(t, conn), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	wait(t, up.Exited())

	command := open(t, cluster.Options{Dir: dir})
	if got := query[int](t, connect(t, command), `SELECT n FROM kept`); got != 42 {
		t.Errorf("read %d after the crash, want 42", got)
	}
	connect(t, up) // through its own address: a pool finds the new server
}

func TestHolderKilled(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	holder := exec.CommandContext(t.Context(), os.Args[0])
	holder.Env = append(os.Environ(), holdVariable+"="+dir)
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	conn, err := pgx.Connect(t.Context(), strings.TrimSpace(address))
	if err != nil {
		t.Fatalf("connect to %q: %v", address, err)
	}
	orphan := postmaster(t, conn)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 42 AS n`); err != nil {
		t.Fatal(err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait()

	begin := time.Now()
	up := open(t, cluster.Options{Dir: dir, Exclusive: true})
	if d := time.Since(begin); d > 10*time.Second {
		t.Errorf("recovery took %v", d)
	}
	conn = connect(t, up)
	if got := query[int](t, conn, `SELECT n FROM kept`); got != 42 {
		t.Errorf("read %d, want 42", got)
	}
	if alive(orphan) {
		t.Errorf("process %d still runs beside %d", orphan, postmaster(t, conn))
	}
}

func TestStaleLockFile(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	c := open(t, cluster.Options{Dir: dir, Unsafe: true})
	data := query[string](t, connect(t, c), `SELECT current_setting('data_directory')`)
	if err := c.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	// As after a reboot, when the number belongs to another living process.
	lock := fmt.Sprintf("%d\n%s\n1\n5432\n\n\n", os.Getppid(), data)
	if err := os.WriteFile(filepath.Join(data, "postmaster.pid"), []byte(lock), 0o600); err != nil {
		t.Fatal(err)
	}
	connect(t, open(t, cluster.Options{Dir: dir, Unsafe: true}))
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		path string
		mode os.FileMode
	}{
		{"spaces and quotes", `mes données, "bio" 100%`, 0o755},
		{"too long for a socket", strings.Repeat("parcellaire/", 12), 0o755},
		{"below a private directory", "private/data", 0o700},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			parent := newDir(t)
			if err := os.Chmod(parent, tt.mode); err != nil {
				t.Fatal(err)
			}
			dir := filepath.Join(parent, tt.path)
			for range 2 {
				c := open(t, cluster.Options{Dir: dir, Unsafe: true})
				conn := connect(t, c)
				if _, err := conn.Exec(t.Context(), `CREATE TABLE IF NOT EXISTS kept (n int)`); err != nil {
					t.Fatal(err)
				}
				socket := socketOf(t, conn)
				if err := c.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				if _, err := os.Stat(socket); strings.HasPrefix(socket, "/tmp/sillon-") && err == nil {
					t.Errorf("%s is left", socket)
				}
			}
		})
	}
}

func TestOtherVersion(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	if err := os.MkdirAll(filepath.Join(dir, "postgres"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "postgres", "PG_VERSION"), []byte("9\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := cluster.Open(t.Context(), cluster.Options{Dir: dir})
	if err == nil || !strings.Contains(err.Error(), "made by PostgreSQL 9") {
		t.Errorf("Open() = %v, want a word about the version", err)
	}
}

func TestFindNothing(t *testing.T) {
	t.Parallel()
	_, err := cluster.Open(t.Context(), cluster.Options{Dir: newDir(t), Bindir: t.TempDir()})
	missing, ok := errors.AsType[*cluster.MissingError](err)
	if !ok || strings.Contains(missing.Error(), "\n") || missing.Install == "" {
		t.Errorf("Open() = %v, want one line that says what to install", err)
	}
}

func TestFindWithoutPostGIS(t *testing.T) {
	t.Parallel()
	dir, share := t.TempDir(), t.TempDir()
	for name, says := range map[string]string{
		"initdb": "", "postgres": "postgres (PostgreSQL) 99.1", "pg_config": share,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\necho '"+says+"'\n"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	_, err := cluster.Find(t.Context(), dir)
	missing, ok := errors.AsType[*cluster.MissingError](err)
	if !ok || missing.What != "PostGIS for PostgreSQL 99" {
		t.Errorf("Find() = %v, want PostGIS missing", err)
	}
}

// newDir returns a directory that the server's user can enter.
func newDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "sillon-test-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = filepath.WalkDir(dir, func(path string, _ os.DirEntry, _ error) error {
			if filepath.Base(path) == "home" { // the files are elsewhere
				if b, err := os.ReadFile(path); err == nil {
					return os.RemoveAll(strings.TrimSpace(string(b)))
				}
			}
			return nil
		})
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, o cluster.Options) *cluster.Cluster {
	t.Helper()
	c, err := cluster.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeCluster(t, c) })
	return c
}

func closeCluster(t *testing.T, c *cluster.Cluster) {
	t.Helper()
	if err := c.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

func connect(t *testing.T, c *cluster.Cluster) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), c.URL(cluster.Database, cluster.Superuser))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, sql string) T {
	t.Helper()
	var v T
	if err := conn.QueryRow(t.Context(), sql).Scan(&v); err != nil {
		t.Fatal(err)
	}
	return v
}

// socketOf returns the directory of the server's socket.
func socketOf(t *testing.T, conn *pgx.Conn) string {
	t.Helper()
	quoted := query[string](t, conn, `SELECT current_setting('unix_socket_directories')`)
	return strings.ReplaceAll(strings.Trim(quoted, `"`), `""`, `"`)
}

// postmaster returns the process of the server.
func postmaster(t *testing.T, conn *pgx.Conn) int {
	t.Helper()
	first := query[string](t, conn, `SELECT split_part(pg_read_file('postmaster.pid'), E'\n', 1)`)
	pid, err := strconv.Atoi(first)
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// alive tells whether a process runs; one that awaits its parent is dead.
func alive(pid int) bool {
	out, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if errors.Is(err, os.ErrNotExist) {
		return syscall.Kill(pid, 0) == nil
	}
	_, state, _ := strings.Cut(string(out), ") ")
	return err == nil && !strings.HasPrefix(state, "Z")
}

func wait(t *testing.T, c <-chan struct{}) {
	t.Helper()
	select {
	case <-c:
	case <-time.After(30 * time.Second):
		t.Fatal("the end of the server was not told")
	}
}

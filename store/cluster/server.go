package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	dataName   = "postgres"      // database files, in home
	hbaName    = "pg_hba.conf"   // who may connect, beside them: the server cannot change it
	mapName    = "pg_ident.conf" // and as whom
	runName    = "run"           // directory of the socket, in home
	socketName = ".s.PGSQL.5432" // as PostgreSQL calls it
	logName    = "postgres.log"  // in the data directory

	// stateDir holds the database files of directories that the server's user
	// cannot enter, such as those below root's own.
	stateDir = "/var/lib/sillon"

	// longest is what the path of a socket may measure on every system.
	longest = 103

	pause    = 20 * time.Millisecond // between two looks at a process or a lock
	patience = 10 * time.Second      // for what a killed server leaves
	logLimit = 16 << 20              // bytes; the log starts anew above
)

func (c *Cluster) data() string { return filepath.Join(c.home.Name(), dataName) }

// openHome opens the directory that holds, or will hold, the database files.
func (c *Cluster) openHome(ctx context.Context) (err error) {
	home := recall(c.root, homeFile)
	switch {
	case home != "":
	case c.account.reaches(ctx, c.dir):
		home = c.dir
	default:
		if err := os.MkdirAll(stateDir, 0o755); err != nil {
			return fmt.Errorf("place for the database files: %w", err)
		}
		if home, err = os.MkdirTemp(stateDir, "data-"); err != nil {
			return fmt.Errorf("place for the database files: %w", err)
		}
		if err := errors.Join(os.Chmod(home, 0o711), c.write(c.root, homeFile, home+"\n", 0o600)); err != nil {
			return err
		}
	}
	if home != c.dir {
		c.log.Info("user "+c.account.name+" cannot enter the data directory: the database files are elsewhere", "dir", c.dir, "files", home)
	}
	if c.home, err = os.OpenRoot(home); err != nil {
		return fmt.Errorf("database files of %s: %w", c.dir, err)
	}
	return nil
}

// choose takes the binaries of the version that made the files, or the best.
func (c *Cluster) choose(ctx context.Context, bindir string) error {
	found, err := list(ctx, bindir)
	if err != nil {
		return err
	}
	c.bin = found[0]
	b, err := c.home.ReadFile(filepath.Join(dataName, "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return c.initialise(ctx)
	}
	if err != nil {
		return fmt.Errorf("version of the database files: %w", err)
	}
	version := strings.TrimSpace(string(b))
	for _, c.bin = range found {
		if strconv.Itoa(c.bin.Major) == version {
			return nil
		}
	}
	return fmt.Errorf("the database of %s was made by PostgreSQL %s and %d is installed: install %s too, or move it by yourself (pg_upgrade, pg_dump)",
		c.dir, version, found[0].Major, version)
}

// initialise makes the database files. They get their name when complete, so
// that an interrupted one is begun again.
func (c *Cluster) initialise(ctx context.Context) error {
	const draft = dataName + ".new"
	c.log.Info("creating the private database", "dir", c.dir, "postgresql", c.bin.Major, "user", c.account.name)
	var out []byte
	var err error
	for _, locale := range []string{"C.UTF-8", "C"} { // the first is not everywhere
		if err := errors.Join(c.home.RemoveAll(draft), c.home.Mkdir(draft, 0o700), c.give(draft)); err != nil {
			return fmt.Errorf("place for the database files: %w", err)
		}
		args := []string{
			"--pgdata=" + filepath.Join(c.home.Name(), draft), "--username=" + Superuser,
			"--encoding=UTF8", "--locale=" + locale, "--auth=reject", "--no-instructions",
		}
		if c.unsafe {
			args = append(args, "--no-sync")
		}
		if out, err = c.account.command(ctx, c.bin.path("initdb"), args...).CombinedOutput(); err == nil {
			return c.home.Rename(draft, dataName)
		}
	}
	return fmt.Errorf("initdb: %w: %s", err, reason(string(out)))
}

// give hands a file of home to the server's user.
func (c *Cluster) give(name string) error {
	if !c.account.become {
		return nil
	}
	return c.home.Chown(name, c.account.uid, c.account.gid)
}

// ensureRunning attaches to the server that others use, or starts one. A server
// that nobody uses was left by a killed process: it may still be working for it,
// under settings of another day, so it is stopped first.
func (c *Cluster) ensureRunning(ctx context.Context, alone bool) error {
	pid, running := c.postmaster()
	if !alone {
		c.socket = c.socketDir()
		if running {
			c.watch(pid)
			return c.ready(ctx)
		}
		if c.ping(ctx) == nil {
			return nil // it runs in another container: nothing to watch
		}
	}
	if running {
		c.log.Warn("stopping the server that a killed process left", "pid", pid)
		if err := c.stop(ctx); err != nil {
			return err
		}
	}
	if err := c.clear(ctx); err != nil {
		return err
	}
	if err := errors.Join(c.openSocket(alone), c.writeAccess()); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; {
		err := c.start(ctx)
		if !errors.Is(err, errInUse) || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, 10*pause); err != nil {
			return err
		}
	}
}

// watch sets exited for a server that is not our child.
func (c *Cluster) watch(pid int) {
	exited, data := make(chan struct{}), c.data()
	go func() {
		for runs(pid, data) {
			time.Sleep(25 * pause)
		}
		close(exited)
	}()
	c.exited = exited
}

// errEnded is a server that ended before it answered.
var errEnded = errors.New("PostgreSQL ended")

// ready waits until the server answers. Crash recovery may take long: only ctx
// limits it.
func (c *Cluster) ready(ctx context.Context) error {
	long := time.After(patience)
	for {
		err := c.ping(ctx)
		if err == nil {
			return nil
		}
		refused, ok := errors.AsType[*pgconn.PgError](err)
		if ok && refused.Code != "57P03" { // cannot_connect_now: it is recovering
			return fmt.Errorf("connect to the private server: %w", err)
		}
		select {
		case <-c.exited:
			return errEnded
		case <-ctx.Done():
			return fmt.Errorf("wait for the private server: %w", ctx.Err())
		case <-long:
			c.log.Info("the private server does not answer yet: it may be recovering from a crash", "err", err)
		case <-time.After(pause):
		}
	}
}

func (c *Cluster) ping(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.URL("postgres", Superuser))
	if err != nil {
		return err
	}
	return conn.Close(ctx)
}

// postmaster returns the process of the server, if it runs.
func (c *Cluster) postmaster() (pid int, ok bool) {
	b, err := c.home.ReadFile(filepath.Join(dataName, "postmaster.pid"))
	if err != nil {
		return 0, false
	}
	first, _, _ := strings.Cut(string(b), "\n")
	if pid, err = strconv.Atoi(strings.TrimSpace(first)); err != nil || pid <= 0 {
		return 0, false
	}
	return pid, runs(pid, c.data())
}

// clear removes what keeps a new server from starting, once the old one is
// known to be dead: its orphans, which hold its memory, and its lock files, which
// a number taken since by another process would make valid.
func (c *Cluster) clear(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, pid := range leftovers(c.data()) {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		if err := c.gone(ctx, pid); err != nil {
			return fmt.Errorf("end process %d of a killed server: %w", pid, err)
		}
	}
	err := c.home.Remove(filepath.Join(dataName, "postmaster.pid"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// private tells whether dir is a directory that only the server's user enters.
func (c *Cluster) private(dir string) bool {
	info, err := os.Lstat(dir)
	if err != nil || !info.IsDir() || info.Mode().Perm() != 0o700 {
		return false
	}
	uid, _ := ownerOf(info)
	return uid == c.account.uid
}

// socketDir returns the directory of the socket: beside the files when the path
// suits a socket and a connection string, where a comma separates servers, else
// the one of /tmp that was last made.
func (c *Cluster) socketDir() string {
	dir := filepath.Join(c.home.Name(), runName)
	if len(filepath.Join(dir, socketName)) > longest || strings.Contains(dir, ",") {
		dir = recall(c.home, socketFile)
	}
	return dir
}

// openSocket makes the directory of the socket. It is the one of the last start
// when others use the server, so that their pools find it again; but a copy of
// the data directory must not take the original's.
func (c *Cluster) openSocket(alone bool) error {
	c.socket = c.socketDir()
	switch inHome := filepath.Dir(c.socket) == c.home.Name(); {
	case inHome:
		if err := c.home.Mkdir(runName, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("place for the socket: %w", err)
		}
		if err := errors.Join(c.home.Chmod(runName, 0o700), c.give(runName)); err != nil {
			return fmt.Errorf("place for the socket: %w", err)
		}
	case alone || !c.private(c.socket):
		dir, err := os.MkdirTemp("/tmp", "sillon-")
		if err != nil {
			return fmt.Errorf("place for the socket: %w", err)
		}
		if c.account.become {
			err = os.Lchown(dir, c.account.uid, c.account.gid)
		}
		c.socket = dir
		return errors.Join(err, c.write(c.home, socketFile, dir, 0o600))
	}
	_ = os.Remove(filepath.Join(c.socket, socketName))
	_ = os.Remove(filepath.Join(c.socket, socketName+".lock"))
	return nil
}

// writeAccess lets the owner of the directory, the server's user and root take
// our two roles, and nobody else connect.
func (c *Cluster) writeAccess() error {
	names := []string{"root", c.account.name}
	if owner, err := lookUp(user.LookupId(strconv.Itoa(c.uid))); err == nil {
		names = append(names, owner.name)
	}
	var users strings.Builder
	for _, name := range names {
		fmt.Fprintf(&users, "sillon %q %s\nsillon %q %s\n", name, Superuser, name, APIRole)
	}
	return errors.Join(
		c.write(c.home, hbaName, "local all all peer map=sillon\n", 0o644),
		c.write(c.home, mapName, users.String(), 0o644),
	)
}

// settings returns the arguments of the server. They are given at each start
// instead of written once, so that they are those of this version of Sillon.
func (c *Cluster) settings() []string {
	values := []string{
		"listen_addresses=",
		`unix_socket_directories="` + strings.ReplaceAll(c.socket, `"`, `""`) + `"`,
		"unix_socket_permissions=0700",
		"hba_file=" + filepath.Join(c.home.Name(), hbaName),
		"ident_file=" + filepath.Join(c.home.Name(), mapName),
		"port=5432", // part of the name of the socket, nothing more
		"max_connections=100",
		"shared_buffers=256MB",
		"max_wal_size=2GB",
		"wal_compression=on",
		"autovacuum=on",
		"jit=off",                           // its compilation costs more than our queries
		"max_parallel_workers_per_gather=0", // the requests are parallel already
		"timezone=UTC",
		"lc_messages=C",
		"logging_collector=off",
		"log_error_verbosity=terse", // the detail of an error quotes rows, so people
	}
	if c.unsafe {
		values = append(values, "fsync=off", "full_page_writes=off", "synchronous_commit=off")
	}
	args := []string{"-D", c.data()}
	for _, v := range values {
		args = append(args, "-c", v)
	}
	return args
}

// errInUse is a start that must wait for processes of a killed server to end.
var errInUse = errors.New("memory of a killed server is still in use")

// start runs a server and waits until it answers.
func (c *Cluster) start(ctx context.Context) error {
	log, err := c.openLog()
	if err != nil {
		return fmt.Errorf("log of the server: %w", err)
	}
	defer func() { _ = log.Close() }()
	from, err := log.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}

	cmd := c.account.command(context.WithoutCancel(ctx), c.bin.path("postgres"), c.settings()...)
	cmd.Stdout, cmd.Stderr = log, log
	if c.unsafe {
		dieWithParent(cmd.SysProcAttr)
	}
	started, exited := make(chan error, 1), make(chan struct{})
	go func() {
		runtime.LockOSThread() // the thread must outlive the server: see dieWithParent
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait() // how it ended is in its log
		}
		close(exited)
	}()
	if err := <-started; err != nil {
		return fmt.Errorf("start PostgreSQL: %w", err)
	}
	c.exited = exited
	err = c.ready(ctx)
	switch {
	case errors.Is(err, errEnded):
		return c.startFailure(log, from)
	case err != nil:
		_ = cmd.Process.Signal(syscall.SIGQUIT)
		<-exited
	}
	return err
}

// openLog opens the server's log for us, who may not be the server's user.
func (c *Cluster) openLog() (*os.File, error) {
	if info, err := c.root.Stat(logName); err == nil && info.Size() > logLimit {
		if err := c.root.Rename(logName, logName+".old"); err != nil {
			return nil, err
		}
	}
	f, err := c.root.OpenFile(logName, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	return f, c.own(c.root, logName)
}

// startFailure says why a server ended, from what it logged after byte from.
func (c *Cluster) startFailure(log *os.File, from int64) error {
	b, _ := io.ReadAll(io.NewSectionReader(log, from, logLimit))
	text := string(b)
	if strings.Contains(text, "shared memory block") || strings.Contains(text, "lock file") {
		return errInUse
	}
	return fmt.Errorf("PostgreSQL did not start: %s (see %s)", reason(text), c.Log())
}

// stop ends the server, whoever started it: in order while ctx lasts, at once
// after that.
func (c *Cluster) stop(ctx context.Context) error {
	pid, ok := c.postmaster()
	if !ok {
		return c.closeSocket()
	}
	_ = syscall.Kill(pid, syscall.SIGINT)
	if c.gone(ctx, pid) != nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
		defer cancel()
		_ = syscall.Kill(pid, syscall.SIGQUIT)
		if err := c.gone(ctx, pid); err != nil {
			return fmt.Errorf("PostgreSQL (process %d) does not stop: %w", pid, err)
		}
	}
	return c.closeSocket()
}

// closeSocket removes a socket directory of /tmp: nobody would find it once the
// data directory is removed.
func (c *Cluster) closeSocket() error {
	dir := c.socketDir()
	if dir != c.socket || filepath.Dir(dir) == c.home.Name() || !c.private(dir) {
		return nil
	}
	return errors.Join(os.RemoveAll(dir), c.home.Remove(socketFile))
}

// gone waits for the end of a server's process.
func (c *Cluster) gone(ctx context.Context, pid int) error {
	for runs(pid, c.data()) {
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// reason returns the line of a program's output that says why it failed: the
// first error, else the last line.
func reason(output string) string {
	last := ""
	for line := range strings.Lines(output) {
		if line = strings.TrimSpace(line); line != "" {
			last = line
		}
		for _, mark := range []string{"FATAL:", "PANIC:", "error:"} {
			if strings.Contains(line, mark) {
				return line
			}
		}
	}
	return last
}

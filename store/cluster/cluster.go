// Package cluster finds the machine's PostgreSQL and PostGIS, and runs a private
// server of them in a data directory: no TCP port, a socket that only its owner
// reaches, never the machine's own server.
//
// Any number of processes may open one directory. The first starts the server,
// the last to close it stops it, and what a killed process left running is put
// in order by the next one.
package cluster

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
)

const (
	// Database is the database that Open makes.
	Database = "sillon"
	// Superuser is the role that owns the server.
	Superuser = "sillon"
	// APIRole is the role, without rights of its own, that the same system users
	// may take. Open does not make it.
	APIRole = "sillon_api"
)

// ErrRunning is what Open returns, in a [RunningError], when the directory is
// already open exclusively.
var ErrRunning = errors.New("sillon is already running")

// A RunningError tells who holds a data directory.
type RunningError struct {
	Dir     string
	PID     int    // 0 when unknown
	Address string // where it serves, empty until it has announced it
}

func (e *RunningError) Error() string {
	where := ""
	if e.Address != "" {
		where = " at " + e.Address
	}
	return fmt.Sprintf("%v%s on data directory %s (process %d)", ErrRunning, where, e.Dir, e.PID)
}

// Is makes a RunningError an ErrRunning.
func (e *RunningError) Is(target error) bool { return target == ErrRunning }

// Options says how to open a data directory.
type Options struct {
	Dir       string       // made when missing
	Bindir    string       // of PostgreSQL; empty: see Find
	Log       *slog.Logger // nil: silent
	Exclusive bool         // refuse, and be refused by, another exclusive opener
	Unsafe    bool         // for tests: faster, loses data in a crash, ends with this process
}

// A Cluster is an open data directory, whose server runs until Close.
type Cluster struct {
	dir     string // data directory, absolute, without symbolic links
	root    *os.Root
	uid     int // owner of dir
	gid     int
	home    *os.Root // holds the database files: dir, unless the account cannot enter it
	account account
	bin     Binaries
	socket  string // directory of the socket
	unsafe  bool
	log     *slog.Logger
	up      *os.File // lock, nil unless exclusive
	users   *os.File // lock, nil once closed
	exited  <-chan struct{}
}

// Open makes what is missing of a data directory and has its server run, with
// the database [Database]. As root, the server runs as another user. The errors
// that a person can act upon are [RunningError], [MissingError] and one line
// about a directory of another version of PostgreSQL.
func Open(ctx context.Context, o Options) (_ *Cluster, err error) {
	c := &Cluster{unsafe: o.Unsafe, log: o.Log}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	defer func() {
		if err != nil {
			c.release()
		}
	}()
	if err := c.openDir(o.Dir); err != nil {
		return nil, err
	}
	if o.Exclusive {
		if err := c.claim(); err != nil {
			return nil, err
		}
	}
	mutex, err := c.exclude(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = mutex.Close() }()

	if c.account, err = accountFor(c.uid); err != nil {
		return nil, err
	}
	if err := c.openHome(ctx); err != nil {
		return nil, err
	}
	alone, err := c.join()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", c.home.Name(), err)
	}
	if err := c.choose(ctx, o.Bindir); err != nil {
		return nil, err
	}
	if err := c.ensureRunning(ctx, alone); err != nil {
		return nil, err
	}
	if err := c.createDatabase(ctx); err != nil {
		return nil, errors.Join(err, c.leave(ctx))
	}
	return c, nil
}

// openDir makes the data directory and opens it.
func (c *Cluster) openDir(dir string) error {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	if _, err := os.Stat(abs); errors.Is(err, fs.ErrNotExist) {
		if err := os.MkdirAll(abs, 0o755); err != nil {
			return fmt.Errorf("make data directory: %w", err)
		}
		mode := os.FileMode(0o700)
		if os.Geteuid() == rootUID {
			mode = 0o711 // the database's user goes through it to its own files
		}
		if err := os.Chmod(abs, mode); err != nil {
			return err
		}
	}
	if c.dir, err = filepath.EvalSymlinks(abs); err != nil {
		return err
	}
	if c.root, err = os.OpenRoot(c.dir); err != nil {
		return fmt.Errorf("open data directory: %w", err)
	}
	info, err := c.root.Stat(".")
	if err != nil {
		return err
	}
	c.uid, c.gid = ownerOf(info)
	if uid := os.Geteuid(); uid != rootUID && uid != c.uid {
		return fmt.Errorf("data directory %s belongs to another user: run sillon as that user", c.dir)
	}
	return nil
}

// own gives a file that root made in a user's data directory to that user.
func (c *Cluster) own(in *os.Root, name string) error {
	if os.Geteuid() != rootUID || c.uid == rootUID {
		return nil
	}
	return in.Chown(name, c.uid, c.gid)
}

// claim makes this the one exclusive opener.
func (c *Cluster) claim() error {
	f, err := c.lock(c.root, upLock, syscall.LOCK_EX)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := strconv.Atoi(recall(c.root, upLock))
		return &RunningError{Dir: c.dir, PID: pid, Address: recall(c.root, addressFile)}
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", c.dir, err)
	}
	c.up = f
	_ = c.root.Remove(addressFile) // of one that was killed
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err = f.WriteString(strconv.Itoa(os.Getpid()))
	return err
}

// join makes this one of the users of the server, and tells whether it is alone.
// Call it between exclude and the close of its file: taking both locks is not atomic.
func (c *Cluster) join() (alone bool, err error) {
	f, err := c.lock(c.home, usersLock, syscall.LOCK_EX)
	if err == nil {
		c.users = f
		return true, flock(f, syscall.LOCK_SH)
	}
	if !errors.Is(err, syscall.EWOULDBLOCK) {
		return false, err
	}
	c.users, err = c.lock(c.home, usersLock, syscall.LOCK_SH)
	return false, err
}

// What a data directory remembers, one value a file.
const (
	addressFile = "address" // where the exclusive opener serves
	socketFile  = "socket"  // directory of the server's socket, when not in home
	homeFile    = "home"    // directory of the database files, when not this one
)

// recall returns the value in a file, empty when there is none.
func recall(in *os.Root, name string) string {
	b, _ := in.ReadFile(name)
	return strings.TrimSpace(string(b))
}

func (c *Cluster) write(in *os.Root, name, text string, mode os.FileMode) error {
	if err := in.WriteFile(name, []byte(text), mode); err != nil {
		return err
	}
	return errors.Join(in.Chmod(name, mode), c.own(in, name)) // whatever the umask is
}

// Announce writes down the address that the exclusive opener serves, for whoever
// is refused by it. From another opener it does nothing.
func (c *Cluster) Announce(address string) error {
	if c.up == nil {
		return nil
	}
	return c.write(c.root, addressFile, address+"\n", 0o600)
}

// createDatabase makes the database unless it is there.
func (c *Cluster) createDatabase(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, c.URL("postgres", Superuser))
	if err != nil {
		return fmt.Errorf("connect to the private server: %w", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var exists bool
	err = conn.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)`, Database).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, `CREATE DATABASE `+Database)
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", Database, err)
	}
	return nil
}

// URL returns the connection string of a database for a role, [Superuser] or
// [APIRole]. Only the owner of the directory, the system user that the server
// runs as and root may take them; there is no password.
func (c *Cluster) URL(database, role string) string {
	u := url.URL{Scheme: "postgres", User: url.User(role), Path: "/" + database}
	return u.String() + "?port=5432&host=" + (&url.URL{Path: c.socket}).EscapedPath()
}

// Version returns the major version of the server's PostgreSQL.
func (c *Cluster) Version() int { return c.bin.Major }

// Log returns the path of the server's log.
func (c *Cluster) Log() string { return filepath.Join(c.dir, logName) }

// Exited returns a channel that is closed when the server ends without Close:
// someone killed it, or it crashed beyond its own recovery.
func (c *Cluster) Exited() <-chan struct{} { return c.exited }

// Close leaves the server, and stops it unless others use it. It lets the server
// finish in order until ctx ends, then stops it at once: nothing that was
// committed is lost either way. A second Close does nothing.
func (c *Cluster) Close(ctx context.Context) error {
	if c.users == nil {
		return nil
	}
	defer c.release()
	mutex, err := c.exclude(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = mutex.Close() }()
	return c.leave(ctx)
}

// leave stops the server if nobody else uses it. The caller excludes others.
func (c *Cluster) leave(ctx context.Context) error {
	if c.up != nil {
		_ = c.root.Remove(addressFile)
	}
	switch err := flock(c.users, syscall.LOCK_EX); {
	case errors.Is(err, syscall.EWOULDBLOCK):
		return nil // the last of the others will stop it
	case err != nil:
		return err
	}
	return c.stop(ctx)
}

// release gives up every lock and open directory.
func (c *Cluster) release() {
	for _, f := range []*os.File{c.users, c.up} {
		if f != nil {
			_ = f.Close()
		}
	}
	for _, r := range []*os.Root{c.home, c.root} {
		if r != nil {
			_ = r.Close()
		}
	}
	c.users, c.up = nil, nil
}

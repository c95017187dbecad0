package cluster

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// oldest is the first major version of PostgreSQL that Sillon supports.
const oldest = 15

// Binaries is an installed PostgreSQL that has PostGIS.
type Binaries struct {
	Dir   string // where initdb and postgres are
	Major int    // version: 15, 16…
}

// A MissingError says that this machine lacks PostgreSQL or its PostGIS. Its
// text is one line that tells what to install.
type MissingError struct {
	What    string // what is missing
	Install string // the command that installs it here
}

func (e *MissingError) Error() string {
	return fmt.Sprintf("%s is not installed; install it with: %s", e.What, e.Install)
}

// Find returns the PostgreSQL to use: the one of bindir when it is not empty,
// else the newest of the distribution, else the first of pg_config, PATH,
// Homebrew and Postgres.app. One older than 15 or without PostGIS does not
// count. Its error is a [MissingError].
func Find(ctx context.Context, bindir string) (Binaries, error) {
	found, err := list(ctx, bindir)
	if err != nil {
		return Binaries{}, err
	}
	return found[0], nil
}

// list returns every usable PostgreSQL, the preferred one first, and at least
// one unless it returns an error.
func list(ctx context.Context, bindir string) ([]Binaries, error) {
	dirs := []string{bindir}
	if bindir == "" {
		dirs = candidates(ctx)
	}
	var usable []Binaries
	bare := 0 // major of a PostgreSQL that lacks only PostGIS
	for _, dir := range dirs {
		b := Binaries{Dir: dir, Major: majorOf(ctx, dir)}
		switch {
		case b.Major < oldest || slices.Contains(usable, b):
		case b.hasPostGIS(ctx):
			usable = append(usable, b)
		default:
			bare = max(bare, b.Major)
		}
	}
	if len(usable) > 0 {
		return usable, nil
	}
	release, _ := os.ReadFile("/etc/os-release")
	missing := &MissingError{
		What:    fmt.Sprintf("PostgreSQL %d or newer with PostGIS", oldest),
		Install: advice(runtime.GOOS, string(release), bare),
	}
	if bare > 0 {
		missing.What = fmt.Sprintf("PostGIS for PostgreSQL %d", bare)
	}
	return nil, missing
}

// candidates returns the directories where PostgreSQL may be, best first.
func candidates(ctx context.Context) []string {
	var dirs []string
	add := func(pattern string) {
		found, _ := filepath.Glob(pattern) // its only error is a bad pattern
		slices.SortFunc(found, func(a, b string) int { return cmp.Compare(number(b), number(a)) })
		dirs = append(dirs, found...)
	}
	add("/usr/lib/postgresql/*/bin")
	if out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output(); err == nil {
		dirs = append(dirs, strings.TrimSpace(string(out)))
	}
	if path, err := exec.LookPath("postgres"); err == nil {
		if path, err = filepath.EvalSymlinks(path); err == nil {
			dirs = append(dirs, filepath.Dir(path))
		}
	}
	add("/usr/pgsql-*/bin")
	add("/opt/homebrew/opt/postgresql@*/bin")
	add("/usr/local/opt/postgresql@*/bin")
	add("/Applications/Postgres.app/Contents/Versions/*/bin")
	return dirs
}

// number returns the version in a path such as /usr/lib/postgresql/17/bin.
func number(path string) int {
	name := filepath.Base(filepath.Dir(path))
	n, _ := strconv.Atoi(name[strings.LastIndexAny(name, "@-")+1:])
	return n
}

// majorOf returns the version of the server in dir, 0 when there is none.
func majorOf(ctx context.Context, dir string) int {
	if _, err := os.Stat(filepath.Join(dir, "initdb")); err != nil {
		return 0
	}
	out, err := exec.CommandContext(ctx, filepath.Join(dir, "postgres"), "--version").Output()
	if err != nil {
		return 0
	}
	_, version, _ := strings.Cut(string(out), "(PostgreSQL) ")
	digits := strings.IndexFunc(version, func(r rune) bool { return r < '0' || r > '9' })
	if digits < 0 {
		digits = len(version)
	}
	n, _ := strconv.Atoi(version[:digits])
	return n
}

func (b Binaries) path(name string) string { return filepath.Join(b.Dir, name) }

// hasPostGIS asks pg_config for the shared files. Some distributions ship it
// with the headers only: then they are where those distributions put them.
func (b Binaries) hasPostGIS(ctx context.Context) bool {
	shares := []string{
		fmt.Sprintf("/usr/share/postgresql/%d", b.Major),
		filepath.Join(b.Dir, "../share/postgresql"),
		filepath.Join(b.Dir, "../share"),
	}
	if out, err := exec.CommandContext(ctx, b.path("pg_config"), "--sharedir").Output(); err == nil {
		shares = []string{strings.TrimSpace(string(out))}
	}
	return slices.ContainsFunc(shares, func(share string) bool {
		_, err := os.Stat(filepath.Join(share, "extension", "postgis.control"))
		return err == nil
	})
}

// majorIn is the PostgreSQL of each release of a distribution.
var majorIn = map[string]int{
	"debian 12": 15, "debian 13": 17,
	"ubuntu 24.04": 16, "ubuntu 24.10": 16, "ubuntu 25.04": 17, "ubuntu 25.10": 17, "ubuntu 26.04": 18,
}

// advice returns the command that installs PostGIS, for the PostgreSQL of that
// major version, or for the distribution's own when major is 0. release is the
// text of /etc/os-release.
func advice(goos, release string, major int) string {
	values := make(map[string]string)
	for line := range strings.Lines(release) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		values[name] = strings.Trim(value, `"'`)
	}
	family := strings.Fields(values["ID"] + " " + values["ID_LIKE"])
	switch {
	case goos == "darwin":
		return "brew install postgresql@17 postgis"
	case slices.Contains(family, "debian"), slices.Contains(family, "ubuntu"):
		if major == 0 {
			major = majorIn[values["ID"]+" "+values["VERSION_ID"]]
		}
		if major == 0 {
			return "apt-get install postgresql-postgis"
		}
		return fmt.Sprintf("apt-get install postgresql-%d-postgis-3", major)
	case slices.Contains(family, "fedora"), slices.Contains(family, "rhel"):
		return "dnf install postgresql-server postgis"
	default:
		return "the packages of this system, or see postgis.net"
	}
}

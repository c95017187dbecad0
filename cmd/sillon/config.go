package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"os"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/term"

	"sillon/sillon"
	"sillon/tiles"
)

// Settings are the flags, and SILLON_… variables, that all commands share.
// They are text until they are checked, so that every fault is told at once.
type Settings struct {
	DataDir          string `help:"Directory of the private database." default:".sillon"`
	DatabaseURL      string `help:"PostgreSQL to use instead of the private one; its role must be a member of sillon_api."`
	AdminDatabaseURL string `help:"The same database for its owner, who migrates it (default: the database URL)."`
	Bindir           string `help:"Where PostgreSQL's programs are, when it cannot be found."`
	Connections      string `help:"Most database connections of this process." default:"10"`
	Workers          string `help:"Jobs worked at once." default:"${workers}"`
	Listen           string `help:"Address to serve." default:"127.0.0.1:8080"`
	PublicURL        string `name:"public-url" help:"Address that users know (default: http:// and the address served)."`
	Background       string `help:"Outside background of the map: none, ign-plan or ign-ortho." default:"none"`
	LogLevel         string `help:"debug, info, warn or error." default:"info"`
}

// A config is the checked form of Settings.
type config struct {
	Settings
	connections int
	workers     int
	publicURL   string
	background  string
	level       slog.Level
}

// check returns the settings as values, or all their faults, one a line.
func (s Settings) check() (config, error) {
	c := config{Settings: s}
	var faults []error
	fault := func(name, format string, args ...any) {
		faults = append(faults, fmt.Errorf("  --%s: %s", name, fmt.Sprintf(format, args...)))
	}
	number := func(name, text string, least, most int) int {
		n, err := strconv.Atoi(text)
		if err != nil || n < least || n > most {
			fault(name, "%q is not a number from %d to %d", text, least, most)
		}
		return n
	}
	if s.DataDir == "" {
		fault("data-dir", "empty")
	}
	for name, text := range map[string]string{"database-url": s.DatabaseURL, "admin-database-url": s.AdminDatabaseURL} {
		if u, err := url.Parse(text); err != nil || text != "" && u.Scheme != "postgres" && u.Scheme != "postgresql" {
			fault(name, "not a postgres:// address")
		}
	}
	if s.AdminDatabaseURL != "" && s.DatabaseURL == "" {
		fault("admin-database-url", "needs --database-url")
	}
	if c.AdminDatabaseURL == "" {
		c.AdminDatabaseURL = s.DatabaseURL
	}
	c.connections = number("connections", s.Connections, 2, 1000)
	c.workers = number("workers", s.Workers, 1, 100)
	host, port, err := net.SplitHostPort(s.Listen)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		fault("listen", "%q is not host:port", s.Listen)
	}
	c.publicURL = strings.TrimSuffix(s.PublicURL, "/")
	if s.PublicURL == "" {
		if host == "" || net.ParseIP(host).IsUnspecified() {
			host = "localhost"
		}
		c.publicURL = "http://" + net.JoinHostPort(host, port)
	} else if u, err := url.Parse(s.PublicURL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		fault("public-url", "%q is not an http:// or https:// address", s.PublicURL)
	}
	switch s.Background {
	case "none":
	case tiles.BackgroundPlan, tiles.BackgroundOrtho:
		c.background = s.Background
	default:
		fault("background", "%q is not none, %s or %s", s.Background, tiles.BackgroundPlan, tiles.BackgroundOrtho)
	}
	if err := c.level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		fault("log-level", "%q is not debug, info, warn or error", s.LogLevel)
	}
	return c, errors.Join(faults...)
}

// defaultWorkers leaves a core to the requests.
func defaultWorkers() string { return strconv.Itoa(max(2, runtime.NumCPU())) }

// logger writes lines for a person at a terminal, else JSON.
func (e *environment) logger() *slog.Logger {
	opts := &slog.HandlerOptions{Level: e.level}
	if isTerminal(e.stderr) {
		return slog.New(slog.NewTextHandler(e.stderr, opts))
	}
	return slog.New(slog.NewJSONHandler(e.stderr, opts))
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// report tells an operator what went wrong, with every issue there is.
func report(w io.Writer, err error) {
	f, ok := errors.AsType[*sillon.Error](err)
	if !ok {
		_, _ = fmt.Fprintln(w, "sillon:", err)
		return
	}
	_, _ = fmt.Fprintln(w, "sillon:", f.Text())
	for _, issue := range f.Issues {
		_, _ = fmt.Fprintf(w, "  %s : %s (%s)\n", issue.Path, issue.Message, issue.Code)
	}
	if f.Cause != nil {
		_, _ = fmt.Fprintln(w, "  ", f.Cause)
	}
}

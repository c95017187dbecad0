package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"reflect"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"golang.org/x/term"

	"sillon/sillon"
	"sillon/tiles"
)

// Settings are the flags, and SILLON_… variables, that all commands share.
type Settings struct {
	DataDir          string        `help:"Directory of the private database." default:".sillon"`
	DatabaseURL      string        `help:"PostgreSQL to use instead of the private one; its role must be a member of sillon_api."`
	AdminDatabaseURL string        `help:"The same database for its owner, who migrates it (default: the database URL)."`
	Bindir           string        `help:"Where PostgreSQL's programs are, when it cannot be found."`
	Connections      int           `help:"Most database connections of this process." default:"10"`
	Workers          int           `help:"Jobs worked at once." default:"${workers}"`
	Listen           string        `help:"Address to serve; port 0 takes a free one." default:"127.0.0.1:8080"`
	PublicURL        string        `name:"public-url" help:"Address that users know (default: http:// and the address served)."`
	DirectoryURL     string        `name:"directory-url" help:"Open directory of Agence BIO to follow (default: none)."`
	DirectoryEvery   time.Duration `help:"How old the registry may be before the directory is read again." default:"24h"`
	Background       string        `help:"Outside background of the map: none, ign-plan or ign-ortho." default:"none"`
	RateToken        int           `help:"Requests a minute of a token, pushes counting for more; 0 does not limit." default:"6000"`
	RateAddress      int           `help:"Requests a minute from an address; 0 does not limit." default:"30000"`
	RateFailures     int           `help:"Wrong tokens a minute from an address; 0 does not limit." default:"1000"`
	TrustedProxies   string        `help:"Networks (CIDR, commas between) whose X-Forwarded-For tells the client's address."`
	TilesMemory      string        `help:"Memory that the parcels may take for tiles, as 800MB or 2GiB; 0 has tiles read from PostGIS (default: half of what this process may have)."`
	TilesCache       string        `help:"Memory for finished tiles, as 64MiB; 0 keeps none." default:"64MiB"`
	MetricsListen    string        `help:"Address to serve /metrics apart; without it, only this machine reads them, at the address served."`
	// A pointer: an empty secret is a fault, none at all is not.
	Secret               *string `help:"Encrypts the secrets of webhooks; 32 bytes or more, the same on every node. Better as a variable than as a flag (default: one made in the data directory; needed to serve with --database-url)."`
	WebhooksAllowHTTP    bool    `name:"webhooks-allow-http" help:"Let webhooks go to http:// addresses."`
	WebhooksAllowPrivate bool    `help:"Let webhooks go to private addresses."`
	LogLevel             string  `help:"debug, info, warn or error." default:"info"`
}

// A config is the checked form of Settings.
type config struct {
	Settings
	background string
	tiles      int64 // bytes
	tilesCache int64 // bytes of finished tiles
	proxies    []netip.Prefix
	level      slog.Level
}

// check returns the settings as values, and adds what is wrong with them to f.
func (s Settings) check(f *faults) config {
	c := config{Settings: s}
	if s.DataDir == "" {
		f.add("data-dir", "empty")
	}
	f.checkDatabase("database-url", s.DatabaseURL)
	f.checkDatabase("admin-database-url", s.AdminDatabaseURL)
	if s.AdminDatabaseURL != "" && s.DatabaseURL == "" {
		f.add("admin-database-url", "needs --database-url")
	}
	if c.AdminDatabaseURL == "" {
		c.AdminDatabaseURL = s.DatabaseURL
	}
	f.checkNumber("connections", s.Connections, 2, 1000)
	f.checkNumber("workers", s.Workers, 1, 100)
	const mostRate = 100_000_000
	f.checkNumber("rate-token", s.RateToken, 0, mostRate)
	f.checkNumber("rate-address", s.RateAddress, 0, mostRate)
	f.checkNumber("rate-failures", s.RateFailures, 0, mostRate)
	for part := range strings.SplitSeq(s.TrustedProxies, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		network, err := netip.ParsePrefix(part)
		if err != nil {
			f.add("trusted-proxies", "%q is not a network, as 10.0.0.0/8", part)
		}
		c.proxies = append(c.proxies, network)
	}
	c.tiles = machineMemory(os.DirFS("/")) / 2
	if s.TilesMemory != "" {
		var ok bool
		if c.tiles, ok = parseBytes(s.TilesMemory); !ok {
			f.add("tiles-memory", "%q is not a size, as 800MB", s.TilesMemory)
		}
	}
	var ok bool
	if c.tilesCache, ok = parseBytes(s.TilesCache); !ok {
		f.add("tiles-cache", "%q is not a size, as 64MiB", s.TilesCache)
	}
	f.checkListen("listen", s.Listen)
	if s.MetricsListen != "" {
		f.checkListen("metrics-listen", s.MetricsListen)
	}
	f.checkAddress("public-url", s.PublicURL)
	f.checkAddress("directory-url", s.DirectoryURL)
	if s.DirectoryEvery <= 0 {
		f.add("directory-every", "%s is not a time", s.DirectoryEvery)
	}
	switch s.Background {
	case "none":
	case tiles.BackgroundPlan, tiles.BackgroundOrtho:
		c.background = s.Background
	default:
		f.add("background", "%q is not none, %s or %s", s.Background, tiles.BackgroundPlan, tiles.BackgroundOrtho)
	}
	if s.Secret != nil && len(*s.Secret) < shortestSecret {
		f.add("secret", "shorter than %d bytes", shortestSecret) // S18
	}
	if err := c.level.UnmarshalText([]byte(s.LogLevel)); err != nil {
		f.add("log-level", "%q is not debug, info, warn or error", s.LogLevel)
	}
	return c
}

// checkServing adds to f what keeps the settings from serving.
func (s Settings) checkServing(f *faults) {
	if s.Secret == nil && s.DatabaseURL != "" { // S18: its nodes would each make another
		f.add("secret", "needed with --database-url: %d bytes or more, the same on every node", shortestSecret)
	}
}

// address returns the address that users know: the public URL, else the one
// that l serves, under the name that was asked for.
func (c config) address(l net.Listener) string {
	if c.PublicURL != "" {
		return strings.TrimSuffix(c.PublicURL, "/")
	}
	host, _, _ := net.SplitHostPort(c.Listen) // checked
	if host == "" || net.ParseIP(host).IsUnspecified() {
		host = "localhost"
	}
	_, port, _ := net.SplitHostPort(l.Addr().String()) // always host:port
	return "http://" + net.JoinHostPort(host, port)
}

// faults collects what is wrong with the flags and variables of a command, so
// that an operator reads everything at once.
type faults []string

// add notes a fault of a flag, unless it has one.
func (f *faults) add(flag, format string, args ...any) {
	variable := "SILLON_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
	name := fmt.Sprintf("  --%s (%s): ", flag, variable)
	if !slices.ContainsFunc(*f, func(line string) bool { return strings.HasPrefix(line, name) }) {
		*f = append(*f, name+fmt.Sprintf(format, args...))
	}
}

func (f *faults) checkNumber(flag string, n, least, most int) {
	if n < least || n > most {
		f.add(flag, "%d is not a number from %d to %d", n, least, most)
	}
}

func (f *faults) checkListen(flag, address string) {
	_, port, err := net.SplitHostPort(address)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		f.add(flag, "%q is not host:port", address)
	}
}

func (f *faults) checkDatabase(flag, address string) {
	if u, err := url.Parse(address); err != nil || address != "" && u.Scheme != "postgres" && u.Scheme != "postgresql" {
		f.add(flag, "not a postgres:// address")
	}
}

func (f *faults) checkAddress(flag, address string) {
	if u, err := url.Parse(address); err != nil || address != "" && (u.Host == "" || u.Scheme != "http" && u.Scheme != "https") {
		f.add(flag, "%q is not an http:// or https:// address", address)
	}
}

// A collector reads a flag as kong does, but a value that cannot be read is a
// fault among others instead of the end.
type collector struct {
	kong.Mapper
	faults *faults
}

// Decode reads the value of a flag.
func (c collector) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	if err := c.Mapper.Decode(ctx, target); err != nil {
		c.faults.add(ctx.Value.Name, "%v", err)
	}
	return nil
}

// IsBool tells whether the flag may stand without a value.
func (c collector) IsBool() bool {
	b, ok := c.Mapper.(kong.BoolMapper)
	return ok && b.IsBool()
}

// mappers has the values of all flags that are no text collected in f.
func (f *faults) mappers() []kong.Option {
	defaults := kong.NewRegistry().RegisterDefaults()
	var options []kong.Option
	for _, t := range []reflect.Type{
		reflect.TypeFor[bool](), reflect.TypeFor[int](), reflect.TypeFor[int32](), reflect.TypeFor[uint64](), reflect.TypeFor[time.Duration](),
	} {
		options = append(options, kong.TypeMapper(t, collector{defaults.ForType(t), f}))
	}
	return options
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

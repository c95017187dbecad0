package upstream

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// The ways in which an address that a user gave is refused.
var (
	ErrAddress = errors.New("not an address to post to")
	ErrScheme  = errors.New("not an https address")
	ErrPrivate = errors.New("not a public address")
)

// A Guard says which addresses given by users may be reached. The zero Guard
// allows https to the public Internet alone.
type Guard struct {
	AllowHTTP    bool
	AllowPrivate bool
	// Lookup resolves a name; nil is the system's.
	Lookup func(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// longestURL is what is kept of an address; more is nobody's.
const longestURL = 2000

// lookupPatience bounds the resolution of a name in a request.
const lookupPatience = 3 * time.Second

// Check refuses an address that will not be reached, with ErrAddress,
// ErrScheme or ErrPrivate. A name that does not resolve now is accepted: each
// connection is checked again, on the address it really goes to.
func (g Guard) Check(ctx context.Context, text string) error {
	u, err := g.parse(text)
	if err != nil {
		return err
	}
	if g.AllowPrivate {
		return nil
	}
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		return g.checkIP(ip)
	}
	if !strings.Contains(host, ".") {
		return ErrPrivate // localhost and the names of a local network
	}
	for _, suffix := range []string{".localhost", ".local", ".internal", ".home.arpa"} {
		if strings.HasSuffix(host, suffix) {
			return ErrPrivate
		}
	}
	lookup := g.Lookup
	if lookup == nil {
		lookup = net.DefaultResolver.LookupNetIP
	}
	ctx, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	ips, err := lookup(ctx, "ip", host)
	if err != nil {
		return nil // as above
	}
	for _, ip := range ips {
		if err := g.checkIP(ip); err != nil {
			return err
		}
	}
	return nil
}

// parse reads an address of an allowed form.
func (g Guard) parse(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil || len(text) > longestURL || u.Hostname() == "" || u.Opaque != "" || u.User != nil || strings.Contains(text, "#"):
		return nil, ErrAddress
	case u.Scheme != "https" && (u.Scheme != "http" || !g.AllowHTTP):
		return nil, ErrScheme
	}
	if port := u.Port(); port != "" || strings.HasSuffix(u.Host, ":") {
		if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
			return nil, ErrAddress
		}
	}
	return u, nil
}

// control is that of a net.Dialer: it sees the address itself, after any name
// was resolved, so that a name cannot lead elsewhere than it did before.
func (g Guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
	ap, err := netip.ParseAddrPort(address)
	if err != nil {
		return fmt.Errorf("%w: %s", ErrPrivate, address)
	}
	return g.checkIP(ap.Addr())
}

func (g Guard) checkIP(ip netip.Addr) error {
	if g.AllowPrivate || isPublic(ip) {
		return nil
	}
	return fmt.Errorf("%w: %s", ErrPrivate, ip)
}

// reserved are the blocks of the public space that lead to no public host
// (the IANA registries of special-purpose addresses), or to the machine room
// of a cloud.
var reserved = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
	"192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"168.63.129.16/32", // the metadata service of one of them
	"2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// global is all of IPv6 that is given out; translated holds IPv4 in its last
// four bytes (NAT64, RFC 6052).
var (
	global     = netip.MustParsePrefix("2000::/3")
	translated = netip.MustParsePrefix("64:ff9b::/96")
)

func prefixes(texts ...string) []netip.Prefix {
	list := make([]netip.Prefix, len(texts))
	for i, text := range texts {
		list[i] = netip.MustParsePrefix(text)
	}
	return list
}

// isPublic reports whether an address leads to a host of the public Internet.
func isPublic(ip netip.Addr) bool {
	if !ip.IsValid() || ip.Zone() != "" {
		return false
	}
	ip = ip.Unmap()
	if translated.Contains(ip) {
		b := ip.As16()
		ip = netip.AddrFrom4([4]byte(b[12:]))
	}
	if ip.Is6() && !global.Contains(ip) {
		return false
	}
	for _, p := range reserved {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

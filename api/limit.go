package api

import (
	"container/list"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/labstack/echo/v4"
	"golang.org/x/time/rate"

	"sillon/sillon"
)

// Rates are what is served to each token and address in a minute, in units: a
// request is one, a push or a list of all parcellaires ten, with one more for
// each mebibyte sent. A quota that was not used is there for a burst, up to a
// minute's. 0 does not limit.
type Rates struct {
	Token    int // of a token
	Address  int // of an address, whoever asks from there
	Failures int // wrong tokens from an address
}

// mostKeys bounds what a limiter remembers: the keys used last.
const mostKeys = 20_000

const costly = 10

// costs are the units of the routes that cost more than one.
var costs = map[string]int{
	"POST /api/v2/certification/parcelles":   costly,
	"GET /api/v2/certification/parcellaires": costly,
}

// unlimited are the routes by which the service is watched.
var unlimited = []string{"/healthz", "/readyz", "/metrics"}

// A limiter counts what each of many keys uses of a quota.
type limiter struct {
	name      string // of the policy, in headers
	perMinute int

	mu     sync.Mutex
	recent *list.List // of *bucket, the last used first
	keys   map[string]*list.Element
}

// A bucket is the quota of one key.
type bucket struct {
	*rate.Limiter
	key       string
	partition string // how the client knows it: the start of a digest of the key
}

// newLimiter returns nil when perMinute is 0: nil limits nothing.
func newLimiter(name string, perMinute int) *limiter {
	if perMinute == 0 {
		return nil
	}
	return &limiter{name: name, perMinute: perMinute, recent: list.New(), keys: map[string]*list.Element{}}
}

// bucket returns that of a key, which is full when it is not remembered.
func (l *limiter) bucket(key string) *bucket {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e, ok := l.keys[key]; ok {
		l.recent.MoveToFront(e)
		return e.Value.(*bucket)
	}
	sum := sha256.Sum256([]byte(key))
	b := &bucket{rate.NewLimiter(rate.Limit(float64(l.perMinute)/60), l.perMinute), key, base64.StdEncoding.EncodeToString(sum[:9])}
	l.keys[key] = l.recent.PushFront(b)
	if l.recent.Len() > mostKeys {
		last := l.recent.Back()
		l.recent.Remove(last)
		delete(l.keys, last.Value.(*bucket).key)
	}
	return b
}

// take takes units from a bucket, ok, or says in how many seconds they will be
// there.
func (l *limiter) take(b *bucket, units int) (wait int, ok bool) {
	now := time.Now()
	if b.AllowN(now, units) {
		return 0, true
	}
	return seconds((float64(min(units, l.perMinute)) - b.TokensAt(now)) / float64(b.Limit())), false
}

// charge takes what turned out to be used, even when that is more than is left.
func (l *limiter) charge(b *bucket, units int) {
	for now := time.Now(); units > 0; units -= l.perMinute {
		b.ReserveN(now, min(units, l.perMinute))
	}
}

// seconds rounds up, to 1 at least.
func seconds(s float64) int { return max(1, int(math.Ceil(s))) }

// tell writes the RateLimit fields of a policy (standards.md, "HTTP").
func (l *limiter) tell(h http.Header, b *bucket) {
	left := max(0, b.Tokens())
	h.Add("RateLimit-Policy", fmt.Sprintf(`"%s";q=%d;w=60;pk=:%s:`, l.name, l.perMinute, b.partition))
	h.Add("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, l.name, int(left), seconds((float64(l.perMinute)-left)/float64(b.Limit()))))
}

// refuse is the failure of who asks too often.
func (l *limiter) refuse(c echo.Context, b *bucket, wait int) error {
	l.tell(c.Response().Header(), b)
	c.Response().Header().Set(echo.HeaderRetryAfter, strconv.Itoa(wait))
	return sillon.ErrTooManyRequests.Saying(sillon.RetryIn(wait))
}

// limited serves an address no more than its quota (S20).
func (s *Server) limited(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		if s.addresses == nil || slices.Contains(unlimited, c.Path()) {
			return next(c)
		}
		b := s.addresses.bucket(s.client(c))
		if wait, ok := s.addresses.take(b, 1); !ok {
			return s.addresses.refuse(c, b, wait)
		}
		return next(c)
	}
}

// unblocked fails when too many wrong tokens came from an address. The right
// one is refused too: to look would be to tell it apart.
func (s *Server) unblocked(c echo.Context) error {
	if s.failures == nil {
		return nil
	}
	b := s.failures.bucket(s.client(c))
	if left := b.Tokens(); left < 1 {
		return s.failures.refuse(c, b, seconds((1-left)/float64(b.Limit())))
	}
	return nil
}

// blamed counts a wrong token.
func (s *Server) blamed(c echo.Context) {
	if s.failures != nil {
		s.failures.charge(s.failures.bucket(s.client(c)), 1)
	}
}

// metered serves a token no more than its quota, tells what is left, and
// charges what the request turns out to send.
func (s *Server) metered(c echo.Context, a sillon.Actor, next echo.HandlerFunc) error {
	if s.perToken == nil {
		return next(c)
	}
	b := s.perToken.bucket(a.ID)
	if wait, ok := s.perToken.take(b, min(max(costs[c.Request().Method+" "+c.Path()], 1), s.perToken.perMinute)); !ok {
		return s.perToken.refuse(c, b, wait)
	}
	s.perToken.tell(c.Response().Header(), b)
	sent := &countedBody{ReadCloser: c.Request().Body}
	c.Request().Body = sent
	defer func() { s.perToken.charge(b, int(sent.n>>20)) }()
	return next(c)
}

// countedBody counts what is read of a body.
type countedBody struct {
	io.ReadCloser
	n int64
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.n += int64(n)
	return n, err
}

// client is the address that limits count for: that of the connection, or the
// one that the nearest proxy not ours is said to have. Of IPv6 it is the
// network of a site, whose addresses are free to take.
func (s *Server) client(c echo.Context) string {
	r := c.Request()
	address := parseAddress(r.RemoteAddr)
	if !s.isProxy(address) {
		return networkOf(address)
	}
	forwarded := strings.Split(strings.Join(r.Header.Values(echo.HeaderXForwardedFor), ","), ",")
	for i := len(forwarded) - 1; i >= 0 && s.isProxy(address); i-- {
		before := parseAddress(strings.TrimSpace(forwarded[i]))
		if !before.IsValid() {
			break
		}
		address = before
	}
	return networkOf(address)
}

// networkOf is an address, or of IPv6 the network of its site.
func networkOf(address netip.Addr) string {
	if address.Is6() {
		if p, err := address.Prefix(64); err == nil {
			return p.String()
		}
	}
	return address.String()
}

func (s *Server) isProxy(a netip.Addr) bool {
	return slices.ContainsFunc(s.opts.TrustedProxies, func(p netip.Prefix) bool { return p.Contains(a) })
}

// parseAddress reads an address with or without port; the zero Addr is none.
func parseAddress(text string) netip.Addr {
	if p, err := netip.ParseAddrPort(text); err == nil {
		return p.Addr().Unmap().WithZone("")
	}
	a, err := netip.ParseAddr(text)
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap().WithZone("")
}

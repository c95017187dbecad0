package upstream

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// Options are what a Poster needs to know.
type Options struct {
	Guard     Guard
	UserAgent string
	Timeout   time.Duration  // for the whole exchange; 0 is 10 s
	Roots     *x509.CertPool // nil is the system's
}

// A Poster posts to addresses that users gave. It follows no redirection, uses
// no proxy, keeps no connection, and reads little of an answer.
type Poster struct {
	client http.Client
	opts   Options
}

// postPatience is how long an answer is awaited.
const postPatience = 10 * time.Second

// mostAnswer is what is read of an answer.
const mostAnswer = 1 << 10

// NewPoster returns a poster. It is safe for concurrent use.
func NewPoster(opts Options) *Poster {
	if opts.Timeout == 0 {
		opts.Timeout = postPatience
	}
	dialer := net.Dialer{Timeout: opts.Timeout, ControlContext: opts.Guard.control, FallbackDelay: -1}
	return &Poster{opts: opts, client: http.Client{
		Timeout: opts.Timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error {
			return http.ErrUseLastResponse
		},
		Transport: &http.Transport{
			DialContext: dialer.DialContext,
			TLSClientConfig: &tls.Config{
				RootCAs: opts.Roots, MinVersion: tls.VersionTLS12,
			},
			DisableKeepAlives:      true,
			DisableCompression:     true,
			MaxResponseHeaderBytes: 32 << 10,
		},
	}}
}

// Check is that of the guard.
func (p *Poster) Check(ctx context.Context, address string) error {
	return p.opts.Guard.Check(ctx, address)
}

// An Answer is what came back of a post.
type Answer struct {
	Status int
	Body   []byte // its beginning, at most 1 KB
}

// Post sends a JSON body. Whatever the status, an answer is no error. An error
// has a Reason, and its text is without the path and query, which may be secret.
func (p *Poster) Post(ctx context.Context, address string, header http.Header, body []byte) (*Answer, error) {
	// The operator may have become stricter since the address was accepted.
	if _, err := p.opts.Guard.parse(address); err != nil {
		return nil, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return nil, ErrAddress
	}
	maps.Copy(r.Header, header)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", p.opts.UserAgent)
	res, err := p.client.Do(r)
	if err != nil {
		if u, ok := errors.AsType[*url.Error](err); ok { // its text begins with the address
			err = u.Err
		}
		return nil, fmt.Errorf("post: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	answer := &Answer{Status: res.StatusCode}
	answer.Body, err = io.ReadAll(io.LimitReader(res.Body, mostAnswer))
	if err != nil {
		answer.Body = nil // the status is what counts
	}
	return answer, nil
}

// A Reason classes what kept a post from being answered, without telling what
// is behind an address.
type Reason string

// The reasons.
const (
	ReasonRefused  Reason = "refused"  // by the guard
	ReasonTimeout  Reason = "timeout"  // no answer in time
	ReasonName     Reason = "name"     // does not resolve
	ReasonTLS      Reason = "tls"      // no trust, no common version
	ReasonNoServer Reason = "noserver" // nobody listens
	ReasonBroken   Reason = "broken"   // an answer that is no HTTP, or that breaks off
)

// ReasonOf classes an error of Post.
func ReasonOf(err error) Reason {
	if errors.Is(err, ErrPrivate) || errors.Is(err, ErrScheme) || errors.Is(err, ErrAddress) {
		return ReasonRefused
	}
	if name, ok := errors.AsType[*net.DNSError](err); ok && !name.IsTimeout {
		return ReasonName
	}
	if t, ok := errors.AsType[net.Error](err); ok && t.Timeout() || errors.Is(err, context.DeadlineExceeded) {
		return ReasonTimeout
	}
	if isTLS(err) {
		return ReasonTLS
	}
	if errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, syscall.EHOSTUNREACH) || errors.Is(err, syscall.ENETUNREACH) {
		return ReasonNoServer
	}
	return ReasonBroken
}

func isTLS(err error) bool {
	_, verification := errors.AsType[*tls.CertificateVerificationError](err)
	_, record := errors.AsType[tls.RecordHeaderError](err)
	_, alert := errors.AsType[tls.AlertError](err)
	return verification || record || alert
}

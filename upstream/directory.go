package upstream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	directoryPatience = 20 * time.Second // for a page, to its last byte
	directoryPage     = 32 << 20         // bytes of a page
	// After so many failures in a row the directory is left alone for a while.
	directoryFailures = 3
	directoryRest     = time.Minute
)

// A Directory is the open directory of the farms that Agence BIO publishes, in
// pages of JSON: {"nbTotal": …, "items": […]}.
type Directory struct {
	address *url.URL
	client  http.Client
	breaker *gobreaker.CircuitBreaker[DirectoryPage]
}

// NewDirectory returns a client of the directory at an http or https address.
// patience is for a whole page; 0 is 20 s.
func NewDirectory(address string, patience time.Duration) (*Directory, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("address of the directory: %w", err)
	}
	if patience == 0 {
		patience = directoryPatience
	}
	return &Directory{
		address: u,
		client:  http.Client{Timeout: patience},
		breaker: gobreaker.NewCircuitBreaker[DirectoryPage](gobreaker.Settings{
			Name: "directory", Timeout: directoryRest,
			ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= directoryFailures },
		}),
	}, nil
}

// A DirectoryPage is a run of farms of the directory, as they came.
type DirectoryPage struct {
	Farms []json.RawMessage `json:"items"`
	Total int               `json:"nbTotal"` // farms in the whole directory; 0 when it does not say
}

// Page asks for at most n farms after the first start of them; none is the end.
// It fails when the directory is down, slow, wrong, or has failed again and
// again a moment ago.
func (d *Directory) Page(ctx context.Context, start, n int) (DirectoryPage, error) {
	page, err := d.breaker.Execute(func() (page DirectoryPage, err error) {
		body, err := d.fetch(ctx, start, n)
		if err == nil {
			err = json.Unmarshal(body, &page)
		}
		if err == nil && page.Farms == nil {
			err = errNoPage
		}
		return page, err
	})
	if err != nil {
		return DirectoryPage{}, fmt.Errorf("directory from farm %d: %w", start, err)
	}
	return page, nil
}

var errNoPage = errors.New("not a page of farms")

func (d *Directory) fetch(ctx context.Context, start, n int) (body []byte, err error) {
	u := *d.address
	q := u.Query()
	q.Set("debut", strconv.Itoa(start))
	q.Set("nb", strconv.Itoa(n))
	u.RawQuery = q.Encode()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/json")
	response, err := d.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, directoryPage+1))
	if err == nil && len(body) > directoryPage {
		return nil, fmt.Errorf("more than %d bytes", directoryPage)
	}
	return body, err
}

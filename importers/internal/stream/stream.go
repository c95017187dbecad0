// Package stream reads what is too large, or too hostile, to hold: it counts
// bytes while they pass and walks JSON one value at a time.
package stream

import "io"

// Limit returns a reader of r that fails with err once more than n bytes came.
func Limit(r io.Reader, n int64, err error) io.Reader { return &limited{r, n, err} }

type limited struct {
	r    io.Reader
	left int64
	err  error
}

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return 0, l.err
	}
	return n, err
}

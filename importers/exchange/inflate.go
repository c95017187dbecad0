package exchange

import (
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"

	"sillon/sillon"
)

// ratioGrace is how many bytes may come out before the compression ratio is
// looked at: a short repetitive body compresses beyond it honestly.
const ratioGrace = 1 << 20

// Inflate returns the decompressed bytes of a gzip body. Its reads fail with
// sillon.ErrTooLarge over the limits of size and ratio, and with a
// *SyntaxError when the gzip is broken or truncated. An empty body stays empty.
func Inflate(body io.Reader, limits Limits) io.Reader {
	return &inflater{limits: limits.orDefaults(), in: &counter{r: body}}
}

type inflater struct {
	limits Limits
	in     *counter
	gz     *gzip.Reader
	out    int64
	err    error // sticky
}

// Read implements io.Reader.
func (f *inflater) Read(p []byte) (int, error) {
	if f.err != nil {
		return 0, f.err
	}
	if f.gz == nil {
		gz, err := gzip.NewReader(f.in)
		if err != nil {
			f.err = f.failure(err)
			return 0, f.err
		}
		f.gz = gz
	}
	n, err := f.gz.Read(p)
	f.out += int64(n)
	switch {
	case f.out > f.limits.Body:
		f.err = sillon.ErrTooLarge
		return 0, f.err
	case f.out > ratioGrace && f.out/f.limits.Ratio > f.in.n:
		f.err = sillon.ErrTooLarge.Saying(sillon.CompressionTooHigh(f.limits.Ratio))
		return 0, f.err
	case err != nil:
		f.err = f.failure(err)
	}
	return n, f.err
}

// failure tells the fault of the sender from that of the network.
func (f *inflater) failure(err error) error {
	switch {
	case f.in.err != nil:
		return f.in.err
	case errors.Is(err, io.EOF) && (f.gz != nil || f.in.n == 0):
		return io.EOF
	}
	return &SyntaxError{Position: f.out}
}

// A counter counts the bytes read from r, and keeps its failure.
type counter struct {
	r   io.Reader
	n   int64
	err error // other than io.EOF
}

// Read implements io.Reader.
func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		c.err = err
	}
	return n, err
}

package api

import (
	"bufio"
	"io"
	"net/http"

	"github.com/klauspost/compress/gzip"
	"github.com/labstack/echo/v4"
)

// A stream is a JSON body that is written while it is read from the store. The
// status goes out with the first byte, so a failure before it is still answered
// as one.
type stream struct {
	c    echo.Context
	gzip *gzip.Writer
	out  *bufio.Writer
	buf  []byte
}

func newStream(c echo.Context, contentType string) *stream {
	s := &stream{c: c}
	h := c.Response().Header()
	h.Set(echo.HeaderContentType, contentType)
	h.Add(echo.HeaderVary, echo.HeaderAcceptEncoding)
	return s
}

// begin is called with the first bytes.
func (s *stream) begin() error {
	var w io.Writer = s.c.Response()
	if accepts(s.c, "gzip") {
		s.c.Response().Header().Set(echo.HeaderContentEncoding, "gzip")
		gz, err := gzip.NewWriterLevel(s.c.Response(), gzip.BestSpeed)
		if err != nil {
			return err
		}
		s.gzip, w = gz, gz
	}
	s.out = bufio.NewWriterSize(w, 32<<10)
	s.c.Response().WriteHeader(http.StatusOK)
	return nil
}

// text writes s as it is.
func (s *stream) text(text string) error {
	if s.out == nil {
		if err := s.begin(); err != nil {
			return err
		}
	}
	_, err := s.out.WriteString(text)
	return err
}

// bytes writes b as it is.
func (s *stream) bytes(b []byte) error {
	_, err := s.out.Write(b)
	return err
}

// value writes v as JSON.
func (s *stream) value(v any) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	return s.bytes(b)
}

// end flushes what is left.
func (s *stream) end() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	if s.gzip != nil {
		return s.gzip.Close()
	}
	return nil
}

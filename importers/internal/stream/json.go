package stream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// What is wrong in a JSON text, inside a *JSONError.
var (
	ErrSyntax   = errors.New("not JSON")
	ErrTooDeep  = errors.New("nested too deep")
	ErrTooLarge = errors.New("one value is too large")
)

// maxDepth bounds the nesting of a value (guards.md).
const maxDepth = 16

// A JSONError tells where a JSON text is wrong.
type JSONError struct {
	Offset int64 // bytes before the fault
	Err    error
}

// Error returns the fault and its place.
func (e *JSONError) Error() string { return fmt.Sprintf("byte %d: %v", e.Offset, e.Err) }

// Unwrap returns the fault alone.
func (e *JSONError) Unwrap() error { return e.Err }

// A JSON stands before a value of a JSON text, or between two. Errors of the
// underlying reader come back as they are, faults of the text as *JSONError.
type JSON struct {
	r        io.Reader
	buf      []byte
	pos, end int
	passed   int64 // bytes before buf
	value    []byte
}

// NewJSON returns a JSON at the start of r.
func NewJSON(r io.Reader) *JSON { return &JSON{r: r, buf: make([]byte, 64<<10)} }

// Offset is the number of bytes read so far.
func (j *JSON) Offset() int64 { return j.passed + int64(j.pos) }

func (j *JSON) fault(err error) error { return &JSONError{j.Offset(), err} }

// fill reads more once all of buf is used.
func (j *JSON) fill() error {
	j.passed += int64(j.end)
	j.pos, j.end = 0, 0
	for range 100 {
		n, err := j.r.Read(j.buf)
		if n > 0 {
			j.end = n
			return nil
		}
		if err != nil {
			return err
		}
	}
	return io.ErrNoProgress
}

// Peek returns the first byte of what comes next, white space skipped. At the
// end of the text it returns io.EOF.
func (j *JSON) Peek() (byte, error) {
	for {
		for ; j.pos < j.end; j.pos++ {
			switch c := j.buf[j.pos]; c {
			case ' ', '\t', '\r', '\n':
			default:
				return c, nil
			}
		}
		if err := j.fill(); err != nil {
			return 0, err
		}
	}
}

// next is Peek inside a value, where the text may not end.
func (j *JSON) next() (byte, error) {
	c, err := j.Peek()
	if errors.Is(err, io.EOF) {
		return 0, j.fault(io.ErrUnexpectedEOF)
	}
	return c, err
}

// take consumes c, which must come next.
func (j *JSON) take(c byte) error {
	switch got, err := j.next(); {
	case err != nil:
		return err
	case got != c:
		return j.fault(ErrSyntax)
	}
	j.pos++
	return nil
}

// Elements calls f before each element of the array that comes next; f must
// read the element.
func (j *JSON) Elements(f func() error) error { return j.list('[', ']', f) }

// Members calls f before the value of each member of the object that comes
// next; f must read the value.
func (j *JSON) Members(f func(key string) error) error {
	return j.list('{', '}', func() error {
		at := j.Offset()
		raw, err := j.Value(64 << 10)
		if err != nil {
			return err
		}
		var key string
		if raw[0] != '"' || json.Unmarshal(raw, &key) != nil {
			return &JSONError{at, ErrSyntax}
		}
		if err := j.take(':'); err != nil {
			return err
		}
		return f(key)
	})
}

func (j *JSON) list(open, closing byte, f func() error) error {
	if err := j.take(open); err != nil {
		return err
	}
	c, err := j.next()
	if err != nil {
		return err
	}
	if c == closing {
		j.pos++
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		c, err := j.next()
		if err != nil {
			return err
		}
		if c != ',' && c != closing {
			return j.fault(ErrSyntax)
		}
		j.pos++
		if c == closing {
			return nil
		}
	}
}

// Value reads the value that comes next and returns its text of at most limit
// bytes, which holds until the next call. Only strings and brackets are
// checked: the text is still to be parsed.
func (j *JSON) Value(limit int) ([]byte, error) {
	j.value = j.value[:0]
	err := j.scan(func(part []byte) error {
		if len(j.value)+len(part) > limit {
			return j.fault(ErrTooLarge)
		}
		j.value = append(j.value, part...)
		return nil
	})
	return j.value, err
}

// Skip reads past the value that comes next and keeps nothing of it.
func (j *JSON) Skip() error { return j.scan(func([]byte) error { return nil }) }

// scan gives f the parts of the next value, in order.
func (j *JSON) scan(f func(part []byte) error) error {
	if _, err := j.next(); err != nil {
		return err
	}
	var s scanner
	for {
		n, state := s.feed(j.buf[j.pos:j.end])
		if state == bad {
			j.pos += n
			return j.fault(s.err)
		}
		if err := f(j.buf[j.pos : j.pos+n]); err != nil {
			return err
		}
		j.pos += n
		if state == complete {
			return nil
		}
		switch err := j.fill(); {
		case errors.Is(err, io.EOF) && s.scalar:
			return nil // a number may end with the text
		case errors.Is(err, io.EOF):
			return j.fault(io.ErrUnexpectedEOF)
		case err != nil:
			return err
		}
	}
}

type scanState uint8

const (
	open scanState = iota
	complete
	bad
)

// A scanner finds the end of one value.
type scanner struct {
	scalar, quoted, escaped bool
	depth                   int
	closing                 [maxDepth]byte
	err                     error
}

// feed looks at more of the value and returns how many bytes belong to it.
func (s *scanner) feed(b []byte) (int, scanState) {
	for i := 0; i < len(b); i++ {
		c := b[i]
		if s.quoted {
			switch {
			case s.escaped:
				s.escaped = false
			case c == '\\':
				s.escaped = true
			case c == '"':
				s.quoted = false
				if s.depth == 0 {
					return i + 1, complete
				}
			default:
				i += plain(b[i:]) - 1
			}
			continue
		}
		switch c {
		case '"':
			if s.scalar {
				return i, s.fail(ErrSyntax)
			}
			s.quoted = true
		case '{', '[':
			if s.scalar {
				return i, s.fail(ErrSyntax)
			}
			if s.depth == maxDepth {
				return i, s.fail(ErrTooDeep)
			}
			s.closing[s.depth] = c + 2 // ']' and '}' are two after their openers
			s.depth++
		case '}', ']':
			if s.scalar {
				return i, complete
			}
			if s.depth == 0 || s.closing[s.depth-1] != c {
				return i, s.fail(ErrSyntax)
			}
			if s.depth--; s.depth == 0 {
				return i + 1, complete
			}
		case ',', ':', ' ', '\t', '\r', '\n':
			if s.scalar {
				return i, complete
			}
			if s.depth == 0 {
				return i, s.fail(ErrSyntax)
			}
		default:
			s.scalar = s.depth == 0
		}
	}
	return len(b), open
}

// plain is how many bytes of a quoted text come before a quote or a backslash.
// It looks at a few only, lest many backslashes make it look at all for each.
func plain(b []byte) int {
	b = b[:min(len(b), 256)]
	if end := bytes.IndexByte(b, '"'); end >= 0 {
		b = b[:end]
	}
	if escape := bytes.IndexByte(b, '\\'); escape >= 0 {
		return escape
	}
	return len(b)
}

func (s *scanner) fail(err error) scanState {
	s.err = err
	return bad
}

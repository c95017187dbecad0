package exchange

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"strings"

	"sillon/sillon"
)

// Options say how Scan reads a body.
type Options struct {
	Limits Limits
	NDJSON bool // one record a line: a bad line is refused alone
}

// A Span is where one element of a push lies in the spool, and what of it the
// registry is asked about.
type Span struct {
	Index          int // rank among the elements, from 0; null is no element
	Offset, Length int64
	NumeroBio      string
	NumeroClient   string
	Fault          *sillon.Issue // of step 1 of §4; such an element is not to be read
}

// Scan reads body to its end, copies every byte to spool, and yields each
// element in order. Its last pair holds the failure, if any: a *SyntaxError
// (nothing of the body is then to be stored), sillon.ErrTooLarge, or that of
// body or spool.
//
// The body is an array of records, an object which is a record, or several of
// either. A byte order mark may come first. Scan keeps one chunk and one bit a
// level of nesting.
func Scan(body io.Reader, spool io.Writer, opts Options) iter.Seq2[Span, error] {
	return func(yield func(Span, error) bool) {
		s := newScanner(opts, func(sp Span) bool { return yield(sp, nil) })
		if err := s.scan(body, spool); err != nil && !errors.Is(err, errStopped) {
			yield(Span{}, err)
		}
	}
}

// errStopped ends a scan whose caller wants no more.
var errStopped = errors.New("stopped")

const chunkSize = 128 << 10

var byteOrderMark = []byte("\xef\xbb\xbf")

// scan reads body chunk by chunk.
func (s *scanner) scan(body io.Reader, spool io.Writer) error {
	buf := make([]byte, chunkSize)
	// The first chunk must be able to show a whole byte order mark.
	n, err := io.ReadAtLeast(body, buf, len(byteOrderMark))
	if errors.Is(err, io.ErrUnexpectedEOF) && n > 0 {
		err = nil // a short body, or a reader that will say so again
	}
	for first := true; ; first = false {
		chunk := buf[:n]
		if s.pos+int64(n) > s.limits.Body {
			return sillon.ErrTooLarge
		}
		if _, err := spool.Write(chunk); err != nil {
			return fmt.Errorf("spool: %w", err)
		}
		if first && bytes.HasPrefix(chunk, byteOrderMark) {
			chunk = chunk[len(byteOrderMark):]
			s.pos = int64(len(byteOrderMark))
			s.line.start = s.pos
		}
		if err := s.chunk(chunk); err != nil {
			return err
		}
		switch {
		case errors.Is(err, io.EOF):
			return s.end()
		case err != nil:
			return fmt.Errorf("body at byte %d: %w", s.pos, err)
		}
		n, err = body.Read(buf)
	}
}

// chunk scans the next bytes of the body.
func (s *scanner) chunk(b []byte) error {
	if !s.ndjson {
		return s.feed(b)
	}
	for len(b) > 0 {
		n := bytes.IndexByte(b, '\n')
		part := b
		if n >= 0 {
			part = b[:n]
		}
		if err := s.feedLine(part); err != nil {
			return err
		}
		if n < 0 {
			return nil
		}
		if err := s.endLine(); err != nil {
			return err
		}
		s.pos++
		s.line = line{start: s.pos}
		b = b[n+1:]
	}
	return nil
}

// end scans the end of the body.
func (s *scanner) end() error {
	if s.ndjson {
		return s.endLine()
	}
	return s.finish()
}

// A line is what is known of the present line of an NDJSON body.
type line struct {
	start int64
	bad   int64 // byte of the fault, plus one; 0 is none
	seen  bool  // it holds a value
	span  *Span // that value, unless it is null
}

// feedLine scans a part of a line; only failures that end the whole scan come
// back.
func (s *scanner) feedLine(b []byte) error {
	from := s.pos
	if s.line.bad == 0 {
		err := s.feed(b)
		if fault, ok := errors.AsType[*SyntaxError](err); ok {
			s.line.bad = fault.Position + 1
		} else if err != nil {
			return err
		}
	}
	s.pos = from + int64(len(b))
	return nil
}

// endLine yields the record of the line that ends.
func (s *scanner) endLine() error {
	if s.line.bad == 0 {
		err := s.finish()
		if fault, ok := errors.AsType[*SyntaxError](err); ok {
			s.line.bad = fault.Position + 1
		} else if err != nil {
			return err
		}
	}
	l := s.line
	if l.bad > 0 {
		s.restart()
		sp := Span{Index: s.count, Offset: l.start, Length: s.pos - l.start}
		sp.Fault = new(sillon.IssueInvalidRecord(s.count, "", sillon.RecordUnreadable(l.bad-1)))
		return s.emit(sp)
	}
	if l.span == nil {
		return nil
	}
	return s.emit(*l.span)
}

// A state is what the grammar of JSON lets come next.
type state uint8

// The states.
const (
	atTop        state = iota // a value, or the end of the body
	atValue                   // a value
	atFirstValue              // a value or ]
	atFirstKey                // a key or }
	atKey                     // a key
	atColon                   // :
	atNext                    // , or the end of the container
	inString                  // the rest of a string
	inEscape                  // what follows a backslash
	inHex                     // the rest of \uXXXX
	afterMinus                // the first digit
	afterZero                 // . or e, or the end of the number
	inInteger                 // more digits too
	afterPoint                // the first digit of the fraction
	inFraction                // more digits, e, or the end
	afterE                    // a sign or the first digit of the exponent
	afterESign                // the first digit of the exponent
	inExponent                // more digits, or the end
	inLiteral                 // the rest of true, false or null
)

// endsNumber reports whether a number may end there.
func (s state) endsNumber() bool {
	return s == afterZero || s == inInteger || s == inFraction || s == inExponent
}

// A scanner checks the grammar of JSON byte by byte, whatever the chunks, and
// notices the elements on the way.
type scanner struct {
	limits Limits
	ndjson bool
	yield  func(Span) bool

	pos     int64 // of the chunk in the body
	state   state
	hex     int    // digits that \u still needs
	literal string // what a literal still needs
	isKey   bool   // the string being read names a member
	depth   int
	levels  []uint64 // a bit a level: 1 is an object
	array   bool     // elements are those of a top-level array
	trailed bool     // such an array has ended: a bare scalar after it is trailing text
	line    line
	count   int // of elements

	element  element
	member   *ident // whose value comes next, or is being read
	keeping  bool   // the bytes of the string or number go to token
	token    []byte
	overflow bool // the token did not fit
	quoted   bool // the token is that of a string
}

// An element is what is known of the element being read.
type element struct {
	start       int64
	first       byte // which tells its type
	deepest     int
	known       bool // it has a member of a record
	bio, client ident
}

// An ident is the value of numeroBio or numeroClient.
type ident struct {
	text string
	long bool
}

// maxToken bounds the names and the identifiers that are looked at, in bytes
// as written.
const maxToken = 256

func newScanner(opts Options, yield func(Span) bool) *scanner {
	return &scanner{limits: opts.Limits.orDefaults(), ndjson: opts.NDJSON, yield: yield}
}

// restart forgets the line that went wrong.
func (s *scanner) restart() {
	s.state, s.depth, s.isKey, s.keeping, s.member = atTop, 0, false, false, nil
}

// feed scans b, the bytes of the body from s.pos on.
func (s *scanner) feed(b []byte) error {
	token := 0 // where the kept token begins in b
	for i := 0; i < len(b); {
		c := b[i]
		switch s.state {
		case inString:
			i = plain(b, i)
			if i == len(b) {
				break
			}
			switch b[i] {
			case '"':
				if s.keeping {
					s.keep(b[token:i])
				}
				i++
				if s.isKey {
					s.isKey = false
					s.state = atColon
					if s.keeping {
						s.endKey()
					}
				} else if err := s.endValue(s.pos + int64(i)); err != nil {
					return err
				}
			case '\\':
				s.state = inEscape
				i++
			default:
				return s.fault(i)
			}
		case atNext:
			if isSpace(c) {
				i++
				continue
			}
			object := s.inObject()
			switch {
			case c == ',' && object:
				s.state = atKey
			case c == ',':
				s.state = atValue
			case c == '}' && object, c == ']' && !object:
				if err := s.closeContainer(s.pos + int64(i) + 1); err != nil {
					return err
				}
			default:
				return s.fault(i)
			}
			i++
		case atFirstKey, atKey:
			switch {
			case isSpace(c):
			case c == '"':
				s.isKey = true
				s.state = inString
				if s.element.first == '{' && s.depth == s.base()+1 {
					s.keeping, token, s.token, s.overflow = true, i+1, s.token[:0], false
				}
			case c == '}' && s.state == atFirstKey:
				if err := s.closeContainer(s.pos + int64(i) + 1); err != nil {
					return err
				}
			default:
				return s.fault(i)
			}
			i++
		case atColon:
			switch {
			case isSpace(c):
			case c == ':':
				s.state = atValue
			default:
				return s.fault(i)
			}
			i++
		case atTop, atValue, atFirstValue:
			if isSpace(c) {
				i++
				continue
			}
			if c == ']' && s.state == atFirstValue {
				if err := s.closeContainer(s.pos + int64(i) + 1); err != nil {
					return err
				}
				i++
				continue
			}
			if !s.begin(c, s.pos+int64(i)) {
				return s.fault(i)
			}
			if s.keeping {
				token = i
				if c == '"' {
					token++
				}
			}
			i++
		case inInteger, inFraction, inExponent, afterZero:
			if s.state != afterZero {
				for i < len(b) && isDigit(b[i]) {
					i++
				}
				if i == len(b) {
					break
				}
				c = b[i]
			}
			switch {
			case c == '.' && (s.state == inInteger || s.state == afterZero):
				s.state = afterPoint
				i++
			case (c == 'e' || c == 'E') && s.state != inExponent:
				s.state = afterE
				i++
			default:
				if s.keeping {
					s.keep(b[token:i])
				}
				if err := s.endValue(s.pos + int64(i)); err != nil {
					return err
				}
			}
		case afterMinus:
			switch {
			case c == '0':
				s.state = afterZero
			case isDigit(c):
				s.state = inInteger
			default:
				return s.fault(i)
			}
			i++
		case afterPoint:
			if !isDigit(c) {
				return s.fault(i)
			}
			s.state = inFraction
			i++
		case afterE:
			switch {
			case c == '+' || c == '-':
				s.state = afterESign
			case isDigit(c):
				s.state = inExponent
			default:
				return s.fault(i)
			}
			i++
		case afterESign:
			if !isDigit(c) {
				return s.fault(i)
			}
			s.state = inExponent
			i++
		case inEscape:
			switch c {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
				s.state = inString
			case 'u':
				s.state, s.hex = inHex, 4
			default:
				return s.fault(i)
			}
			i++
		case inHex:
			if !isDigit(c) && (c|0x20 < 'a' || c|0x20 > 'f') {
				return s.fault(i)
			}
			if s.hex--; s.hex == 0 {
				s.state = inString
			}
			i++
		case inLiteral:
			if c != s.literal[0] {
				return s.fault(i)
			}
			s.literal = s.literal[1:]
			i++
			if s.literal == "" {
				if err := s.endValue(s.pos + int64(i)); err != nil {
					return err
				}
			}
		}
	}
	if s.keeping {
		s.keep(b[min(token, len(b)):])
	}
	s.pos += int64(len(b))
	return nil
}

// finish scans the end of the body, which also ends a number.
func (s *scanner) finish() error {
	if s.state.endsNumber() {
		if err := s.endValue(s.pos); err != nil {
			return err
		}
	}
	if s.state != atTop {
		return s.fault(0)
	}
	return nil
}

func (s *scanner) fault(i int) error { return &SyntaxError{Position: s.pos + int64(i)} }

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

func isDigit(c byte) bool { return c-'0' < 10 }

// begin begins the value whose first byte is c.
func (s *scanner) begin(c byte, at int64) bool {
	if s.depth == 0 && !s.beginTop(c) {
		return false
	}
	if s.depth == s.base() {
		s.element = element{start: at, first: c}
	}
	if s.member != nil {
		*s.member = ident{}
		if c == '"' || c == '-' || isDigit(c) {
			s.keeping, s.token, s.overflow, s.quoted = true, s.token[:0], false, c == '"'
		} else {
			s.member = nil
		}
	}
	switch c {
	case '{':
		s.state = atFirstKey
		return s.push(true)
	case '[':
		s.state = atFirstValue
		return s.push(false)
	case '"':
		s.state = inString
	case '-':
		s.state = afterMinus
	case '0':
		s.state = afterZero
	case 't':
		s.state, s.literal = inLiteral, "rue"
	case 'f':
		s.state, s.literal = inLiteral, "alse"
	case 'n':
		s.state, s.literal = inLiteral, "ull"
	default:
		s.state = inInteger
		return isDigit(c)
	}
	return true
}

// beginTop reports whether a top-level value may begin with c.
func (s *scanner) beginTop(c byte) bool {
	if s.ndjson {
		again := s.line.seen
		s.line.seen = true
		return !again
	}
	s.array = c == '['
	if s.array || c == '{' {
		return true
	}
	return !s.trailed
}

// base is the depth at which the elements are.
func (s *scanner) base() int {
	if s.array {
		return 1
	}
	return 0
}

// push enters an array or an object.
func (s *scanner) push(object bool) bool {
	if s.depth >= s.limits.Nesting {
		return false
	}
	word, bit := s.depth/64, uint64(1)<<(s.depth%64)
	if word == len(s.levels) {
		s.levels = append(s.levels, 0)
	}
	if object {
		s.levels[word] |= bit
	} else {
		s.levels[word] &^= bit
	}
	s.depth++
	s.element.deepest = max(s.element.deepest, s.depth-s.base())
	return true
}

// inObject reports whether the innermost container is an object.
func (s *scanner) inObject() bool {
	d := s.depth - 1
	return s.levels[d/64]>>(d%64)&1 == 1
}

// closeContainer leaves an array or an object that ends at end.
func (s *scanner) closeContainer(end int64) error {
	s.depth--
	if s.depth < s.base() {
		s.array, s.trailed, s.state = false, true, atTop
		return nil
	}
	return s.endValue(end)
}

// endValue ends the value whose last byte is before end.
func (s *scanner) endValue(end int64) error {
	if s.keeping {
		s.keeping = false
		s.endMember()
	}
	s.state = atNext
	if s.depth > s.base() {
		return nil
	}
	if s.depth == 0 {
		s.state = atTop
	}
	return s.endElement(end)
}

// keep adds bytes to the token.
func (s *scanner) keep(b []byte) {
	if len(s.token)+len(b) > maxToken {
		s.overflow = true
		return
	}
	s.token = append(s.token, b...)
}

// endKey looks at the name of a member of an element.
func (s *scanner) endKey() {
	s.keeping = false
	if s.overflow {
		return
	}
	if bytes.IndexByte(s.token, '\\') >= 0 {
		s.token = append(s.token[:0], unquote(string(s.token))...)
	}
	switch string(s.token) {
	case "numeroBio":
		s.member = &s.element.bio
	case "numeroClient":
		s.member = &s.element.client
	case "anneeReferenceControle", "anneeAssolement", "dateAudit", "dateCertificationDebut",
		"dateCertificationFin", "numeroPacage", "commentaire", "parcelles":
	default:
		return
	}
	s.element.known = true
}

// endMember looks at the value of numeroBio or numeroClient.
func (s *scanner) endMember() {
	text := string(s.token)
	if s.quoted {
		text = strings.TrimSpace(unquote(text))
	} else {
		text = canonical(text)
	}
	if s.overflow {
		text = "" // a part of it would name another farm
	}
	*s.member = ident{text: text, long: s.overflow}
	s.member = nil
}

// endElement yields the element that ends at end.
func (s *scanner) endElement(end int64) error {
	e := &s.element
	if e.first == 'n' {
		return nil // null counts for nothing
	}
	sp := Span{
		Index: s.count, Offset: e.start, Length: end - e.start,
		NumeroBio: e.bio.text, NumeroClient: e.client.text,
	}
	sp.Fault = s.check(sp)
	if s.ndjson {
		s.line.span = &sp // the rest of the line may still be wrong
		return nil
	}
	return s.emit(sp)
}

// check applies step 1 of §4 to the element that ends.
func (s *scanner) check(sp Span) *sillon.Issue {
	e := &s.element
	var fault sillon.RecordFault
	switch {
	case e.first != '{':
		fault = sillon.RecordNotObject
	case sp.Length > s.limits.Record:
		fault = sillon.RecordTooLarge
	case e.deepest > s.limits.Depth:
		fault = sillon.RecordTooDeep
	case !e.known && !s.array:
		fault = sillon.RecordUnrecognised
	case e.bio.long:
		fault = sillon.RecordLongBio
	case e.client.long:
		fault = sillon.RecordLongClient
	case sp.NumeroBio == "":
		return new(sillon.IssueMissingNumeroBio(sp.Index))
	case sp.NumeroClient == "":
		return new(sillon.IssueMissingNumeroClient(sp.Index, sp.NumeroBio))
	default:
		return nil
	}
	return new(sillon.IssueInvalidRecord(sp.Index, sp.NumeroBio, fault))
}

// emit yields a counted element.
func (s *scanner) emit(sp Span) error {
	if s.count == s.limits.Records {
		return sillon.ErrTooLarge.Saying(sillon.TooManyRecords(s.limits.Records))
	}
	s.count++
	if !s.yield(sp) {
		return errStopped
	}
	return nil
}

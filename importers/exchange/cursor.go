package exchange

import "strings"

// A value is the text of one JSON value, without the white space around it.
// The empty value is that of an absent member.
type value string

// isNull reports whether v is absent or null.
func (v value) isNull() bool { return v == "" || v == "null" }

// isString reports whether v is a string.
func (v value) isString() bool { return v != "" && v[0] == '"' }

// isNumber reports whether v is a number.
func (v value) isNumber() bool { return v != "" && (v[0] == '-' || isDigit(v[0])) }

// isObject reports whether v is an object.
func (v value) isObject() bool { return v != "" && v[0] == '{' }

// isArray reports whether v is an array.
func (v value) isArray() bool { return v != "" && v[0] == '[' }

// inner returns what is between the quotes of a string, as written.
func (v value) inner() string {
	if len(v) < 2 {
		return ""
	}
	return string(v[1 : len(v)-1])
}

// text returns a string, or a number as an identifier. ok is false for any
// other value.
func (v value) text() (s string, ok bool) {
	switch {
	case v.isString():
		return unquote(v.inner()), true
	case v.isNumber():
		return canonical(string(v)), true
	}
	return "", false
}

// A cursor walks JSON whose syntax was checked before. Bytes that are not JSON
// end the walk early, and make it bad.
type cursor struct {
	s   string
	i   int
	bad bool
}

// walk returns a cursor inside the array or object v.
func walk(v value) cursor { return cursor{s: string(v), i: 1} }

// space passes over white space.
func (c *cursor) space() {
	for c.i < len(c.s) && isSpace(c.s[c.i]) {
		c.i++
	}
}

// peek returns the next byte, or 0 at the end.
func (c *cursor) peek() byte {
	if c.i < len(c.s) {
		return c.s[c.i]
	}
	return 0
}

// more moves to the next element or member, the nth from 0, and reports
// whether there is one before the closing byte, which it passes.
func (c *cursor) more(closing byte, n int) bool {
	if c.bad {
		return false
	}
	c.space()
	next := c.peek()
	if next == closing {
		c.i++
		return false
	}
	if n > 0 {
		if next != ',' {
			c.bad = true
			return false
		}
		c.i++
		c.space()
	}
	if c.i >= len(c.s) {
		c.bad = true
	}
	return !c.bad
}

// key reads the name of a member and its colon.
func (c *cursor) key() string {
	v := c.value()
	c.space()
	if !v.isString() || c.peek() != ':' {
		c.bad = true
		return ""
	}
	c.i++
	name := v.inner()
	if strings.IndexByte(name, '\\') >= 0 {
		return unquote(name)
	}
	return name
}

// value reads the next value.
func (c *cursor) value() value {
	c.space()
	from := c.i
	switch c.peek() {
	case '"':
		c.text()
	case '{', '[':
		c.container()
	default:
		c.scalar()
	}
	if c.bad || c.i == from {
		c.bad = true
		return ""
	}
	return value(c.s[from:c.i])
}

// text passes over a string.
func (c *cursor) text() {
	for i := c.i + 1; ; i++ {
		i = plain(c.s, i)
		switch {
		case i >= len(c.s):
			c.bad = true
			return
		case c.s[i] == '"':
			c.i = i + 1
			return
		case c.s[i] == '\\':
			i++
		}
	}
}

// container passes over an array or an object.
func (c *cursor) container() {
	depth := 0
	for c.i < len(c.s) {
		switch c.s[c.i] {
		case '"':
			if c.text(); c.bad {
				return
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		}
		c.i++
		if depth == 0 {
			return
		}
	}
	c.bad = true
}

// scalar passes over a number or a literal.
func (c *cursor) scalar() {
	for c.i < len(c.s) {
		switch c.s[c.i] {
		case ',', ':', ']', '}', '{', '[', '"', ' ', '\n', '\t', '\r':
			return
		}
		c.i++
	}
}

// sameJSON reports whether a and b differ by white space alone.
func sameJSON(a, b value) bool {
	if a == b {
		return true
	}
	x, y := cursor{s: string(a)}, cursor{s: string(b)}
	for {
		x.space()
		y.space()
		c := x.peek()
		switch {
		case c != y.peek():
			return false
		case c == 0:
			return true
		case c == '"':
			if x.value() != y.value() || x.bad {
				return false
			}
		default:
			x.i++
			y.i++
		}
	}
}

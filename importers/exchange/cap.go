package exchange

import (
	"strings"
	"unicode"
)

// A capNumber is the îlot and the parcel that a note names, in the CAP
// declaration.
type capNumber struct{ ilot, parcelle string }

// capNumberIn looks for CAP numbers in a note, with the patterns of §2.2: the
// last one that matches wins. Letters may be of either case.
func capNumberIn(note string) (found capNumber) {
	if !strings.ContainsAny(note, "0123456789") {
		return capNumber{}
	}
	for _, p := range capPatterns {
		for i := range len(note) {
			if n, ok := p.match(note[i:]); ok {
				found = n
				break
			}
		}
	}
	return found
}

// A capPattern is one way to name an îlot and a parcel: two words, each
// followed by a number.
type capPattern struct {
	first, second string
	spaced        bool // white space may stand around the numbers
	swapped       bool // the parcel comes first
}

var capPatterns = []capPattern{
	{first: "ilot", second: "parcelle", spaced: true},
	{first: "parcelle", second: "ilot", spaced: true, swapped: true},
	{first: "ilot-", second: "-"},
}

// match reads the pattern at the beginning of s.
func (p capPattern) match(s string) (capNumber, bool) {
	a, s, ok := p.word(p.first, s)
	if !ok {
		return capNumber{}, false
	}
	if p.spaced {
		s = trimLeft(s)
	}
	b, _, ok := p.word(p.second, s)
	if !ok {
		return capNumber{}, false
	}
	if p.swapped {
		a, b = b, a
	}
	return capNumber{a, b}, true
}

// word reads a word and the number after it.
func (p capPattern) word(word, s string) (number, rest string, ok bool) {
	if len(s) < len(word) || !strings.EqualFold(s[:len(word)], word) {
		return "", s, false
	}
	s = s[len(word):]
	if p.spaced {
		s = trimLeft(s)
	}
	number = leadingInteger(s)
	rest = strings.TrimLeft(s, "0123456789")
	return number, rest, number != ""
}

// leadingInteger returns the digits that s begins with, without needless
// zeros, or nothing.
func leadingInteger(s string) string {
	n := 0
	for n < len(s) && isDigit(s[n]) {
		n++
	}
	for ; n > 1 && s[0] == '0'; n-- {
		s = s[1:]
	}
	return s[:n]
}

// trimLeft drops white space, the no-break spaces of French typing included.
func trimLeft(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }

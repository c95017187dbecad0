package registry

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"sillon/sillon"
)

// The greatest lengths of texts, in characters.
const (
	maxText    = 500
	maxExcerpt = 40
)

var (
	numeroBioForm = regexp.MustCompile(`^[0-9A-Za-z-]{1,20}$`)
	communeForm   = regexp.MustCompile(`^(\d{5}|2[AB]\d{3})$`)
	digits        = regexp.MustCompile(`^\d+$`)
)

// clean makes one line of a text: control characters and runs of white space
// become one space. The words that programs write for nothing are nothing.
func clean(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }), " ")
	switch s {
	case "null", "NULL", "undefined", "NaN":
		return ""
	}
	return s
}

// fold takes off case, accents and all that is neither a letter nor a digit,
// to compare names.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(s) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			b.WriteRune(unicode.ToLower(r))
		}
	}
	return b.String()
}

// excerpt is the beginning of a value, for a message.
func excerpt(s string) string {
	s = clean(s)
	if utf8.RuneCountInString(s) <= maxExcerpt {
		return s
	}
	return string([]rune(s)[:maxExcerpt]) + "…"
}

// text returns a value as stored, and whether it is short enough.
func text(s string) (string, bool) {
	s = clean(s)
	return s, utf8.RuneCountInString(s) <= maxText
}

// siret returns the 14 digits of a SIRET. Its check digit is not: the offices
// of one company do not have it, and a registry is believed.
func siret(s string) (string, bool) {
	s = strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || r == '.' {
			return -1
		}
		return r
	}, clean(s))
	return s, s == "" || len(s) == 14 && digits.MatchString(s)
}

// pacages returns numbers of nine digits; when one is wrong, it alone.
func pacages(s string) (numbers []string, wrong string) {
	for p := range strings.FieldsFuncSeq(clean(s), func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r == '/' || r == '|' }) {
		if len(p) < 8 || len(p) > 9 || !digits.MatchString(p) {
			return nil, p
		}
		numbers = union(numbers, []string{pad(p, 9)})
	}
	return numbers, ""
}

// commune returns an INSEE code, with the zero that spreadsheets take away.
func commune(s string) (string, bool) {
	s = strings.ToUpper(clean(s))
	if digits.MatchString(s) {
		if len(s) < 4 {
			return s, false
		}
		s = pad(s, 5)
	}
	return s, s == "" || communeForm.MatchString(s)
}

// oc returns the id of a certifier, 0 for none.
func oc(s string) (sillon.OC, bool) {
	s = clean(s)
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return sillon.OC(n), err == nil && n > 0
}

// state reads the state of a link, whatever its case and accents.
func state(s string) (sillon.LinkState, bool) {
	if exact := sillon.LinkState(s); slices.Contains(sillon.LinkStates, exact) {
		return exact, true
	}
	s = fold(s)
	for _, known := range sillon.LinkStates {
		if fold(string(known)) == s {
			return known, true
		}
	}
	return "", false
}

// date reads a day as the exchange does, or as DD/MM/YYYY.
func date(s string) (sillon.Date, bool) {
	s = clean(s)
	if s == "" {
		return sillon.Date{}, true
	}
	if t, err := time.Parse("02/01/2006", s); err == nil {
		s = t.Format(time.DateOnly)
	}
	return sillon.DeclaredDate(s)
}

func pad(s string, width int) string {
	if len(s) < width {
		return strings.Repeat("0", width-len(s)) + s
	}
	return s
}

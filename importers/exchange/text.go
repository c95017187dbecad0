package exchange

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	every = 0x0101010101010101 // one in each byte
	highs = 0x8080808080808080
)

// plain returns the index, from i on, of the first byte that means something
// in a JSON string: a quote, a backslash, or a control character, which JSON
// refuses. It is len(s) when there is none.
func plain[T string | []byte](s T, i int) int {
	for ; i+8 <= len(s); i += 8 {
		w := uint64(s[i]) | uint64(s[i+1])<<8 | uint64(s[i+2])<<16 | uint64(s[i+3])<<24 |
			uint64(s[i+4])<<32 | uint64(s[i+5])<<40 | uint64(s[i+6])<<48 | uint64(s[i+7])<<56
		quote := w ^ every*'"'
		slash := w ^ every*'\\'
		// A byte is zero in x when (x-every)&^x has its high bit; the lowest
		// such bit is exact, which is enough to stop on this word.
		if ((w-every*0x20)&^w|(quote-every)&^quote|(slash-every)&^slash)&highs != 0 {
			break
		}
	}
	for ; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}

// unquote returns the text between the quotes of a JSON string. What is not
// text (invalid UTF-8, half a surrogate pair, the NUL that PostgreSQL cannot
// store) becomes U+FFFD. It copies only when it must.
func unquote(s string) string {
	if strings.IndexByte(s, '\\') < 0 && utf8.ValidString(s) {
		return s
	}
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			r, n := utf8.DecodeRuneInString(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		}
		if i+1 == len(s) {
			break
		}
		switch c := s[i+1]; c {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			r, n := unescape(s[i:])
			b = utf8.AppendRune(b, r)
			i += n
			continue
		default:
			b = append(b, c)
		}
		i += 2
	}
	return string(b)
}

// unescape reads the \uXXXX, or the pair of them, that s begins with.
func unescape(s string) (r rune, n int) {
	r, ok := unit(s)
	if !ok {
		return utf8.RuneError, min(len(s), 6)
	}
	if utf16.IsSurrogate(r) {
		if low, ok := unit(s[6:]); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				return pair, 12
			}
		}
		return utf8.RuneError, 6
	}
	if r == 0 {
		return utf8.RuneError, 6
	}
	return r, 6
}

// unit reads the UTF-16 unit of the \uXXXX that s begins with.
func unit(s string) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	v, err := strconv.ParseUint(s[2:6], 16, 16)
	return rune(v), err == nil
}

// longest is how many digits an exponent may add to a number.
const longest = 64

// canonical writes a JSON number as the identifier it stands for: 45742,
// 45742.0 and 4.5742e4 are all 45742, with every digit kept. A number that is
// not an integer stays as written.
func canonical(s string) string {
	digits, negative := strings.CutPrefix(s, "-")
	if isDigits(digits) && !negative {
		return s // the usual case: JSON writes no leading zero
	}
	mantissa, exponent := digits, 0
	if i := strings.IndexAny(digits, "eE"); i >= 0 {
		n, err := strconv.Atoi(digits[i+1:])
		if err != nil {
			return s
		}
		mantissa, exponent = digits[:i], n
	}
	whole, fraction, _ := strings.Cut(mantissa, ".")
	digits = strings.TrimLeft(whole+fraction, "0")
	kept := strings.TrimRight(digits, "0")
	if kept == "" {
		return "0"
	}
	zeros := len(digits) - len(kept) - len(fraction) + exponent
	if zeros < 0 || zeros > longest {
		return s
	}
	kept += strings.Repeat("0", zeros)
	if negative {
		return "-" + kept
	}
	return kept
}

// isDigits reports whether s is one ASCII digit or more.
func isDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

package exchange

import "strconv"

// maxExact is the largest integer below which all are exact in a float64.
const maxExact = 1 << 53

// powers of ten that are exact in a float64.
var powers = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
}

// number reads the JSON number at s[i:], and returns where it ends. ok is
// false when no number is there; one beyond float64 is infinite.
//
// The quotient of two exact values is rounded right: most coordinates need
// nothing slower.
func number(s string, i int) (f float64, end int, ok bool) {
	from := i
	negative := i < len(s) && s[i] == '-'
	if negative {
		i++
	}
	var mantissa uint64
	first := i
	for i < len(s) && isDigit(s[i]) {
		mantissa = 10*mantissa + uint64(s[i]-'0')
		i++
	}
	digits := i - first
	if digits == 0 || digits > 1 && s[first] == '0' {
		return 0, from, false
	}
	decimals := 0
	if i < len(s) && s[i] == '.' {
		i++
		point := i
		for i < len(s) && isDigit(s[i]) {
			mantissa = 10*mantissa + uint64(s[i]-'0')
			i++
		}
		if decimals = i - point; decimals == 0 {
			return 0, from, false
		}
	}
	if i < len(s) && s[i]|0x20 == 'e' {
		i++
		if i < len(s) && (s[i] == '+' || s[i] == '-') {
			i++
		}
		exponent := i
		for i < len(s) && isDigit(s[i]) {
			i++
		}
		if i == exponent {
			return 0, from, false
		}
	} else if digits+decimals <= 18 && mantissa < maxExact && decimals < len(powers) {
		f = float64(mantissa) / powers[decimals]
		if negative {
			f = -f
		}
		return f, i, true
	}
	f, _ = strconv.ParseFloat(s[from:i], 64) // out of range is infinite
	return f, i, true
}

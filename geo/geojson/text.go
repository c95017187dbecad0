package geojson

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// AppendString appends s to buf as a JSON string that is read as s. Bytes that
// are no UTF-8 become U+FFFD.
func AppendString[T ~string](buf []byte, s T) []byte {
	ascii := true
	for i := range len(s) {
		c := s[i]
		if c < ' ' || c == '"' || c == '\\' {
			return appendEscaped(buf, string(s))
		}
		ascii = ascii && c < utf8.RuneSelf
	}
	if !ascii && !utf8.ValidString(string(s)) {
		return appendEscaped(buf, string(s))
	}
	buf = append(buf, '"')
	buf = append(buf, s...)
	return append(buf, '"')
}

func appendEscaped(buf []byte, s string) []byte {
	b, _ := json.Marshal(s) // every string can be written
	return append(buf, b...)
}

// AppendNumber appends a finite v to buf, in as few digits as tell it from its
// neighbours, or null when it is nil.
func AppendNumber(buf []byte, v *float64) []byte {
	if v == nil {
		return append(buf, "null"...)
	}
	return strconv.AppendFloat(buf, *v, 'g', -1, 64)
}

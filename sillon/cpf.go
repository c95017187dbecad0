package sillon

import "strings"

// CPFUnder reports whether a CPF code is above, or one of those that make it
// more precise. The levels of the official CPF add one digit (01.26.1,
// 01.26.11) or a segment; past its third segment Agence BIO numbers crops side
// by side (01.19.10.2 fodder beet, 01.19.10.21 sainfoin), so that only a
// further segment is below there.
func CPFUnder(code, above string) bool {
	rest, ok := strings.CutPrefix(code, above)
	switch {
	case !ok || above == "":
		return false
	case rest == "" || rest[0] == '.':
		return true
	}
	return strings.Count(above, ".") == 2 && strings.LastIndexByte(above, '.') == len(above)-2
}

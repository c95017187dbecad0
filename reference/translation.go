package reference

import "strings"

// FromCAP translates a crop of the CAP (file-formats.md §2). The precision may
// be empty or unpadded; the lines of the code without precision answer for a
// precision that has none of its own. ok is false when nothing translates it.
func (n *Nomenclature) FromCAP(code, precision string) (cpf string, ok bool) {
	code, precision = strings.TrimSpace(code), strings.TrimSpace(precision)
	if precision != "" {
		if codes := n.fromCAP[capKey{code, pad(precision)}]; len(codes) > 0 {
			return n.common(codes)
		}
	}
	return n.common(n.fromCAP[capKey{code, ""}])
}

// FromGeofolia translates a crop of Geofolia: the same code, but for white space.
func (n *Nomenclature) FromGeofolia(code string) (cpf string, ok bool) {
	cpf, ok = n.geofolia[collapse(code)]
	return cpf, ok
}

// FromBureauVeritas translates a crop of Bureau Veritas. Where several CPF
// codes share it, what they have in common answers, as for the CAP.
func (n *Nomenclature) FromBureauVeritas(code string) (cpf string, ok bool) {
	return n.common(n.fromBV[strings.TrimSpace(code)])
}

// FromGrape translates a variety of the vineyard register. ok is false for an
// unknown variety, and for one that is neither wine nor table grape.
func (n *Nomenclature) FromGrape(code string) (cpf string, ok bool) {
	i, ok := n.grape[strings.TrimSpace(code)]
	if !ok || n.grapes[i].CPF == "" {
		return "", false
	}
	return n.grapes[i].CPF, true
}

// ToBureauVeritas returns the code of a crop at Bureau Veritas, else nothing.
func (n *Nomenclature) ToBureauVeritas(cpf string) string {
	c, _ := n.CPF(cpf)
	return c.BureauVeritas
}

// ToCAP returns the lines of the CAP that a crop may be declared under, in
// order. one is true when they are a single line marked direct, the only case
// in which the first may be taken for the answer.
func (n *Nomenclature) ToCAP(cpf string) (lines []CAP, one bool) {
	for _, c := range n.toCAP[cpf] {
		if c.Direct {
			lines = append(lines, c)
		}
	}
	if len(lines) == 1 {
		return lines, true
	}
	return append(lines[:0:0], n.toCAP[cpf]...), false
}

// common returns the longest prefix of characters that the codes share, less a
// trailing dot, when it has two segments at least and is itself a code. It is
// a prefix of characters and not of segments: that is the contract.
func (n *Nomenclature) common(codes []string) (string, bool) {
	if len(codes) == 0 {
		return "", false
	}
	prefix := codes[0]
	for _, c := range codes[1:] {
		i := 0
		for i < len(prefix) && i < len(c) && prefix[i] == c[i] {
			i++
		}
		prefix = prefix[:i]
	}
	prefix = strings.TrimSuffix(prefix, ".")
	if !strings.Contains(prefix, ".") || !n.IsCPF(prefix) {
		return "", false
	}
	return prefix, true
}

// pad writes a precision on three digits.
func pad(precision string) string {
	if missing := 3 - len(precision); missing > 0 {
		return "000"[:missing] + precision
	}
	return precision
}

// collapse trims s and makes each run of white space one space.
func collapse(s string) string { return strings.Join(strings.Fields(s), " ") }

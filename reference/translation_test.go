package reference_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"sillon/reference"
)

func TestFromCAP(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code, precision, want string
	}{
		{"orchard is too wide", "VRG", "", ""},
		{"orchard of apricots", "VRG", "001", "01.24.23"},
		{"precision unpadded", "VRG", "1", "01.24.23"},
		{"white space around both", "VRG   ", "  001  ", "01.24.23"},
		{"orchard of apples: the common prefix is no code", "VRG", "003", ""},
		{"cereal mix", "MCR", "", "01.11.49.31"},
		{"cereal mix of a precision that has no line", "MCR", "001", "01.11.49.31"},
		{"precision longer than three digits", "MCR", "12345", "01.11.49.31"},
		{"citrus: the common prefix is no code", "AGR", "", ""},
		{"citrus of any precision", "AGR", "002", ""},
		{"unknown crop of the CAP", "ZZZ", "", ""},
		{"no such code", "@@@", "", ""},
		{"no code", "", "", ""},
		{"lower case is another code", "mcr", "", ""},
	}
	n := nomenclature(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := n.FromCAP(tt.code, tt.precision)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("FromCAP(%q, %q) = %q, %t, want %q", tt.code, tt.precision, got, ok, tt.want)
			}
		})
	}
}

// TestFromCAPOnlyReturnsExistingCodes is pitfalls.md C27.
func TestFromCAPOnlyReturnsExistingCodes(t *testing.T) {
	t.Parallel()
	n := nomenclature(t)
	translated := 0
	for _, line := range n.CAPs() {
		cpf, ok := n.FromCAP(line.Code, line.Precision)
		if !ok {
			if cpf != "" {
				t.Errorf("%s %s: %q without ok", line.Code, line.Precision, cpf)
			}
			continue
		}
		translated++
		if !n.IsCPF(cpf) {
			t.Errorf("%s %s: %q is not in the nomenclature", line.Code, line.Precision, cpf)
		}
		if strings.Count(cpf, ".") < 1 {
			t.Errorf("%s %s: %q has one segment", line.Code, line.Precision, cpf)
		}
	}
	if translated != 449 {
		t.Errorf("%d lines of the CAP translate, want 449", translated)
	}
}

func TestFromGeofolia(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code, want string
	}{
		{"one word", "E01", "01.24.23"},
		{"two words", "ZAR ZFB", "01.11.12"},
		{"several spaces", " ZAR \t  ZFB ", "01.11.12"},
		{"a longer use", "ZAR ZFAI01", "01.11.12"},
		{"no space", "ZARZFB", ""},
		{"unknown", "AAAAAAAAAAAA", ""},
		{"empty", "  ", ""},
	}
	n := nomenclature(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := n.FromGeofolia(tt.code)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("FromGeofolia(%q) = %q, %t, want %q", tt.code, got, ok, tt.want)
			}
		})
	}
}

func TestBureauVeritas(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code, want string
	}{
		{"one crop", "1003", "01.11.12"},
		{"barley and its kinds", "1006", "01.11.31"},
		{"seeds of everything", "3001", ""},
		{"unknown", "9999", ""},
		{"empty: crops without a code are not translated back", "", ""},
	}
	n := nomenclature(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := n.FromBureauVeritas(tt.code)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("FromBureauVeritas(%q) = %q, %t, want %q", tt.code, got, ok, tt.want)
			}
		})
	}
	for cpf, want := range map[string]string{"01.11.12": "1003", "01.11.49.5": "", "99": ""} {
		if got := n.ToBureauVeritas(cpf); got != want {
			t.Errorf("ToBureauVeritas(%q) = %q, want %q", cpf, got, want)
		}
	}
	for _, c := range n.CPFs() {
		if c.BureauVeritas == "" {
			continue
		}
		if got, ok := n.FromBureauVeritas(c.BureauVeritas); ok && !n.IsCPF(got) {
			t.Errorf("FromBureauVeritas(%q) = %q, outside the nomenclature", c.BureauVeritas, got)
		}
	}
}

func TestToCAP(t *testing.T) {
	t.Parallel()
	n := nomenclature(t)
	lines, one := n.ToCAP("01.24.23")
	want := []reference.CAP{{Code: "VRG", Precision: "001", Label: "Abricots", Direct: true}}
	if diff := cmp.Diff(want, lines); diff != "" || !one {
		t.Errorf("apricots, one = %t (-want +got):\n%s", one, diff)
	}
	if lines, one := n.ToCAP("01.11.12"); one || len(lines) < 2 {
		t.Errorf("wheat = %v, %t, want winter and spring wheat among others", lines, one)
	}
	if lines, one := n.ToCAP("99"); one || len(lines) != 0 {
		t.Errorf("unknown crop = %v, %t", lines, one)
	}
	for _, c := range n.CPFs() {
		lines, one := n.ToCAP(c.Code)
		if one != (len(lines) == 1 && lines[0].Direct) {
			t.Errorf("%s: one = %t for %v", c.Code, one, lines)
		}
		for _, line := range lines {
			if back, ok := n.FromCAP(line.Code, line.Precision); line.Direct && (!ok || back != c.Code) {
				t.Errorf("%s: direct line %s %s comes back as %q", c.Code, line.Code, line.Precision, back)
			}
		}
	}
}

func TestFromGrape(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code, want string
	}{
		{"wine grape", "1161", "01.21.12"},
		{"table grape", "797", "01.21.11"},
		{"neither: 01.21.1 is not in the nomenclature", "2251", ""},
		{"unknown", "0", ""},
	}
	n := nomenclature(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, ok := n.FromGrape(tt.code)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("FromGrape(%q) = %q, %t, want %q", tt.code, got, ok, tt.want)
			}
		})
	}
}

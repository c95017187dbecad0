package reference_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"sillon/reference"
)

func nomenclature(tb testing.TB) *reference.Nomenclature {
	tb.Helper()
	n, err := reference.Load()
	if err != nil {
		tb.Fatal(err)
	}
	return n
}

func TestLoadHoldsTheWholePackage(t *testing.T) {
	t.Parallel()
	n := nomenclature(t)
	got := map[string]int{"cpf": len(n.CPFs()), "cap": len(n.CAPs()), "grapes": len(n.Grapes())}
	want := map[string]int{"cpf": 281, "cap": 496, "grapes": 697}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("sizes (-want +got):\n%s", diff)
	}
	groups := map[string]bool{}
	for _, c := range n.CPFs() {
		groups[c.Group] = true
		if c.Label == "" || c.Group == "" || strings.Count(c.Code, ".") == 0 {
			t.Errorf("incomplete crop %+v", c)
		}
		if label, ok := n.Label(c.Code); !ok || label != c.Label {
			t.Errorf("Label(%q) = %q, %t", c.Code, label, ok)
		}
		if n.Group(c.Code) != c.Group || !n.IsCPF(c.Code) {
			t.Errorf("%q is listed and not found", c.Code)
		}
	}
	if len(groups) != 7 {
		t.Errorf("%d groups, want 7: %v", len(groups), groups)
	}
}

func TestUnknownCPF(t *testing.T) {
	t.Parallel()
	n := nomenclature(t)
	for _, code := range []string{"", " 01.11.12", "01.11.12 ", "01.21.1", "01", "02.10.2003", "99.99"} {
		if n.IsCPF(code) {
			t.Errorf("IsCPF(%q) = true", code)
		}
		if label, ok := n.Label(code); ok || label != "" {
			t.Errorf("Label(%q) = %q, %t", code, label, ok)
		}
		if group := n.Group(code); group != "" {
			t.Errorf("Group(%q) = %q", code, group)
		}
	}
}

func TestHasChildren(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, code string
		want       bool
	}{
		{"barley has brewing and fodder barley under it", "01.11.31", true},
		{"olive has two uses under it", "01.26.1", true},
		{"a leaf", "01.26.11", false},
		{"wheat", "01.11.12", false},
		{"fodder beet is not above sainfoin", "01.19.10.2", false},
		{"non-agricultural land has strips under it", "01.99", true},
	}
	n := nomenclature(t)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			c, ok := n.CPF(tt.code)
			if !ok || c.HasChildren != tt.want {
				t.Errorf("CPF(%q).HasChildren = %t (known %t), want %t", tt.code, c.HasChildren, ok, tt.want)
			}
		})
	}
}

func TestReadRefusesWhatIsOutsideTheNomenclature(t *testing.T) {
	t.Parallel()
	good := map[string]string{
		"cpf.csv":      "cpf;libelle;groupe;sous_groupe;bureau_veritas\n01.11;Blé;G;S;1\n01.12;Riz;G;S;\n",
		"cap.csv":      "code;precision;libelle;directe;cpf\nBLE;;Blé;1;01.11\nTOU;;Tout;0;01.1*\n",
		"geofolia.csv": "code;cpf\nZAR;01.11\n",
		"cepages.csv":  "code;libelle;couleur;cpf\n1;A;Noir;\n",
	}
	tests := []struct {
		name, file, line, want string
	}{
		{"all good", "cap.csv", "", ""},
		{"CAP to an unknown code", "cap.csv", "XXX;;X;0;01.11,01.13\n", `line 4: CPF "01.13" is not in the nomenclature`},
		{"CAP to an empty prefix", "cap.csv", "XXX;;X;0;02*\n", `line 4: CPF "02*" is not in the nomenclature`},
		{"CAP to nothing", "cap.csv", "XXX;;X;0;\n", `line 4: CPF "" is not in the nomenclature`},
		{"CAP line twice", "cap.csv", "BLE;;Blé;1;01.12\n", `line 4: code "BLE", precision "" occurs twice`},
		{"CAP direct to two codes", "cap.csv", "XXX;;X;1;01.1*\n", `line 4: code "XXX", precision "" is direct to 2 codes`},
		{"Geofolia to an unknown code", "geofolia.csv", "ZZZ;01.99\n", `line 3: CPF "01.99" is not in the nomenclature`},
		{"Geofolia code twice", "geofolia.csv", " ZAR;01.12\n", `line 3: code "ZAR" occurs twice`},
		{"grape to an unknown code", "cepages.csv", "2;B;Noir;01.21.1\n", `line 3: CPF "01.21.1" is not in the nomenclature`},
		{"grape twice", "cepages.csv", "1;B;Noir;\n", `line 3: code "1" occurs twice`},
		{"CPF twice", "cpf.csv", "01.12;Riz;G;S;\n", `line 4: code "01.12" is not after "01.12"`},
		{"missing column", "cpf.csv", "01.13;Riz\n", "wrong number of fields"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			folder := fstest.MapFS{}
			for name, text := range good {
				if name == tt.file {
					text += tt.line
				}
				folder[name] = &fstest.MapFile{Data: []byte(text)}
			}
			_, err := reference.Read(folder)
			switch {
			case tt.want == "" && err != nil:
				t.Errorf("Read() = %v", err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("Read() = %v, want %q", err, tt.want)
			}
		})
	}
}

func TestReadNeedsEveryFile(t *testing.T) {
	t.Parallel()
	if _, err := reference.Read(fstest.MapFS{}); err == nil {
		t.Error("Read() of an empty folder succeeded")
	}
}

func BenchmarkFromCAP(b *testing.B) {
	n := nomenclature(b)
	for b.Loop() {
		n.FromCAP("VRG", "")
	}
}

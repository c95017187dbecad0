package tiles_test

import (
	"testing"

	"sillon/tiles"
)

func TestQueryKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		query tiles.Query
		want  string
	}{
		{"everything public", tiles.Query{Scope: tiles.Public}, ""},
		{"nothing", tiles.Query{}, "0"},
		{"a certifier", tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeCertifier, OC: 7}}, "2:7"},
		{"a farm", tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeFarm, Farm: "12;niveau=AB"}}, `3:"12;niveau=AB"`},
		{"all", tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeAll}}, "4"},
		{"a version", tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeVersion, Version: "v"}}, `5:"v"`},
		{
			"every filter, in any order and twice",
			tiles.Query{Scope: tiles.Public, Filter: tiles.Filter{
				Levels: []string{"C1", "AB", "C1"}, Crops: []string{"01.2", "01.11"}, Years: []int{2026, 2025}, Departements: []string{"26", "07", "26"},
			}},
			"1;niveau=AB,C1;culture=01.11,01.2;annee=2025,2026;departement=07,26",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			tt.query.Filter.Normalize()
			if got := tt.query.Key(); got != tt.want {
				t.Errorf("Key() = %s, want %s", got, tt.want)
			}
		})
	}
}

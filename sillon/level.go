package sillon

import (
	"fmt"
	"slices"
)

// A Level is how far a parcel is on its way to organic farming
// (niveauConversion). The zero Level is unknown.
type Level string

// The levels of domain.md §5.2.
const (
	LevelUnknown Level = ""
	LevelCONV    Level = "CONV" // conventional
	LevelC1      Level = "C1"   // first year of conversion
	LevelC2      Level = "C2"
	LevelC3      Level = "C3"
	LevelAB      Level = "AB"
	LevelEngaged Level = "AB?" // engaged, level to be specified
)

// Levels lists every level but the unknown one, from conventional to organic.
var Levels = []Level{LevelCONV, LevelC1, LevelC2, LevelC3, LevelAB, LevelEngaged}

// DeclaredLevel reads etatProduction as certifiers send it
// (certifier-exchange.md §2.3, case-sensitive). ok is false for any other text.
func DeclaredLevel(s string) (l Level, ok bool) {
	switch s {
	case "CONV", "C0", "NB":
		return LevelCONV, true
	case "C1", "C2", "C3", "AB":
		return Level(s), true
	case "BIO":
		return LevelEngaged, true
	}
	return LevelUnknown, false
}

// IsConverting reports whether l is a year of conversion, which needs a date
// of engagement.
func (l Level) IsConverting() bool { return l == LevelC1 || l == LevelC2 || l == LevelC3 }

// UnmarshalText refuses what is not a level.
func (l *Level) UnmarshalText(b []byte) error {
	if v := Level(b); v == LevelUnknown || slices.Contains(Levels, v) {
		*l = v
		return nil
	}
	return fmt.Errorf("niveauConversion %q inconnu", b)
}

package sillon

import (
	"encoding/json"
	"fmt"
	"slices"
)

// A DeletionCode says why a version is deleted (domain.md §11.1). The zero
// DeletionCode is refused.
type DeletionCode string

// The codes.
const (
	DeletionLifecycle DeletionCode = "lifecycle"
	DeletionOther     DeletionCode = "other"
	DeletionError     DeletionCode = "error"
)

// DeletionCodes lists the codes.
var DeletionCodes = []DeletionCode{DeletionLifecycle, DeletionOther, DeletionError}

// UnmarshalText refuses what is not a code.
func (c *DeletionCode) UnmarshalText(b []byte) error {
	if v := DeletionCode(b); slices.Contains(DeletionCodes, v) {
		*c = v
		return nil
	}
	return fmt.Errorf("motif %q inconnu", b)
}

// MostReason is how many characters the reason of a change may have.
const MostReason = 500

// A DeletionReason is why a version is deleted, as its history keeps it.
type DeletionReason struct {
	Code   DeletionCode `json:"code"`
	Reason string       `json:"reason,omitempty"` // the user's own words
}

// String is the reason as Event.Reason holds it.
func (r DeletionReason) String() string {
	b, _ := json.Marshal(r) // two texts
	return string(b)
}

// ParseDeletionReason reads what String wrote; ok is false for another reason.
func ParseDeletionReason(text string) (r DeletionReason, ok bool) {
	return r, json.Unmarshal([]byte(text), &r) == nil && r.Code != ""
}

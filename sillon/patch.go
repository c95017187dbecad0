package sillon

// An Op says what a sent member asks for. The zero Op keeps what is stored.
type Op uint8

// The operations.
const (
	Keep  Op = iota // absent or null
	Clear           // ''
	Set
)

// A Patch is what a sent member asks of a stored one: nothing, to be emptied,
// or a new value (table of certifier-exchange.md §7).
type Patch[T any] struct {
	Op    Op
	Value T
}

// To is a patch that stores v.
func To[T any](v T) Patch[T] { return Patch[T]{Op: Set, Value: v} }

// Cleared is a patch that empties.
func Cleared[T any]() Patch[T] { return Patch[T]{Op: Clear} }

// On returns what becomes of the stored value old.
func (p Patch[T]) On(old T) T {
	var none T
	switch p.Op {
	case Set:
		return p.Value
	case Clear:
		return none
	case Keep:
	}
	return old
}

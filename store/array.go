package store

import (
	"encoding/binary"
	"math"

	"github.com/jackc/pgx/v5/pgtype"

	"sillon/sillon"
)

// An arrayCodec is the codec of pgx for the arrays of a type, but writes the
// slices of bulk statements itself: pgx puts each element in an interface and
// asks how to write it, which costs more than writing it (make bench-push).
type arrayCodec struct {
	*pgtype.ArrayCodec
	plan pgtype.EncodePlan
	is   func(value any) bool // tells the slices that plan writes
}

func (c arrayCodec) PlanEncode(m *pgtype.Map, oid uint32, format int16, value any) pgtype.EncodePlan {
	if format == pgtype.BinaryFormatCode && c.is(value) {
		return c.plan
	}
	return c.ArrayCodec.PlanEncode(m, oid, format, value)
}

// registerArrays has m write the slices of bulk statements.
func registerArrays(m *pgtype.Map) {
	be := binary.BigEndian
	register(m, pgtype.TextArrayOID, func(buf []byte, s string) []byte { return append(be.AppendUint32(buf, uint32(len(s))), s...) }) //nolint:gosec // far less than 2 GB
	register(m, pgtype.ByteaArrayOID, func(buf, b []byte) []byte {
		if b == nil {
			return be.AppendUint32(buf, null)
		}
		return append(be.AppendUint32(buf, uint32(len(b))), b...) //nolint:gosec // likewise
	})
	register(m, pgtype.BoolArrayOID, func(buf []byte, v bool) []byte {
		buf = be.AppendUint32(buf, 1)
		if v {
			return append(buf, 1)
		}
		return append(buf, 0)
	})
	register(m, pgtype.Int4ArrayOID, func(buf []byte, v int32) []byte { return be.AppendUint32(be.AppendUint32(buf, 4), uint32(v)) }) //nolint:gosec // two's complement
	register(m, pgtype.Int8ArrayOID, func(buf []byte, v int64) []byte { return be.AppendUint64(be.AppendUint32(buf, 8), uint64(v)) }) //nolint:gosec // likewise
	register(m, pgtype.Float8ArrayOID, func(buf []byte, v float64) []byte {
		return be.AppendUint64(be.AppendUint32(buf, 8), math.Float64bits(v))
	})
	register(m, pgtype.DateArrayOID, func(buf []byte, d sillon.Date) []byte {
		if d.IsZero() {
			return be.AppendUint32(buf, null)
		}
		return be.AppendUint32(be.AppendUint32(buf, 4), uint32(d.DaysSince(sillon.Date{Year: 2000, Month: 1, Day: 1}))) //nolint:gosec // two's complement
	})
}

const null = math.MaxUint32 // the length of NULL

func register[T any](m *pgtype.Map, oid uint32, element func(buf []byte, v T) []byte) {
	t, _ := m.TypeForOID(oid) // of PostgreSQL itself, which pgx knows
	codec := t.Codec.(*pgtype.ArrayCodec)
	m.RegisterType(&pgtype.Type{Name: t.Name, OID: oid, Codec: arrayCodec{
		ArrayCodec: codec,
		plan:       encodeSlice[T]{codec.ElementType.OID, element},
		is:         func(value any) bool { _, ok := value.([]T); return ok },
	}})
}

// encodeSlice writes a []T in the binary format of arrays.
type encodeSlice[T any] struct {
	oid     uint32 // of an element
	element func(buf []byte, v T) []byte
}

func (p encodeSlice[T]) Encode(value any, buf []byte) ([]byte, error) {
	values := value.([]T)
	if values == nil {
		return nil, nil
	}
	be := binary.BigEndian
	dimensions := uint32(1)
	if len(values) == 0 {
		dimensions = 0
	}
	buf = be.AppendUint32(buf, dimensions)
	buf = be.AppendUint32(buf, 1) // there may be NULLs
	buf = be.AppendUint32(buf, p.oid)
	if dimensions == 0 {
		return buf, nil
	}
	buf = be.AppendUint32(buf, uint32(len(values))) //nolint:gosec // few
	buf = be.AppendUint32(buf, 1)                   // the first index
	for _, v := range values {
		buf = p.element(buf, v)
	}
	return buf, nil
}

package store

import (
	"database/sql/driver"
	"fmt"

	"github.com/jackc/pgx/v5/pgtype"
	"github.com/paulmach/orb"
	"github.com/paulmach/orb/encoding/ewkb"
)

const wgs84 = 4326

// geometryCodec maps a PostGIS geometry column to an orb.Geometry and back, and
// to its EWKB bytes for those who do not need the value (tiles, GeoJSON).
type geometryCodec struct{}

func (geometryCodec) FormatSupported(format int16) bool { return format == pgtype.BinaryFormatCode }
func (geometryCodec) PreferredFormat() int16            { return pgtype.BinaryFormatCode }

func (geometryCodec) PlanEncode(_ *pgtype.Map, _ uint32, _ int16, value any) pgtype.EncodePlan {
	if _, ok := value.(orb.Geometry); !ok {
		return nil
	}
	return encodeGeometry{}
}

func (geometryCodec) PlanScan(_ *pgtype.Map, _ uint32, _ int16, target any) pgtype.ScanPlan {
	switch target.(type) {
	case *orb.Geometry:
		return scanGeometry{}
	case *[]byte:
		return scanEWKB{}
	}
	return nil
}

func (geometryCodec) DecodeDatabaseSQLValue(_ *pgtype.Map, _ uint32, _ int16, src []byte) (driver.Value, error) {
	return append([]byte(nil), src...), nil
}

func (geometryCodec) DecodeValue(_ *pgtype.Map, _ uint32, _ int16, src []byte) (any, error) {
	if src == nil {
		return nil, nil //nolint:nilnil // NULL is nil to pgx
	}
	g, _, err := ewkb.Unmarshal(src)
	return g, err
}

type encodeGeometry struct{}

func (encodeGeometry) Encode(value any, buf []byte) ([]byte, error) {
	b, err := ewkb.Marshal(value.(orb.Geometry), wgs84)
	if err != nil {
		return nil, fmt.Errorf("encode geometry: %w", err)
	}
	return append(buf, b...), nil
}

type scanGeometry struct{}

func (scanGeometry) Scan(src []byte, target any) error {
	g := target.(*orb.Geometry)
	if src == nil {
		*g = nil
		return nil
	}
	got, _, err := ewkb.Unmarshal(src)
	if err != nil {
		return fmt.Errorf("decode geometry: %w", err)
	}
	*g = got
	return nil
}

type scanEWKB struct{}

func (scanEWKB) Scan(src []byte, target any) error {
	b := target.(*[]byte)
	*b = append((*b)[:0], src...)
	return nil
}

// toEWKB encodes geometries for a bytea[] argument; nil stays NULL.
func toEWKB(g orb.Geometry) ([]byte, error) {
	if g == nil {
		return nil, nil
	}
	b, err := ewkb.Marshal(g, wgs84)
	if err != nil {
		return nil, fmt.Errorf("encode geometry: %w", err)
	}
	return b, nil
}

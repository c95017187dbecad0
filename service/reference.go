package service

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"hash"
	"io"
	"iter"

	"sillon/geo"
	"sillon/importers/territory"
	"sillon/sillon"
	"sillon/store"
)

// A ReferenceLoad is reference data to be loaded.
type ReferenceLoad struct {
	Kind   string // communes, departements or regions
	Source string // where it came from, for the record
	Body   io.Reader
	Seen   func(n int) // called as territories go by; may be nil
}

// levels are the kinds of territory by the name of their file.
var levels = map[string]territory.Level{
	"communes": territory.Communes, "departements": territory.Departements, "regions": territory.Regions,
}

// LoadReference replaces communes, départements or régions by those of a
// GeoJSON file, gzipped or not, in one transaction. With communes, the raster
// of French land is made again, and the parcels are to be located
// (LocateParcels).
func (s *Service) LoadReference(ctx context.Context, l ReferenceLoad) (n int, err error) {
	digest := sha256.New()
	var land *geo.Land
	if l.Kind == "communes" {
		land = geo.NewLand()
	}
	err = s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
		next, stop := iter.Pull2(units(l, digest))
		defer stop()
		var unreadable error // the database would tell it in its own words
		n, err = tx.ReplaceTerritories(ctx, l.Kind, func() (store.Territory, bool, error) {
			u, err, ok := next()
			if !ok || err != nil {
				unreadable = err
				return store.Territory{}, false, err
			}
			if land != nil && !u.Inactive {
				land.Add(u.Geometry)
			}
			return u, true, nil
		})
		if unreadable != nil {
			return unreadable
		}
		if err != nil {
			return err
		}
		if n == 0 {
			return sillon.ErrReferenceRefused.Saying("Le fichier ne contient aucun territoire.")
		}
		id, err := tx.SaveLoad(ctx, store.Load{Kind: l.Kind, Source: l.Source, SHA256: hex.EncodeToString(digest.Sum(nil)), Count: n})
		if err != nil || land == nil {
			return err
		}
		return tx.SaveLand(ctx, id, land)
	})
	return n, err
}

// units yields the territories of a file; what digest has read is the file.
func units(l ReferenceLoad, digest hash.Hash) iter.Seq2[store.Territory, error] {
	return func(yield func(store.Territory, error) bool) {
		n := 0
		err := territory.Read(io.TeeReader(l.Body, digest), levels[l.Kind], func(u territory.Unit) error {
			n++
			if l.Seen != nil {
				l.Seen(n)
			}
			t := store.Territory{Code: u.Code, Name: u.Name, Geometry: u.Geometry, Inactive: u.Inactive, Successor: u.Successor}
			if !yield(t, nil) {
				return io.ErrClosedPipe
			}
			return nil
		})
		if err != nil {
			yield(store.Territory{}, err)
		}
	}
}

// LocateParcels finds the commune of every live parcel again, in batches, and
// returns how many it looked at. seen is called after each batch.
func (s *Service) LocateParcels(ctx context.Context, seen func(n int)) (total int, err error) {
	for after := int64(0); ; {
		var n int
		var last int64
		if err := s.db.InTx(ctx, store.System, func(tx *store.Tx) error {
			n, last, err = tx.LocateParcels(ctx, after, 5_000)
			return err
		}); err != nil {
			return total, err
		}
		if n == 0 {
			return total, nil
		}
		total += n
		after = last
		if seen != nil {
			seen(total)
		}
	}
}

// LoadNomenclature makes the nomenclature of the database that of codes.
func (s *Service) LoadNomenclature(ctx context.Context, codes []sillon.CropCode) error {
	return s.db.InTx(ctx, store.System, func(tx *store.Tx) error { return tx.SaveNomenclature(ctx, codes) })
}

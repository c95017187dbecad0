package service

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"strings"

	"sillon/exporters/sheet"
	"sillon/sillon"
	"sillon/store"
)

// MostExported is how many parcels a spreadsheet may have: they are put in order
// in memory, 1 kB each.
const MostExported = 50_000

// A SheetFormat is a kind of spreadsheet; zero is that of the layout.
type SheetFormat = sheet.Format

// An ExportQuery asks for the spreadsheet of a version.
type ExportQuery struct {
	ID     sillon.ParcellaireID
	Format SheetFormat
	Model  string // key of a layout; empty is the one of the caller's certifier
}

// An Export is a spreadsheet that is ready to be written.
type Export struct {
	Name      string // of the file: ASCII letters, digits, dots and hyphens
	MediaType string

	document sheet.Document
	layout   *sheet.Layout
	format   sheet.Format
	scratch  string
}

// Write writes the spreadsheet.
func (e *Export) Write(w io.Writer) error {
	return sheet.Write(w, &e.document, e.layout, e.format, e.scratch)
}

// Export prepares the spreadsheet of a version (documents.md §3). first is called
// before the parcels are read, with a tag that stands for its bytes. The notes
// of another certifier are left out (domain.md §3.3). The failures are those of
// Parcellaire, sillon.ErrNoModel and sillon.ErrExportTooLarge.
func (s *Service) Export(ctx context.Context, a sillon.Actor, q ExportQuery, first func(tag string) error) (*Export, error) {
	if err := sillon.May(a, sillon.ActionExport, sillon.Resource{}); err != nil {
		return nil, err
	}
	layout, err := layoutFor(a, q.Model)
	if err != nil {
		return nil, err
	}
	if !reachesFarms(a) {
		return nil, sillon.ErrNoParcellaire
	}
	e := &Export{layout: layout, format: q.Format.Of(layout), scratch: s.opts.SpoolDir}
	d := &e.document
	d.Crop = s.crop
	err = s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		p, present, err := tx.Parcellaire(ctx, q.ID)
		if err != nil {
			return err
		}
		if err := mayOn(a, sillon.ActionExport, p, present); err != nil {
			return err
		}
		if p.ParcelCount > MostExported {
			return sillon.ErrExportTooLarge.Saying(sillon.ExportLimit(p.ParcelCount, MostExported))
		}
		d.Version = *p
		notes := seesNotes(a, p.OC)
		if !notes {
			d.Version.AuditNotes, d.Version.AuditDemandes = "", ""
		}
		if err := s.describe(ctx, tx, d, cmp.Or(a.OC, p.OC)); err != nil {
			return err
		}
		if err := remember(ctx, tx, d, layout); err != nil {
			return err
		}
		e.Name, e.MediaType = exportName(p, layout.Key, e.format.Extension()), e.format.MediaType()
		if err := first(e.tag(notes)); err != nil {
			return err
		}
		if d.Parcels, err = tx.ExportParcels(ctx, q.ID); err != nil {
			return err
		}
		if !notes {
			for i := range d.Parcels {
				d.Parcels[i].NotesAuditeur = ""
			}
		}
		return nameCommunes(ctx, tx, d)
	})
	if err != nil {
		return nil, err
	}
	d.Sort()
	return e, nil
}

// layoutFor is the layout that an actor asks for. Certifiers have theirs.
func layoutFor(a sillon.Actor, model string) (*sheet.Layout, error) {
	if model == "" {
		return sheet.LayoutOf(a.OC), nil
	}
	if !readsAll(a) {
		return nil, sillon.ErrForbidden
	}
	l, ok := sheet.LayoutNamed(model)
	if !ok {
		return nil, sillon.ErrNoModel.Saying(sillon.ModelsThereAre(sheet.Keys()))
	}
	return l, nil
}

// describe fills in what the registry knows of the farm of a version, as a
// client of a certifier. A farm that is gone from it still has its versions.
func (s *Service) describe(ctx context.Context, tx *store.Tx, d *sheet.Document, oc sillon.OC) error {
	d.Saved = sillon.DateOf(d.Version.UpdatedAt.In(s.paris))
	known, err := tx.FarmSheet(ctx, d.Version.NumeroBio, false)
	if errors.Is(err, sillon.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	d.Farm = known.Farm
	links := known.Farm.Links // the newest first
	if known.Current != nil {
		links = append([]sillon.Link{*known.Current}, links...)
	}
	for _, l := range links {
		if l.Certifier.ID == oc {
			d.Client = l.NumeroClient
			return nil
		}
	}
	return nil
}

// remember finds what grew on the parcels before, for a layout that tells it.
func remember(ctx context.Context, tx *store.Tx, d *sheet.Document, l *sheet.Layout) error {
	if !l.Remembers || d.Version.Year == 0 {
		return nil
	}
	crops, err := tx.PastCrops(ctx, &d.Version)
	if err != nil {
		return err
	}
	d.Past = make(map[string]sheet.Past)
	for _, c := range crops {
		past := d.Past[c.Parcel]
		if c.Year == d.Version.Year-1 {
			past.Previous = c.Crops
		} else {
			past.BeforePrevious = c.Crops
		}
		d.Past[c.Parcel] = past
	}
	return nil
}

// nameCommunes finds the names of the communes that a document speaks of.
func nameCommunes(ctx context.Context, tx *store.Tx, d *sheet.Document) (err error) {
	codes := []string{d.Farm.Commune}
	seen := make(map[string]bool)
	for i := range d.Parcels {
		if code := d.Parcels[i].Commune; !seen[code] {
			seen[code], codes = true, append(codes, code)
		}
	}
	d.Communes, err = tx.CommuneNames(ctx, codes)
	d.Commune = d.Communes[d.Farm.Commune]
	return err
}

// crop looks up the nomenclature.
func (s *Service) crop(code string) (sillon.CropCode, bool) {
	if s.opts.Crop == nil {
		return sillon.CropCode{}, false
	}
	return s.opts.Crop(code)
}

// tag stands for the bytes of a spreadsheet: what the parcels say changes with
// the revision, and all the rest is in it.
func (e *Export) tag(notes bool) string {
	b, _ := json.Marshal([]any{ // plain values
		e.layout.Key, e.format, notes, e.document.Farm, e.document.Client, e.document.Past,
	})
	sum := sha256.Sum256(b)
	return `"r` + strconv.FormatInt(e.document.Version.Revision, 10) + "-" + hex.EncodeToString(sum[:8]) + `"`
}

// exportName is the name of a file about a version.
func exportName(p *sillon.Parcellaire, key, extension string) string {
	name := "parcellaire-"
	if p.Year != 0 {
		name += strconv.Itoa(p.Year) + "-"
	}
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '-'
	}, name+string(p.NumeroBio)+"-"+key) + "." + extension
}

// ExportParcels is Parcels for whoever may export a version; first is given the
// name of the file too.
func (s *Service) ExportParcels(ctx context.Context, a sillon.Actor, id sillon.ParcellaireID,
	first func(p *sillon.Parcellaire, name string) error, each func(*sillon.ParcelView) error,
) error {
	return s.parcels(ctx, a, sillon.ActionExport, id, func(p *sillon.Parcellaire) error {
		return first(p, exportName(p, "parcelles", "geojson"))
	}, each)
}

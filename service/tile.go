package service

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"sillon/sillon"
	"sillon/store"
	"sillon/tiles"
)

// The tilesets.
const (
	TilesParcelles    = string(tiles.LayerParcelles)
	TilesCommunes     = string(tiles.LayerCommunes)
	TilesDepartements = string(tiles.LayerDepartements)
)

// A Coding is a manner of compressing a tile.
type Coding = tiles.Coding

// The codings of a tile.
const (
	Identity = tiles.Identity
	Gzip     = tiles.Gzip
	Zstd     = tiles.Zstd
)

// MostFilterValues is how many values a filter of tiles may have.
const MostFilterValues = 50

// A TileFilter narrows what tiles of parcels show: to those that match one
// value of each list that has any. A crop stands for the more precise ones, too.
type TileFilter struct {
	Levels       []sillon.Level
	Crops        []string
	Years        []int // of the parcellaire
	Departements []string
}

// A TileQuery says what of a tileset is asked for.
type TileQuery struct {
	Tileset string
	Version sillon.ParcellaireID // instead of what is published
	Filter  TileFilter
}

// A TileRequest asks for one tile: zoom, column and row as a path has them.
type TileRequest struct {
	TileQuery
	Z, X, Y string
	Edition string // that the address names, or empty
}

// A FoundTile is a tile that an actor may have. Its bytes need not be made yet.
type FoundTile struct {
	Private bool // tells farms: for the one who asked alone
	Fixed   bool // its address names the present edition: it may be kept for ever

	layer   tiles.Layer
	address tiles.Address
	query   tiles.Query
	scope   store.Scope
	kept    bool // by the cache, which knows finding
	finding tiles.Finding
}

// FindTile looks for a tile: of what everybody may see, and for an actor that
// may read parcellaires of those, or of the one version asked for
// (domain.md §3.3, §16). What is not there, or not for the actor to know, is
// sillon.ErrNotFound; a filter that makes no sense sillon.ErrInvalidRequest.
func (s *Service) FindTile(ctx context.Context, a sillon.Actor, r *TileRequest) (FoundTile, error) {
	t := FoundTile{layer: tiles.Layer(r.Tileset)}
	var err error
	if t.query, err = s.tileQuery(a, &r.TileQuery); err != nil {
		return t, err
	}
	var ok bool
	if t.address, ok = tiles.ParseAddress(r.Z, r.X, r.Y); !ok || !t.layer.Has(t.address) {
		return t, sillon.ErrNotFound
	}
	t.Private, t.scope = t.query.Scope.Private(), tileScope(a, &t.query)
	if t.query.Scope.Kind == tiles.ScopeVersion {
		return t, s.mayReadVersion(ctx, a, r.Version)
	}
	if !s.tilesFresh() {
		return t, nil
	}
	// The edition is looked at before the tile: what it names must be in it.
	t.Fixed = !t.Private && r.Edition != "" && r.Edition == s.tiles.cache.LayerVersion(t.layer)
	t.kept = true
	t.finding = s.tiles.cache.Find(tiles.Key{Layer: t.layer, Query: t.query.Key(), Address: t.address})
	return t, nil
}

// TileETag is the ETag of a tile that is found, in a coding; empty if only the
// tile can tell.
func (s *Service) TileETag(t *FoundTile, c Coding) string {
	if !t.kept {
		return ""
	}
	return s.tiles.cache.ETag(&t.finding, c)
}

// Tile returns the tile that was found, made if need be. What was committed
// when it was looked for is in it.
func (s *Service) Tile(ctx context.Context, t *FoundTile) (*tiles.Tile, error) {
	if !t.kept {
		return s.encodeTile(ctx, t)
	}
	if t.finding.Tile != nil {
		return t.finding.Tile, nil
	}
	return s.tiles.cache.Finish(ctx, &t.finding, func(ctx context.Context) (*tiles.Tile, error) { return s.encodeTile(ctx, t) })
}

func (s *Service) encodeTile(ctx context.Context, t *FoundTile) (*tiles.Tile, error) {
	if t.layer != tiles.LayerParcelles {
		return tiles.EncodeAreas(ctx, areas{s}, t.layer, t.address)
	}
	return tiles.Encode(ctx, s.tileSource(t), &t.query, t.address)
}

// tileQuery is what an actor gets of what it asks for.
func (s *Service) tileQuery(a sillon.Actor, q *TileQuery) (tiles.Query, error) {
	act := sillon.ActionReadOpen
	if q.Version != "" {
		act = sillon.ActionRead
	}
	if err := sillon.May(a, act, sillon.Resource{}); err != nil {
		return tiles.Query{}, err
	}
	if tiles.Layer(q.Tileset) != tiles.LayerParcelles { // is the same for all
		return tiles.Query{Scope: tiles.Public}, nil
	}
	filter, err := s.tileFilter(&q.Filter)
	if err != nil {
		return tiles.Query{}, err
	}
	if q.Version != "" {
		return tiles.Query{Scope: tiles.Scope{Kind: tiles.ScopeVersion, Version: q.Version}, Filter: filter}, nil
	}
	return tiles.Query{Scope: publishedTo(a), Filter: filter}, nil
}

// publishedTo is what of the published parcels an actor sees: with what tells
// farms, if it may read parcellaires.
func publishedTo(a sillon.Actor) tiles.Scope {
	switch {
	case sillon.May(a, sillon.ActionRead, sillon.Resource{}) != nil:
		return tiles.Public
	case a.Roles&(sillon.RoleAgenceBio|sillon.RoleINAO) != 0:
		return tiles.Scope{Kind: tiles.ScopeAll}
	case a.Roles&sillon.CertifierRoles != 0 && a.OC != 0:
		return tiles.Scope{Kind: tiles.ScopeCertifier, OC: a.OC}
	}
	return tiles.Public // the database does not know the farms of farmers yet
}

// tileScope is what the database lets a query see. The public role may read no
// column that some filters need: they are applied by one that may, to the
// published parcels, and nothing else of these columns comes out.
func tileScope(a sillon.Actor, q *tiles.Query) store.Scope {
	switch {
	case q.Scope.Private():
		return scopeOf(a)
	case len(q.Filter.Years)+len(q.Filter.Departements) > 0:
		return store.National
	}
	return store.Open
}

// tileFilter checks a filter, and puts it in its normal form.
func (s *Service) tileFilter(f *TileFilter) (tiles.Filter, error) {
	bad := func(name string) (tiles.Filter, error) {
		return tiles.Filter{}, sillon.ErrInvalidRequest.Saying(sillon.BadParameter(name))
	}
	if len(f.Levels)+len(f.Crops)+len(f.Years)+len(f.Departements) > MostFilterValues {
		return tiles.Filter{}, sillon.ErrInvalidRequest.Saying(sillon.TooManyFilterValues(MostFilterValues))
	}
	var out tiles.Filter
	for _, l := range f.Levels {
		if !slices.Contains(sillon.Levels, l) {
			return bad("niveau")
		}
		out.Levels = append(out.Levels, string(l))
	}
	for _, code := range f.Crops {
		if s.opts.IsCPF == nil || !s.opts.IsCPF(code) {
			return bad("culture")
		}
	}
	for _, year := range f.Years {
		if year < sillon.FirstYear || year > sillon.LastYear {
			return bad("annee")
		}
	}
	for _, code := range f.Departements {
		if !sillon.IsDepartement(code) {
			return bad("departement")
		}
	}
	out.Crops, out.Years, out.Departements = slices.Clone(f.Crops), slices.Clone(f.Years), slices.Clone(f.Departements)
	out.Normalize()
	return out, nil
}

// mayReadVersion fails unless an actor may read a version.
func (s *Service) mayReadVersion(ctx context.Context, a sillon.Actor, id sillon.ParcellaireID) error {
	if !reachesFarms(a) {
		return sillon.ErrNoParcellaire
	}
	return s.db.InTx(ctx, scopeOf(a), func(tx *store.Tx) error {
		p, present, err := tx.Parcellaire(ctx, id)
		if err != nil {
			return err
		}
		return sillon.May(a, sillon.ActionRead, sillon.OnParcellaire(p, present))
	})
}

// A TileDescription is a TileJSON document.
type TileDescription = tiles.Description

// TileJSON describes what an actor gets of a tileset, or is sillon.ErrNotFound.
// publicURL is where users reach the service, query what the addresses of its
// tiles are to ask for, encoded. They name the present edition, if that is for
// everybody. private says that the description is for the actor alone.
func (s *Service) TileJSON(a sillon.Actor, q *TileQuery, publicURL, query string) (d TileDescription, private bool, err error) {
	asked, err := s.tileQuery(a, q)
	if err != nil {
		return d, false, err
	}
	layer := tiles.Layer(q.Tileset)
	private = asked.Scope.Private()
	if !private && s.tilesFresh() {
		query = strings.TrimPrefix(query+"&v="+s.tiles.cache.LayerVersion(layer), "&")
	}
	d, ok := tiles.TileJSON(layer, tiles.DescriptionOptions{PublicURL: publicURL, Query: query, Scope: asked.Scope})
	if !ok {
		return d, false, sillon.ErrNotFound
	}
	return d, private, nil
}

// A StyleQuery says how the map is to look, in the words of the contract.
type StyleQuery struct {
	Theme      string // niveau, culture or certificateur; empty is the first
	Background string // aucun, plan or ortho; empty is the operator's
}

// MapStyle returns the style of the map, a MapLibre document. publicURL is
// where users reach the service. private says that it is for the actor alone:
// it names certifiers. It fails with sillon.ErrInvalidRequest on a theme or a
// background that there is not.
func (s *Service) MapStyle(ctx context.Context, a sillon.Actor, q StyleQuery, publicURL string) (b []byte, private bool, err error) {
	o := tiles.StyleOptions{PublicURL: publicURL, Theme: tiles.Theme(q.Theme)}
	private = o.Theme == tiles.ThemeCertifier
	act := sillon.ActionReadOpen
	if private {
		act = sillon.ActionCompareCertifiers
	}
	if err := sillon.May(a, act, sillon.Resource{}); err != nil {
		return nil, false, err
	}
	switch q.Background {
	case "":
		o.Background = s.opts.Background
	case "aucun":
	case "plan":
		o.Background = tiles.BackgroundPlan
	case "ortho":
		o.Background = tiles.BackgroundOrtho
	default:
		return nil, false, sillon.ErrInvalidRequest.Saying(sillon.BadParameter("fond"))
	}
	if private {
		if err := s.db.InTx(ctx, store.National, func(tx *store.Tx) error {
			names, err := tx.Certifiers(ctx)
			for _, id := range slices.Sorted(maps.Keys(names)) {
				o.Certifiers = append(o.Certifiers, names[id])
			}
			return err
		}); err != nil {
			return nil, false, err
		}
	}
	b, err = tiles.Style(o)
	if errors.Is(err, tiles.ErrNoTheme) {
		err = sillon.ErrInvalidRequest.Saying(sillon.BadParameter("theme"))
	}
	return b, private, err
}

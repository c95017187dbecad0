package api

import (
	"encoding/json"
	"fmt"
	"net/http"

	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

// parcelProperties are those of a parcel on the wire (api.md, "Conventions").
type parcelProperties struct {
	Commune               *string               `json:"commune"`
	Cultures              json.RawMessage       `json:"cultures"`
	NiveauConversion      *sillon.Level         `json:"niveauConversion"`
	DateEngagement        *string               `json:"dateEngagement"`
	Commentaire           string                `json:"commentaire"`
	NotesAuditeur         string                `json:"notesAuditeur"`
	Annotations           json.RawMessage       `json:"annotations"`
	Surface               float64               `json:"surface"`
	Nom                   string                `json:"nom"`
	NumeroPacage          string                `json:"numeroPacage"`
	NumeroIlotPAC         string                `json:"numeroIlotPAC"`
	NumeroParcellePAC     string                `json:"numeroParcellePAC"`
	ReferencesCadastrales []string              `json:"referencesCadastrales"`
	EnAttentePAC          bool                  `json:"enAttentePAC"`
	Etranger              *bool                 `json:"etranger"`
	Origine               sillon.Origin         `json:"origine"`
	GeometrieStatut       sillon.GeometryStatus `json:"geometrieStatut"`
	Revision              int64                 `json:"revision"`
	DateAjout             string                `json:"dateAjout"`
	DateMiseAJour         string                `json:"dateMiseAJour"`
}

// errNotModified ends the reading of what the client holds already.
var errNotModified = fmt.Errorf("not modified")

// parcels handles GET /api/v3/parcellaires/{id}/parcelles.
func (s *Server) parcels(c echo.Context) error {
	q, err := query(c, "precision")
	if err != nil {
		return err
	}
	precision, err := number(q, "precision", 1, 9, 7)
	if err != nil {
		return err
	}
	return writeParcels(c, precision, func(first func(*sillon.Parcellaire) error, each func(*sillon.ParcelView) error) error {
		return s.service.Parcels(c.Request().Context(), actor(c), parcellaireID(c), first, each)
	})
}

// writeParcels writes the parcels that read gives as GeoJSON, unless the client
// holds them.
func writeParcels(c echo.Context, precision int,
	read func(first func(*sillon.Parcellaire) error, each func(*sillon.ParcelView) error) error,
) error {
	out := newStream(c, "application/geo+json")
	n := 0
	err := read(
		func(p *sillon.Parcellaire) error {
			etag := revisionTag(p.Revision)
			c.Response().Header().Set("ETag", etag)
			if matches(c, etag) {
				return errNotModified
			}
			return out.text(`{"type":"FeatureCollection","features":[`)
		},
		func(p *sillon.ParcelView) error {
			if n++; n > 1 {
				out.buf = append(out.buf[:0], ',')
			} else {
				out.buf = out.buf[:0]
			}
			properties, err := marshal(parcelJSON(p))
			if err != nil {
				return err
			}
			if out.buf, err = appendFeature(out.buf, p, precision, properties); err != nil {
				return err
			}
			return out.bytes(out.buf)
		})
	if err == errNotModified { //nolint:errorlint // ours, unwrapped
		return c.NoContent(http.StatusNotModified)
	}
	if err != nil {
		return err
	}
	if err := out.text("]}"); err != nil {
		return err
	}
	return out.end()
}

func parcelJSON(p *sillon.ParcelView) parcelProperties {
	properties := parcelProperties{
		Commune: textNull(p.Commune), Cultures: jsonArray(p.Crops), DateEngagement: day(p.EngagedOn), Commentaire: p.Commentaire,
		NotesAuditeur: p.NotesAuditeur, Annotations: jsonArray(p.Annotations), Surface: hectares(p.SurfaceM2), Nom: p.Name,
		NumeroPacage: p.NumeroPacage, NumeroIlotPAC: p.NumeroIlot, NumeroParcellePAC: p.NumeroParcelle,
		ReferencesCadastrales: listed(p.ReferencesCadastrales), EnAttentePAC: p.EnAttentePAC, Etranger: p.Etranger, Origine: p.Origin,
		GeometrieStatut: p.GeometryStatus, Revision: p.Revision, DateAjout: stamp(p.CreatedAt), DateMiseAJour: stamp(p.UpdatedAt),
	}
	if p.Level != sillon.LevelUnknown {
		properties.NiveauConversion = &p.Level
	}
	return properties
}

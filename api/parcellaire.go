package api

import (
	"net/http"

	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

// parcellaire is a version on the wire, without its parcels.
type parcellaire struct {
	ID                     sillon.ParcellaireID `json:"id"`
	NumeroBio              sillon.NumeroBio     `json:"numeroBio"`
	CertificateurID        *int                 `json:"certificateurId"`
	Certificateur          *string              `json:"certificateur"`
	Nom                    string               `json:"nom"`
	Statut                 sillon.State         `json:"statut"`
	AnneeReferenceControle *int                 `json:"anneeReferenceControle"`
	DateAudit              *string              `json:"dateAudit"`
	DateCertificationDebut *string              `json:"dateCertificationDebut"`
	DateCertificationFin   *string              `json:"dateCertificationFin"`
	NotesAudit             string               `json:"notesAudit"`
	DemandesAudit          string               `json:"demandesAudit"`
	Mixite                 *string              `json:"mixite"`
	Surface                float64              `json:"surface"`
	NbParcelles            int                  `json:"nbParcelles"`
	Origine                sillon.Metadata      `json:"origine"`
	Revision               int64                `json:"revision"`
	DateCreation           string               `json:"dateCreation"`
	DateMiseAJour          string               `json:"dateMiseAJour"`
	Links                  parcellaireLinks     `json:"_links"`
}

type parcellaireLinks struct {
	Exploitation string `json:"exploitation"`
	Parcelles    string `json:"parcelles"`
}

// parcellaire handles GET /api/v3/parcellaires/{id}.
func (s *Server) parcellaire(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	id := sillon.ParcellaireID(uuidIn(c, "id"))
	p, err := s.service.Parcellaire(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	etag := revisionTag(p.Revision)
	c.Response().Header().Set("ETag", etag)
	if matches(c, etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSON(http.StatusOK, s.parcellaireJSON(p))
}

func (s *Server) parcellaireJSON(p *sillon.Parcellaire) parcellaire {
	return parcellaire{
		ID: p.ID, NumeroBio: p.NumeroBio, CertificateurID: zeroNull(int(p.OC)), Certificateur: textNull(p.OCLabel), Nom: p.Name, Statut: p.State,
		AnneeReferenceControle: zeroNull(p.Year), DateAudit: day(p.AuditDate), DateCertificationDebut: day(p.CertifiedFrom),
		DateCertificationFin: day(p.CertifiedUntil), NotesAudit: p.AuditNotes, DemandesAudit: p.AuditDemandes, Mixite: textNull(string(p.Mixite)),
		Surface: hectares(p.SurfaceM2), NbParcelles: p.ParcelCount, Origine: p.Metadata, Revision: p.Revision, DateCreation: stamp(&p.CreatedAt),
		DateMiseAJour: stamp(&p.UpdatedAt),
		Links: parcellaireLinks{
			Exploitation: s.opts.PublicURL + "/api/v3/exploitations/" + string(p.NumeroBio),
			Parcelles:    s.opts.PublicURL + "/api/v3/parcellaires/" + string(p.ID) + "/parcelles",
		},
	}
}

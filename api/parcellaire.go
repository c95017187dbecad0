package api

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"sillon/service"
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
	p, err := s.service.Parcellaire(c.Request().Context(), actor(c), parcellaireID(c))
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

type parcellaireList struct {
	Data  []parcellaire `json:"data"`
	Links nextLinks     `json:"_links"`
}

// parcellaires handles GET /api/v3/exploitations/{numeroBio}/parcellaires.
func (s *Server) parcellaires(c echo.Context) error {
	q, err := query(c, "limite", "curseur")
	if err != nil {
		return err
	}
	fv := service.FarmVersions{NumeroBio: numeroBio(c)}
	if fv.Limit, err = number(q, "limite", 1, service.MostVersions, 50); err != nil {
		return err
	}
	if fv.After, err = versionPlace(q); err != nil {
		return err
	}
	versions, next, err := s.service.Parcellaires(c.Request().Context(), actor(c), fv)
	if err != nil {
		return err
	}
	list := parcellaireList{Data: make([]parcellaire, len(versions))}
	for i := range versions {
		list.Data[i] = s.parcellaireJSON(&versions[i])
	}
	if next != nil {
		place := next.Day.String() + " " + strconv.FormatInt(next.Created.UnixMicro(), 10) + " " + string(next.ID)
		list.Links = s.nextPage("/api/v3/exploitations/"+url.PathEscape(string(fv.NumeroBio))+"/parcellaires", q, fv.Limit, place)
	}
	return c.JSON(http.StatusOK, list)
}

// versionPlace reads the place where a page of versions begins.
func versionPlace(q url.Values) (p service.VersionPlace, err error) {
	text, err := cursor(q, "curseur")
	if err != nil || text == "" {
		return p, err
	}
	parts := strings.Split(text, " ")
	if len(parts) != 3 || uuid.Validate(parts[2]) != nil {
		return p, sillon.ErrInvalidRequest.Saying(sillon.BadParameter("curseur"))
	}
	day, err1 := sillon.ParseDate(parts[0])
	micros, err2 := strconv.ParseInt(parts[1], 10, 64)
	if err1 != nil || err2 != nil {
		return p, sillon.ErrInvalidRequest.Saying(sillon.BadParameter("curseur"))
	}
	return service.VersionPlace{Day: day, Created: time.UnixMicro(micros), ID: sillon.ParcellaireID(parts[2])}, nil
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

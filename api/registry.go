package api

import (
	"crypto/sha256"
	"encoding/json"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// farmSheet is a farm with all that the registry knows of it.
type farmSheet struct {
	NumeroBio     sillon.NumeroBio `json:"numeroBio"`
	Nom           string           `json:"nom"`
	Denomination  string           `json:"denomination"`
	Siret         *string          `json:"siret"`
	NumerosPacage []string         `json:"numerosPacage"`
	Adresse       string           `json:"adresse"`
	CodePostal    string           `json:"codePostal"`
	Commune       *string          `json:"commune"`
	Departement   *string          `json:"departement"`
	Production    bool             `json:"production"`
	Certificateur *sheetCertifier  `json:"certificateur"`
	Liens         []sheetLink      `json:"liens"`
	Historique    []sheetPast      `json:"historique,omitempty"` // of supervisors
	Parcellaire   *farmParcellaire `json:"parcellaire"`
	Revision      int64            `json:"revision"`
	DateMiseAJour string           `json:"dateMiseAJour"`
}

type sheetCertifier struct {
	farmCertifier
	NumeroClient string `json:"numeroClient"`
}

type sheetLink struct {
	CertificateurID sillon.OC        `json:"certificateurId"`
	Certificateur   string           `json:"certificateur"`
	NumeroClient    string           `json:"numeroClient"`
	Etat            sillon.LinkState `json:"etat"`
	DateDemarrage   *string          `json:"dateDemarrage"`
	DateArret       *string          `json:"dateArret"`
	ChangementDate  string           `json:"changementDate"`
}

// sheetPast is a link as it was from a day on.
type sheetPast struct {
	CertificateurID sillon.OC        `json:"certificateurId"`
	Certificateur   string           `json:"certificateur"`
	NumeroClient    string           `json:"numeroClient"`
	Etat            sillon.LinkState `json:"etat"`
	DateDemarrage   *string          `json:"dateDemarrage"`
	DateArret       *string          `json:"dateArret"`
	Date            string           `json:"date"`
}

// farm handles GET /api/v3/exploitations/{numeroBio}.
func (s *Server) farm(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	sheet, err := s.service.Farm(c.Request().Context(), actor(c), numeroBio(c))
	if err != nil {
		return err
	}
	etag := sheetTag(sheet)
	c.Response().Header().Set("ETag", etag)
	if matches(c, etag) {
		return c.NoContent(http.StatusNotModified)
	}
	return c.JSON(http.StatusOK, sheetJSON(sheet))
}

// putFarm handles PUT /api/v3/exploitations/{numeroBio}.
func (s *Server) putFarm(c echo.Context) error {
	e := service.FarmEdit{NumeroBio: sillon.NumeroBio(c.Param("numeroBio")), If: sheetPrecondition(c), Request: requestID(c)}
	if err := members(c, map[string]any{
		"nom": &patchText{&e.Name}, "denomination": &patchText{&e.TradeName}, "siret": &patchText{&e.Siret}, "adresse": &patchText{&e.Address},
		"codePostal": &patchText{&e.PostalCode}, "commune": &patchText{&e.Commune}, "numerosPacage": &patchOf[[]string]{&e.Pacages},
		"production": &patchOf[bool]{&e.Production},
	}); err != nil {
		return err
	}
	sheet, created, err := s.service.PutFarm(c.Request().Context(), actor(c), e)
	return answerSheet(c, sheet, created, err)
}

// putLink handles PUT /api/v3/exploitations/{numeroBio}/liens/{certificateurId}.
func (s *Server) putLink(c echo.Context) error {
	e := service.LinkEdit{NumeroBio: numeroBio(c), If: sheetPrecondition(c), Request: requestID(c)}
	if oc, err := strconv.ParseInt(c.Param("certificateurId"), 10, 32); err == nil {
		e.Certifier = sillon.OC(oc) // else none: nobody is certifier 0
	}
	if err := members(c, map[string]any{
		"numeroClient": &patchText{&e.NumeroClient}, "etat": &patchText{&e.State}, "dateDemarrage": &patchText{&e.Start},
		"dateArret": &patchText{&e.Stop}, "changementDate": &patchText{&e.ChangedAt},
	}); err != nil {
		return err
	}
	sheet, created, err := s.service.PutLink(c.Request().Context(), actor(c), e)
	return answerSheet(c, sheet, created, err)
}

func answerSheet(c echo.Context, sheet *service.FarmSheet, created bool, err error) error {
	if err != nil {
		return err
	}
	noted(c)
	c.Response().Header().Set("ETag", sheetTag(sheet))
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return c.JSON(status, sheetJSON(sheet))
}

// farmsImported is what became of a file of farms.
type farmsImported struct {
	NbExploitations int            `json:"nbExploitations"`
	Avertissements  []problemIssue `json:"avertissements"`
}

// importFarms handles POST /api/v3/exploitations/imports.
func (s *Server) importFarms(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	body, err := farmsFile(c)
	if err != nil {
		return err
	}
	asked, err := once(c, func(done service.FarmsImported) (service.Told, any) {
		return service.Told{Status: http.StatusOK}, farmsImportedJSON(done)
	})
	if err != nil {
		return err
	}
	if asked.Key != "" { // the file, whatever form or compression it comes in
		digest := sha256.New()
		body = io.TeeReader(body, digest)
		content := asked.Content
		asked.Content = func() []byte {
			c.Set(contentKey, digest.Sum(nil))
			return content()
		}
	}
	done, err := s.service.SendFarms(c.Request().Context(), actor(c), body, requestID(c), asked)
	if err != nil {
		return err
	}
	if asked.Replay != nil {
		return replay(c, asked.Replay)
	}
	noted(c)
	return c.JSON(http.StatusOK, farmsImportedJSON(done))
}

func farmsImportedJSON(done service.FarmsImported) farmsImported {
	reply := farmsImported{NbExploitations: done.Count, Avertissements: make([]problemIssue, len(done.Warnings))}
	for i, w := range done.Warnings {
		reply.Avertissements[i] = problemIssue{Chemin: w.Path, Code: w.Code, Message: w.Message}
	}
	return reply
}

// farmsFile returns the file of a request: the part fichier of a form, else
// the body. It is read when its farms are.
func farmsFile(c echo.Context) (io.Reader, error) {
	h := c.Request().Header
	var body io.Reader = c.Request().Body
	zipped, err := gzipped(c.Request())
	if err != nil {
		return nil, err
	}
	if zipped {
		body = &lazyGzip{from: body}
	}
	media, _, _ := mime.ParseMediaType(h.Get(echo.HeaderContentType)) // any other type is a file
	if media != echo.MIMEMultipartForm {
		return body, nil
	}
	c.Request().Body = io.NopCloser(body)
	form, err := c.Request().MultipartReader()
	if err != nil {
		return nil, sillon.ErrInvalidRequest.Saying("Le formulaire est illisible.").Because(err)
	}
	return &formFile{form: form, name: "fichier"}, nil
}

// patchText reads a text member: null and the empty text clear.
type patchText struct{ to *sillon.Patch[string] }

// UnmarshalJSON never sees an absent member, which keeps.
func (p patchText) UnmarshalJSON(b []byte) error {
	if err := patchOf[string](p).UnmarshalJSON(b); err != nil || p.to.Value != "" {
		return err
	}
	*p.to = sillon.Cleared[string]()
	return nil
}

// patchOf reads a member: null clears.
type patchOf[T any] struct{ to *sillon.Patch[T] }

// UnmarshalJSON never sees an absent member, which keeps.
func (p patchOf[T]) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*p.to = sillon.Cleared[T]()
		return nil
	}
	var v T
	if err := json.Unmarshal(b, &v); err != nil {
		return err
	}
	*p.to = sillon.To(v)
	return nil
}

// sheetTag names a sheet by the revision of its farm, and by its parcellaire,
// which edits of the farm do not concern.
func sheetTag(s *service.FarmSheet) string {
	tag := revisionTag(s.Revision)
	if s.Latest != nil {
		tag = strings.TrimSuffix(tag, `"`) + "-" + string(s.Latest.ID[:8]) + "r" + strconv.FormatInt(s.Latest.Revision, 10) + `"`
	}
	return tag
}

// sheetPrecondition is precondition for the tag of a sheet.
func sheetPrecondition(c echo.Context) sillon.Precondition {
	h := c.Request().Header
	if farm, _, ok := strings.Cut(h.Get("If-Match"), "-"); ok {
		h.Set("If-Match", farm+`"`)
	}
	return precondition(c)
}

func sheetJSON(s *service.FarmSheet) farmSheet {
	f := s.Farm
	sheet := farmSheet{
		NumeroBio: f.NumeroBio, Nom: f.Name, Denomination: f.TradeName, Siret: textNull(f.Siret), NumerosPacage: listed(f.Pacages), Adresse: f.Address,
		CodePostal: f.PostalCode, Commune: textNull(f.Commune), Departement: textNull(f.Departement()), Production: f.Production,
		Liens: make([]sheetLink, len(f.Links)), Revision: s.Revision, DateMiseAJour: stamp(&s.UpdatedAt),
	}
	if l := s.Current; l != nil {
		sheet.Certificateur = &sheetCertifier{farmCertifier{l.Certifier.ID, l.Certifier.Name, string(l.State)}, l.NumeroClient}
	}
	for i, l := range f.Links {
		sheet.Liens[i] = sheetLink{l.Certifier.ID, l.Certifier.Name, l.NumeroClient, l.State, day(l.Start), day(l.Stop), stamp(&l.ChangedAt)}
	}
	for _, l := range s.History {
		sheet.Historique = append(sheet.Historique, sheetPast{
			l.Certifier.ID, l.Certifier.Name, l.NumeroClient, l.State, day(l.Start), day(l.Stop), stamp(&l.RecordedAt),
		})
	}
	if v := s.Latest; v != nil {
		sheet.Parcellaire = &farmParcellaire{
			ID: string(v.ID), Statut: v.State, DateAudit: day(v.AuditDate), Surface: hectares(v.SurfaceM2), NbParcelles: v.ParcelCount,
		}
	}
	return sheet
}

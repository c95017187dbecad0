package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"sillon/geo/geojson"
	"sillon/service"
	"sillon/sillon"
)

// exchangeVersion is a version as RFC 002 serves it, up to its parcels
// (certifier-exchange.md §9).
type exchangeVersion struct {
	NumeroBio     sillon.NumeroBio      `json:"numeroBio"`
	VersionName   string                `json:"version_name"`
	Certification exchangeCertification `json:"certification"`
}

type exchangeCertification struct {
	Statut                 sillon.State `json:"statut"`
	DateAudit              *string      `json:"dateAudit"`
	DateDebut              *string      `json:"dateDebut"`
	DateFin                *string      `json:"dateFin"`
	DemandesAudit          string       `json:"demandesAudit"`
	NotesAudit             string       `json:"notesAudit"`
	AnneeReferenceControle *int         `json:"anneeReferenceControle"`
}

// exchangeParcel holds the properties of a parcel as RFC 002 serves it.
type exchangeParcel struct {
	ID                  string          `json:"id"`
	Surface             float64         `json:"surface"`
	Commune             *string         `json:"commune"`
	Cultures            []exchangeCrop  `json:"cultures"`
	NiveauConversion    sillon.Level    `json:"niveauConversion"`
	DateEngagement      *string         `json:"dateEngagement"`
	Commentaire         string          `json:"commentaire"` // of the auditor
	Annotations         json.RawMessage `json:"annotations"`
	DateAjout           string          `json:"dateAjout"`
	DateMiseAJour       string          `json:"dateMiseAJour"`
	Nom                 string          `json:"nom"`
	NumeroPacage        string          `json:"numeroPacage"`
	NumeroIlotPAC       string          `json:"numeroIlotPAC"`
	NumeroParcellePAC   string          `json:"numeroParcellePAC"`
	ReferenceCadastrale *string         `json:"referenceCadastrale"`
}

type exchangeCrop struct {
	CPF       *string  `json:"cpf"`
	Surface   *float64 `json:"surface"`
	Unite     string   `json:"unite"`
	Variete   string   `json:"variete"`
	DateSemis string   `json:"dateSemis"`
}

// exchangeOne handles GET /api/v2/certification/parcellaire/{numeroBio}.
func (s *Server) exchangeOne(c echo.Context) error {
	q := c.QueryParams()
	eq, err := exchangeQuery(q)
	if err != nil {
		return err
	}
	numero := c.Param("numeroBio")
	if numero == "" || !storable(numero) {
		return sillon.ErrNoParcellaire
	}
	eq.NumeroBio = sillon.NumeroBio(numero)
	eq.Limit = 1
	var body bytes.Buffer
	w := exchangeWriter{out: &body}
	if err := s.service.Exchange(c.Request().Context(), actor(c), eq, w.version, w.parcel); err != nil {
		return err
	}
	if w.versions == 0 {
		return sillon.ErrNoParcellaire
	}
	w.closeVersion()
	sum := sha256.Sum256(body.Bytes())
	etag := `"` + hex.EncodeToString(sum[:16]) + `"`
	c.Response().Header().Set("ETag", etag)
	if matches(c, etag) {
		return c.NoContent(http.StatusNotModified)
	}
	out := newStream(c, echo.MIMEApplicationJSON)
	if err := out.text(""); err != nil {
		return err
	}
	if err := out.bytes(body.Bytes()); err != nil {
		return err
	}
	return out.end()
}

// errPageFull ends a page: one more version exists.
var errPageFull = errors.New("page full")

// exchangeAll handles GET /api/v2/certification/parcellaires.
func (s *Server) exchangeAll(c echo.Context) error {
	q := c.QueryParams()
	eq, err := exchangeQuery(q)
	if err != nil {
		return err
	}
	limit, err := number(q, "limit", 1, 1_000_000, 0)
	if err != nil {
		return err
	}
	start, err := number(q, "start", 0, 1_000_000_000, 0)
	if err != nil {
		return err
	}
	if eq.After, err = cursor(q, "apres"); err != nil {
		return err
	}
	if eq.After == "" {
		eq.Skip = start
	}
	if limit > 0 {
		eq.Limit = limit + 1
	}
	out := newStream(c, echo.MIMEApplicationJSON)
	w := exchangeWriter{out: out}
	more := false
	err = s.service.Exchange(c.Request().Context(), actor(c), eq, func(p *sillon.Parcellaire) error {
		if limit > 0 && w.versions == limit {
			more = true
			return errPageFull
		}
		if w.versions == 0 {
			if err := out.text(`{"data":[`); err != nil {
				return err
			}
		}
		return w.version(p)
	}, w.parcel)
	if err != nil && !errors.Is(err, errPageFull) {
		return err
	}
	if w.versions == 0 {
		if err := out.text(`{"data":[`); err != nil {
			return err
		}
	} else {
		w.closeVersion()
	}
	if err := out.text(`],"_links":`); err != nil {
		return err
	}
	if err := out.value(s.exchangeLinks(q, start, limit, w.last, more)); err != nil {
		return err
	}
	if err := out.text("}"); err != nil {
		return err
	}
	return out.end()
}

type links struct {
	Prev *string `json:"prev"`
	Next *string `json:"next"`
}

// exchangeLinks are the addresses of the pages before and after. They carry the
// farm number after which the next page begins, which wins over start.
func (s *Server) exchangeLinks(q url.Values, start, limit int, last sillon.NumeroBio, more bool) (l links) {
	address := func(start int, after string) *string {
		v := url.Values{}
		for _, name := range []string{"anneeAudit", "statut", "anneeReferenceControle", "limit"} {
			if q.Has(name) {
				v.Set(name, q.Get(name))
			}
		}
		v.Set("start", strconv.Itoa(start))
		if after != "" {
			v.Set("apres", cursorTo(after))
		}
		a := s.opts.PublicURL + "/api/v2/certification/parcellaires?" + v.Encode()
		return &a
	}
	if limit > 0 && start > 0 {
		l.Prev = address(max(start-limit, 0), "")
	}
	if more {
		l.Next = address(start+limit, string(last))
	}
	return l
}

// exchangeQuery reads the filters of RFC 002.
func exchangeQuery(q url.Values) (eq service.ExchangeQuery, err error) {
	if eq.AuditYear, err = number(q, "anneeAudit", 1900, 2100, 0); err != nil {
		return eq, err
	}
	if eq.ReferenceYear, err = number(q, "anneeReferenceControle", 1990, 2100, 0); err != nil {
		return eq, err
	}
	if statut := q.Get("statut"); statut != "" {
		if err := eq.State.UnmarshalText([]byte(statut)); err != nil {
			return eq, sillon.ErrInvalidRequest.Saying(sillon.BadParameter("statut"))
		}
	}
	return eq, nil
}

// A byteWriter takes the bytes of a body, and may fail.
type byteWriter interface{ Write(b []byte) (int, error) }

// Write makes a stream a byteWriter.
func (s *stream) Write(b []byte) (int, error) { return s.out.Write(b) }

// exchangeWriter writes versions one after the other, each with its parcels.
type exchangeWriter struct {
	out      byteWriter
	versions int
	parcels  int
	last     sillon.NumeroBio
	buf      []byte
}

func (w *exchangeWriter) version(p *sillon.Parcellaire) error {
	if w.versions > 0 {
		w.closeVersion()
		if _, err := w.out.Write([]byte{','}); err != nil {
			return err
		}
	}
	w.versions, w.parcels, w.last = w.versions+1, 0, p.NumeroBio
	head, err := marshal(exchangeVersion{
		NumeroBio: p.NumeroBio, VersionName: p.Name,
		Certification: exchangeCertification{
			Statut: p.State, DateAudit: day(p.AuditDate), DateDebut: day(p.CertifiedFrom), DateFin: day(p.CertifiedUntil),
			DemandesAudit: p.AuditDemandes, NotesAudit: p.AuditNotes, AnneeReferenceControle: zeroNull(p.Year),
		},
	})
	if err != nil {
		return err
	}
	w.buf = append(w.buf[:0], head[:len(head)-1]...)
	w.buf = append(w.buf, `,"parcellaire":{"type":"FeatureCollection","features":[`...)
	_, err = w.out.Write(w.buf)
	return err
}

func (w *exchangeWriter) parcel(p *sillon.ParcelView) error {
	w.buf = w.buf[:0]
	if w.parcels++; w.parcels > 1 {
		w.buf = append(w.buf, ',')
	}
	var stored []exchangeCrop
	if err := json.Unmarshal(p.Crops, &stored); err != nil {
		return err
	}
	properties, err := marshal(exchangeParcel{
		ID: p.ID, Surface: hectares(p.SurfaceM2), Commune: textNull(p.Commune), Cultures: stored, NiveauConversion: p.Level,
		DateEngagement: day(p.EngagedOn), Commentaire: p.NotesAuditeur, Annotations: jsonArray(p.Annotations),
		DateAjout: stamp(p.CreatedAt), DateMiseAJour: stamp(p.UpdatedAt), Nom: p.Name, NumeroPacage: p.NumeroPacage,
		NumeroIlotPAC: p.NumeroIlot, NumeroParcellePAC: p.NumeroParcelle, ReferenceCadastrale: textNull(strings.Join(p.ReferencesCadastrales, " ")),
	})
	if err != nil {
		return err
	}
	if w.buf, err = appendFeature(w.buf, p, 9, properties); err != nil {
		return err
	}
	_, err = w.out.Write(w.buf)
	return err
}

// closeVersion ends the object of a version. A failure to write shows at the
// next write.
func (w *exchangeWriter) closeVersion() { _, _ = w.out.Write([]byte("]}}")) }

// appendFeature appends a GeoJSON feature whose properties are JSON.
func appendFeature(buf []byte, p *sillon.ParcelView, decimals int, properties []byte) ([]byte, error) {
	id, err := marshal(p.ID)
	if err != nil {
		return buf, err
	}
	buf = append(buf, `{"type":"Feature","id":`...)
	buf = append(buf, id...)
	buf = append(buf, `,"geometry":`...)
	if buf, err = geojson.AppendEWKB(buf, p.EWKB, decimals); err != nil {
		return buf, err
	}
	buf = append(buf, `,"properties":`...)
	buf = append(buf, properties...)
	return append(buf, '}'), nil
}

// hectares turns square metres into hectares with 4 decimals.
func hectares(m2 float64) float64 {
	ha, _ := strconv.ParseFloat(strconv.FormatFloat(m2/10_000, 'f', 4, 64), 64) // what FormatFloat writes always parses
	return ha
}

// day is a date on the wire; none is null.
func day(d sillon.Date) *string { return textNull(d.String()) }

func stamp(t *time.Time) string {
	if t == nil {
		return ""
	}
	return t.UTC().Format(instant)
}

func textNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func zeroNull(n int) *int {
	if n == 0 {
		return nil
	}
	return &n
}

// jsonArray is a stored JSON array; nothing is an empty one.
func jsonArray(b []byte) json.RawMessage {
	if len(b) == 0 {
		return json.RawMessage("[]")
	}
	return b
}

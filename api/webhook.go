package api

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

type webhook struct {
	ID            sillon.WebhookID      `json:"id"`
	OC            sillon.OC             `json:"oc"`
	URL           string                `json:"url"`
	Nom           string                `json:"nom"`
	Evenements    []sillon.WebhookEvent `json:"evenements"`
	Actif         bool                  `json:"actif"`
	DesactiveLe   *string               `json:"desactiveLe"`
	DesactivePar  *string               `json:"desactivePar"`
	EnEchecDepuis *string               `json:"enEchecDepuis"`
	AncienJusquA  *string               `json:"ancienSecretValableJusqua"`
	CreeLe        string                `json:"creeLe"`
	MisAJourLe    string                `json:"misAJourLe"`
	Secret        string                `json:"secret,omitempty"` // once, when it is made
}

type livraison struct {
	ID              sillon.DeliveryID   `json:"id"`
	Evenement       sillon.WebhookEvent `json:"evenement"`
	Etat            string              `json:"etat"`
	Essais          int                 `json:"essais"`
	DernierEssai    *string             `json:"dernierEssai"`
	DernierStatut   *int                `json:"dernierStatut"`
	DerniereErreur  *string             `json:"derniereErreur"`
	DerniereReponse string              `json:"derniereReponse"`
	ProchainEssai   *string             `json:"prochainEssai"`
	CreeeLe         string              `json:"creeeLe"`
	EnvoyeeLe       *string             `json:"envoyeeLe"`
}

type webhookList struct {
	Data  []webhook `json:"data"`
	Links nextLinks `json:"_links"`
}

type livraisonList struct {
	Data  []livraison `json:"data"`
	Links nextLinks   `json:"_links"`
}

func webhookJSON(w *service.WebhookRow) webhook {
	return webhook{
		ID: w.ID, OC: w.OC, URL: w.URL, Nom: w.Name, Evenements: w.Events, Actif: w.DisabledAt == nil, DesactiveLe: textNull(stamp(w.DisabledAt)),
		DesactivePar: textNull(string(w.DisabledReason)), EnEchecDepuis: textNull(stamp(w.FailingSince)), AncienJusquA: textNull(stamp(w.FormerUntil)),
		CreeLe: stamp(&w.CreatedAt), MisAJourLe: stamp(&w.UpdatedAt),
	}
}

func livraisonJSON(d *service.Delivery) livraison {
	return livraison{
		ID: d.ID, Evenement: d.Event, Etat: d.State, Essais: d.Tries, DernierEssai: textNull(stamp(d.LastTryAt)), DernierStatut: d.LastStatus,
		DerniereErreur: textNull(d.LastReason), DerniereReponse: d.LastAnswer, ProchainEssai: textNull(stamp(d.NextTryAt)),
		CreeeLe: stamp(&d.CreatedAt), EnvoyeeLe: textNull(stamp(d.SentAt)),
	}
}

func webhookID(c echo.Context) sillon.WebhookID { return sillon.WebhookID(uuidIn(c, "id")) }

// webhooks handles GET /api/v3/webhooks.
func (s *Server) webhooks(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	list, err := s.service.Webhooks(c.Request().Context(), actor(c))
	if err != nil {
		return err
	}
	out := webhookList{Data: make([]webhook, len(list))}
	for i := range list {
		out.Data[i] = webhookJSON(&list[i])
	}
	return c.JSON(http.StatusOK, out)
}

// createWebhook handles POST /api/v3/webhooks.
func (s *Server) createWebhook(c echo.Context) error {
	edit, err := webhookEdit(c)
	if err != nil {
		return err
	}
	place := func(w *service.WebhookRow) string { return s.opts.PublicURL + "/api/v3/webhooks/" + string(w.ID) }
	asked, err := once(c, func(w *service.WebhookRow) (service.Told, any) {
		return service.Told{Status: http.StatusCreated, Location: place(w), ETag: revisionTag(w.Revision)}, webhookJSON(w)
	})
	if err != nil {
		return err
	}
	w, secret, err := s.service.CreateWebhook(c.Request().Context(), actor(c), edit, asked)
	if err != nil {
		return err
	}
	if asked.Replay != nil {
		return replay(c, asked.Replay)
	}
	out := webhookJSON(w)
	out.Secret = secret.Reveal()
	c.Response().Header().Set(echo.HeaderLocation, place(w))
	c.Response().Header().Set("ETag", revisionTag(w.Revision))
	return c.JSON(http.StatusCreated, out)
}

// webhookEdit reads what may be said of a webhook.
func webhookEdit(c echo.Context) (e service.WebhookEdit, err error) {
	if err := members(c, map[string]any{"url": &e.URL, "nom": &e.Name, "evenements": &e.Events, "actif": &e.Enabled}); err != nil {
		return e, err
	}
	var wrong []sillon.Issue
	if e.Name != nil && utf8.RuneCountInString(*e.Name) > 200 {
		wrong = append(wrong, sillon.IssueInvalidMember("nom"))
	}
	if e.Events != nil && (len(e.Events) == 0 || slices.ContainsFunc(e.Events, func(v sillon.WebhookEvent) bool { return !slices.Contains(sillon.WebhookEvents, v) })) {
		wrong = append(wrong, sillon.IssueInvalidMember("evenements"))
	}
	if len(wrong) > 0 {
		return e, sillon.ErrInvalidRequest.With(wrong...)
	}
	slices.Sort(e.Events)
	e.Events = slices.Compact(e.Events)
	return e, nil
}

// webhook handles GET /api/v3/webhooks/{id}.
func (s *Server) webhook(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	id := webhookID(c)
	w, err := s.service.Webhook(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	if tag := revisionTag(w.Revision); matches(c, tag) {
		c.Response().Header().Set("ETag", tag)
		return c.NoContent(http.StatusNotModified)
	}
	return answerWebhook(c, w)
}

func answerWebhook(c echo.Context, w *service.WebhookRow) error {
	tag := revisionTag(w.Revision)
	c.Response().Header().Set("ETag", tag)
	return c.JSON(http.StatusOK, webhookJSON(w))
}

// editWebhook handles PATCH /api/v3/webhooks/{id}.
func (s *Server) editWebhook(c echo.Context) error {
	id := webhookID(c)
	edit, err := webhookEdit(c)
	if err != nil {
		return err
	}
	w, err := s.service.EditWebhook(c.Request().Context(), actor(c), id, precondition(c), edit)
	if err != nil {
		return err
	}
	return answerWebhook(c, w)
}

// deleteWebhook handles DELETE /api/v3/webhooks/{id}.
func (s *Server) deleteWebhook(c echo.Context) error {
	if _, err := query(c); err != nil {
		return err
	}
	id := webhookID(c)
	if err := s.service.DeleteWebhook(c.Request().Context(), actor(c), id, precondition(c)); err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// rotateWebhook handles POST /api/v3/webhooks/{id}/rotation.
func (s *Server) rotateWebhook(c echo.Context) error {
	id := webhookID(c)
	if err := members(c, nil); err != nil {
		return err
	}
	w, secret, err := s.service.RotateWebhook(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	out := webhookJSON(w)
	out.Secret = secret.Reveal()
	c.Response().Header().Set("ETag", revisionTag(w.Revision))
	return c.JSON(http.StatusOK, out)
}

// tryWebhook handles POST /api/v3/webhooks/{id}/essai.
func (s *Server) tryWebhook(c echo.Context) error {
	id := webhookID(c)
	if err := members(c, nil); err != nil {
		return err
	}
	asked, err := once(c, func(d *service.Delivery) (service.Told, any) {
		return service.Told{Status: http.StatusAccepted}, livraisonJSON(d)
	})
	if err != nil {
		return err
	}
	d, err := s.service.TryWebhook(c.Request().Context(), actor(c), id, asked)
	if err != nil {
		return err
	}
	if asked.Replay != nil {
		return replay(c, asked.Replay)
	}
	return c.JSON(http.StatusAccepted, livraisonJSON(d))
}

// deliveries handles GET /api/v3/webhooks/{id}/livraisons.
func (s *Server) deliveries(c echo.Context) error {
	id := webhookID(c)
	q, err := query(c, "limite", "curseur")
	if err != nil {
		return err
	}
	p := service.DeliveryPage{Webhook: id}
	if p.Limit, err = number(q, "limite", 1, 200, 50); err != nil {
		return err
	}
	place, err := cursor(q, "curseur")
	if err != nil {
		return err
	}
	if place != "" {
		micros, last, _ := strings.Cut(place, " ")
		n, err1 := strconv.ParseInt(micros, 10, 64)
		before, err2 := uuid.Parse(last)
		if err1 != nil || err2 != nil {
			return sillon.ErrInvalidRequest.Saying(sillon.BadParameter("curseur"))
		}
		at := time.UnixMicro(n)
		p.Before, p.BeforeID = &at, sillon.DeliveryID(before.String())
	}
	list, more, err := s.service.Deliveries(c.Request().Context(), actor(c), p)
	if err != nil {
		return err
	}
	out := livraisonList{Data: make([]livraison, len(list))}
	for i := range list {
		out.Data[i] = livraisonJSON(&list[i])
	}
	if more {
		last := list[len(list)-1]
		place := strconv.FormatInt(last.CreatedAt.UnixMicro(), 10) + " " + string(last.ID)
		out.Links = s.nextPage("/api/v3/webhooks/"+string(id)+"/livraisons", q, p.Limit, place)
	}
	return c.JSON(http.StatusOK, out)
}

// resendDelivery handles POST /api/v3/webhooks/{id}/livraisons/{livraisonId}/renvoi.
func (s *Server) resendDelivery(c echo.Context) error {
	id := webhookID(c)
	if err := members(c, nil); err != nil {
		return err
	}
	d, err := s.service.ResendDelivery(c.Request().Context(), actor(c), id, sillon.DeliveryID(uuidIn(c, "livraisonId")))
	if err != nil {
		return err
	}
	return c.JSON(http.StatusAccepted, livraisonJSON(d))
}

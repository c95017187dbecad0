package jobs_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"sillon/service"
	"sillon/sillon"
	"sillon/store"
	"sillon/store/storetest"
	"sillon/upstream"
)

// hurried has the queue try a message again at once, however long it should wait.
const hurried = `
	CREATE FUNCTION due() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		NEW.next_try_at := now();
		RETURN NEW;
	END $$;
	CREATE TRIGGER due BEFORE UPDATE ON webhook_delivery FOR EACH ROW
		WHEN (NEW.state = 'a_envoyer' AND OLD.tries = NEW.tries) EXECUTE FUNCTION due();
	CREATE FUNCTION hurry() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		NEW.scheduled_at := now();
		NEW.state := 'available';
		RETURN NEW;
	END $$;
	CREATE TRIGGER hurry BEFORE UPDATE ON river_job FOR EACH ROW
		WHEN (NEW.kind = 'webhook' AND NEW.state = 'scheduled') EXECUTE FUNCTION hurry();
	CREATE FUNCTION sent() RETURNS trigger LANGUAGE plpgsql AS $$
	BEGIN
		PERFORM pg_notify('sent', NEW.id::text);
		RETURN NULL;
	END $$;
	CREATE TRIGGER sent AFTER UPDATE ON webhook_delivery FOR EACH ROW WHEN (NEW.state = 'envoyee') EXECUTE FUNCTION sent();`

// TestWebhook has the queue send the end of a push to a server that is down the
// first two times: one message, under one id, three tries.
func TestWebhook(t *testing.T) {
	t.Parallel()
	type try struct{ id, body string }
	tries := make(chan try, 10)
	answers := make(chan int, 10)
	for _, status := range []int{http.StatusInternalServerError, http.StatusBadGateway, http.StatusOK} {
		answers <- status
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		w.WriteHeader(<-answers)
		tries <- try{r.Header.Get("Webhook-Id"), string(body)}
	}))
	t.Cleanup(server.Close)

	s := newSite(t, hurried, "sent")
	var err error
	s.svc, err = service.New(s.db, service.Options{
		IsCPF: func(string) bool { return true }, Log: slog.New(slog.DiscardHandler), SpoolDir: t.TempDir(), Secret: []byte(strings.Repeat("s", 32)),
		Poster: upstream.NewPoster(upstream.Options{Guard: upstream.Guard{AllowHTTP: true, AllowPrivate: true}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Farm(t, s.db, "100", 1)
	w, _, err := s.svc.CreateWebhook(t.Context(), sillon.Actor{ID: "test", Roles: sillon.RoleOCService, OC: 1}, service.WebhookEdit{URL: &server.URL}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := s.run()
	s.push(1, "100")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var first try
	for i := range 3 {
		select {
		case got := <-tries:
			if i == 0 {
				first = got
			}
			if got != first || !strings.Contains(got.body, `"type":"import.termine"`) {
				t.Errorf("try %d: %v, want %v", i+1, got, first)
			}
		case <-ctx.Done():
			t.Fatalf("%d tries", i)
		}
	}
	if n, err := s.conn.WaitForNotification(ctx); err != nil || n.Payload != first.id {
		t.Fatalf("sent: %v, %v", n, err)
	}
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	list, _, err := s.svc.Deliveries(t.Context(), sillon.Actor{Roles: sillon.RoleAgenceBio}, store.DeliveryPage{Webhook: w.ID, Limit: 10})
	if err != nil || len(list) != 1 || list[0].State != "envoyee" || list[0].Tries != 3 {
		t.Errorf("%+v, %v", list, err)
	}
}

// TestWebhookAtStop has a node stop while a webhook is slow: the try does not
// count, and another node takes the message up at once.
func TestWebhookAtStop(t *testing.T) {
	t.Parallel()
	asked := make(chan struct{}, 10)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // or the end of the connection is not seen
		asked <- struct{}{}
		<-r.Context().Done()
	}))
	t.Cleanup(server.Close)
	s := newSite(t, "")
	var err error
	s.svc, err = service.New(s.db, service.Options{
		Log: slog.New(slog.DiscardHandler), Secret: []byte(strings.Repeat("s", 32)),
		Poster: upstream.NewPoster(upstream.Options{Guard: upstream.Guard{AllowHTTP: true, AllowPrivate: true}}),
	})
	if err != nil {
		t.Fatal(err)
	}
	storetest.Farm(t, s.db, "100", 1)
	oc := sillon.Actor{ID: "test", Roles: sillon.RoleOCService, OC: 1}
	w, _, err := s.svc.CreateWebhook(t.Context(), oc, service.WebhookEdit{URL: &server.URL}, nil)
	if err != nil {
		t.Fatal(err)
	}
	stop := s.run()
	if _, err := s.svc.TryWebhook(t.Context(), oc, w.ID, nil); err != nil {
		t.Fatal(err)
	}
	<-asked
	begin := time.Now()
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("the stop took %v", took)
	}
	list, _, err := s.svc.Deliveries(t.Context(), oc, store.DeliveryPage{Webhook: w.ID, Limit: 10})
	if err != nil || len(list) != 1 || list[0].State != "a_envoyer" || list[0].Tries != 0 || list[0].NextTryAt.After(time.Now().Add(time.Second)) {
		t.Errorf("%+v, %v", list, err)
	}
	s.run()
	<-asked
}

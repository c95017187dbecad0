package sillon_test

import (
	"fmt"
	"testing"
	"time"

	"sillon/sillon"
)

// TestSignWebhook holds the signature to the example that the libraries of
// Standard Webhooks are tested with.
func TestSignWebhook(t *testing.T) {
	t.Parallel()
	secret, err := sillon.ParseWebhookSecret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	at, body := time.Unix(1614265330, 999), []byte(`{"test": 2432232314}`)
	if got := sillon.SignWebhook("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, secret); got != want {
		t.Errorf("%s, want %s", got, want)
	}
	two := sillon.SignWebhook("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, secret, sillon.WebhookSecret("x"))
	if len(two) != 2*len(want)+1 || two[:len(want)+1] != want+" " {
		t.Errorf("two secrets: %s", two)
	}
}

func TestWebhookSecret(t *testing.T) {
	t.Parallel()
	secret := sillon.WebhookSecret("0123456789abcdefghijklmn")
	if got, err := sillon.ParseWebhookSecret(secret.Reveal()); err != nil || string(got) != string(secret) {
		t.Errorf("read back: %v, %v", got, err)
	}
	for _, text := range []string{"", "whsec_", "whsec_MTIz", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_!", sillon.WebhookSecret(make([]byte, 65)).Reveal()} {
		if _, err := sillon.ParseWebhookSecret(text); err == nil {
			t.Errorf("%q is taken for a secret", text)
		}
	}
	for _, verb := range []string{"%v", "%s", "%+v", "%#v"} { // S16
		if got := fmt.Sprintf(verb, secret); got != "whsec_…" {
			t.Errorf("%s shows %s", verb, got)
		}
	}
}

// TestWebhookPause is 8 tries in about 24 hours.
func TestWebhookPause(t *testing.T) {
	t.Parallel()
	var total, last time.Duration
	tries := 1
	for ; ; tries++ {
		pause, ok := sillon.WebhookPause(tries)
		if !ok {
			break
		}
		if pause <= last {
			t.Errorf("%v after %v", pause, last)
		}
		total, last = total+pause, pause
	}
	if tries != 8 || total < 23*time.Hour || total > 25*time.Hour {
		t.Errorf("%d tries in %v", tries, total)
	}
}

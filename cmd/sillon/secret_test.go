package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"sillon/store/storetest"
)

// TestS18Secret refuses to start with an empty or short secret, and with none
// on a database that is not the private one.
func TestS18Secret(t *testing.T) {
	t.Parallel()
	_, address := storetest.Open(t, 1)
	env := []string{"SILLON_DATABASE_URL=" + address}
	const fault = "--secret (SILLON_SECRET): shorter than 32 bytes"
	for _, secret := range []string{"", "hush", strings.Repeat("x", 31)} {
		got := call{env: append([]string{"SILLON_SECRET=" + secret}, env...), args: []string{"serve", "--listen", "127.0.0.1:0"}}.run(t)
		if got.code != 2 || !strings.Contains(got.stderr, fault) || strings.Contains(got.stderr, "hush") {
			t.Errorf("secret %q: %+v, want a refusal", secret, got)
		}
		got = call{env: env, args: []string{"serve", "--listen", "127.0.0.1:0", "--secret=" + secret}}.run(t)
		if got.code != 2 || !strings.Contains(got.stderr, fault) {
			t.Errorf("flag %q: %+v, want a refusal", secret, got)
		}
	}

	call{env: env, stdin: farms, args: []string{"farms", "import", "-"}}.must(t)
	token := strings.TrimSpace(call{env: env, args: []string{"token", "create", "--role", "oc_service", "--certifier", "1"}}.must(t))
	secret := strings.Repeat("secret", 6)
	create := func(env []string, body string, args ...string) (int, string, string) {
		n := start(t, env, append([]string{"serve"}, args...)...)
		defer n.stop(t)
		code, reply := n.do(t, http.MethodPost, "/api/v3/webhooks", token, body)
		return code, reply, n.said()
	}
	for _, command := range []string{"serve", "up"} {
		got := call{env: env, args: []string{command, "--listen", "nowhere"}}.run(t)
		if got.code != 2 {
			t.Errorf("%s without secret: %+v, want a refusal", command, got)
		}
		holds(t, "stderr", got.stderr, []string{"--secret (SILLON_SECRET): needed with --database-url", "--listen (SILLON_LISTEN)"})
	}
	env = append(env, "SILLON_SECRET="+secret)
	if code, body, _ := create(env, `{"url":"http://127.0.0.1/"}`); code != http.StatusBadRequest {
		t.Errorf("private webhook: %d %s", code, body)
	}
	code, body, said := create(env, `{"url":"http://127.0.0.1/"}`, "--webhooks-allow-http", "--webhooks-allow-private")
	if code != http.StatusCreated || strings.Contains(body, secret) || strings.Contains(said, secret) || strings.Contains(said, "whsec_") {
		t.Errorf("private webhook, allowed: %d %s, %s", code, body, said)
	}
}

func TestPrivateSecret(t *testing.T) {
	t.Parallel()
	e := &environment{config: config{Settings: Settings{DataDir: t.TempDir()}}}
	first, err := e.secret()
	if err != nil || len(first) < shortestSecret {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	again, err := e.secret()
	if err != nil || string(again) != string(first) {
		t.Errorf("the second time: another, %v", err)
	}
	path := filepath.Join(e.DataDir, "secret")
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v, want 0600", info.Mode(), err)
	}
	if files, err := os.ReadDir(e.DataDir); err != nil || len(files) != 1 {
		t.Errorf("left in the directory: %v, %v", files, err)
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := e.secret(); err == nil {
		t.Error("a short secret is taken")
	}
}

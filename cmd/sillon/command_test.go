package main

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"sillon/store/storetest"
)

// region is a file of one région.
const region = `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{"code":"84","nom":"Auvergne-Rhône-Alpes"},
	"geometry":{"type":"Polygon","coordinates":[[[4,45],[6,45],[6,46],[4,46],[4,45]]]}}]}`

const farms = `numeroBio;nom;certificateurId;certificateur;numeroClient;etat;dateDemarrage
101;Ferme des Grands Champs;1;Certif Un;C-101;ENGAGEE;2020-01-01
102;GAEC du Vallon;2;Certif Deux;C-102;ENGAGEE;01/05/2021
`

// onDatabase is the environment of commands on a migrated database of their own.
func onDatabase(t *testing.T) []string {
	t.Helper()
	_, address := storetest.Open(t, 1)
	return served(address)
}

// served is the environment of commands that may serve on a database.
func served(address string) []string {
	return []string{"SILLON_DATABASE_URL=" + address, "SILLON_SECRET=" + strings.Repeat("x", shortestSecret)}
}

func TestFarmsImport(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "farms.csv")
	if err := os.WriteFile(file, []byte(farms), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name   string
		stdin  string
		file   string
		code   int
		stdout string
		stderr []string
	}{
		{"a file", "", file, 0, "2 exploitations enregistrées\n", nil},
		{"standard input", farms, "-", 0, "2 exploitations enregistrées\n", nil},
		{"no such file", "", "nowhere.csv", 1, "", []string{"nowhere.csv"}},
		{"nothing", "", "-", 1, "", []string{"sillon: "}},
		{
			"every error by line, and nothing imported",
			farms + ";Sans numéro;1;Certif Un;C-103;ENGAGEE;2020-01-01\n104;Sans jour;1;Certif Un;C-104;EN COURS;2020-13-01\n", "-", 1, "",
			[]string{
				"rien n'a été importé", "ligne 4 : Le numéro bio est absent. (NUMERO_BIO_ABSENT)",
				"ligne 5 : La date « 2020-13-01 »", "ligne 5 : L'état « EN COURS » est inconnu. (ETAT_INCONNU)",
			},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := onDatabase(t)
			got := call{env: env, stdin: tt.stdin, args: []string{"farms", "import", tt.file}}.run(t)
			if got.code != tt.code || got.stdout != tt.stdout {
				t.Errorf("exit code %d, stdout %q; want %d, %q", got.code, got.stdout, tt.code, tt.stdout)
			}
			holds(t, "stderr", got.stderr, tt.stderr)
			// A certifier is known when its farms were stored.
			token := call{env: env, args: []string{"token", "create", "--role", "oc_service", "--certifier", "1"}}.run(t)
			if token.code != tt.code {
				t.Errorf("token for a certifier of the file: exit code %d, want %d\n%s", token.code, tt.code, token.stderr)
			}
		})
	}
}

func TestToken(t *testing.T) {
	t.Parallel()
	env := onDatabase(t)
	sillon := func(args ...string) result { return call{env: env, args: args}.run(t) }
	call{env: env, stdin: farms, args: []string{"farms", "import", "-"}}.must(t)

	created := sillon("token", "create", "--role", "oc_service", "--certifier", "1", "--label", "logiciel de l'OC")
	if created.code != 0 || !regexp.MustCompile(`^sillon_[a-z0-9]{30,}\n$`).MatchString(created.stdout) {
		t.Fatalf("token create: exit code %d, stdout %q, want the token alone\n%s", created.code, created.stdout, created.stderr)
	}
	prefix := created.stdout[:len("sillon_")+8]
	if secret := strings.TrimSpace(created.stdout)[len(prefix):]; strings.Contains(created.stderr, secret) || !strings.Contains(created.stderr, prefix) {
		t.Errorf("stderr = %q, want the prefix alone", created.stderr)
	}
	machine := sillon("token", "create", "--role", "agence_bio", "--expires", "1ms")
	if machine.code != 0 {
		t.Fatalf("token of a machine: %s", machine.stderr)
	}
	if got := sillon("token", "create", "--role", "oc_service", "--certifier", "77"); got.code != 1 || !strings.Contains(got.stderr, "certifier 77 is not known") {
		t.Errorf("token of an unknown certifier: %d, %q", got.code, got.stderr)
	}

	n := start(t, env, "serve")
	status := func(token string) int {
		code, _ := n.get(t, "/api/v2/test", strings.TrimSpace(token))
		return code
	}
	if got := status(created.stdout); got != http.StatusOK {
		t.Errorf("the token is answered %d, want 200", got)
	}
	if got := status(machine.stdout); got != http.StatusForbidden {
		t.Errorf("an expired token is answered %d, want 403", got)
	}
	rotated := sillon("token", "rotate", prefix, "--overlap", "1h")
	if rotated.code != 0 || !regexp.MustCompile(`^sillon_[a-z0-9]{30,}\n$`).MatchString(rotated.stdout) || rotated.stdout == created.stdout {
		t.Fatalf("token rotate: %+v, want another token alone", rotated)
	}
	for _, token := range []string{created.stdout, rotated.stdout} {
		if got := status(token); got != http.StatusOK {
			t.Errorf("during the overlap: %d, want 200", got)
		}
	}
	if got := sillon("token", "list"); !strings.Contains(got.stdout, "remplacé") {
		t.Errorf("token list during the overlap: %+v", got)
	}
	if got := sillon("token", "rotate", prefix); got.code != 1 || !strings.Contains(got.stderr, "déjà un remplaçant") {
		t.Errorf("token rotate, again: %+v", got)
	}
	if got := sillon("token", "revoke", prefix); got.code != 0 || got.stdout != "" {
		t.Errorf("token revoke: %+v", got)
	}
	if got := status(created.stdout); got != http.StatusForbidden {
		t.Errorf("S17: a revoked token is answered %d, want 403 at once", got)
	}
	if got := sillon("token", "revoke", "sillon_unknown"); got.code != 1 || got.stdout != "" || got.stderr == "" {
		t.Errorf("token revoke of an unknown one: %+v", got)
	}

	list := sillon("token", "list")
	lines := strings.Split(strings.TrimSpace(list.stdout), "\n")
	if list.code != 0 || list.stderr != "" || len(lines) != 4 || !strings.HasPrefix(lines[0], "préfixe") {
		t.Fatalf("token list: %+v, want a title and three tokens", list)
	}
	for i, want := range [][]string{{rotated.stdout[:len(prefix)], "oc_service", "logiciel de l'OC", "actif"}, {"agence_bio", "expiré"}, {prefix, "oc_service", "logiciel de l'OC", "révoqué"}} {
		holds(t, "line of the token", lines[i+1], want)
	}
	if strings.Contains(list.stdout, strings.TrimSpace(created.stdout)) {
		t.Error("token list shows a whole token")
	}
}

func TestReferenceLoad(t *testing.T) {
	t.Parallel()
	source := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/regions.geojson" {
			http.NotFound(w, r)
			return
		}
		_, _ = fmt.Fprint(w, region)
	}))
	t.Cleanup(source.Close)
	good, bad := filepath.Join(t.TempDir(), "regions.geojson"), filepath.Join(t.TempDir(), "bad.geojson")
	for name, text := range map[string]string{good: region, bad: strings.Replace(region, `"84"`, `"Rhône"`, 1)} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const noNetwork = "HTTPS_PROXY=http://127.0.0.1:1" // nobody listens there
	tests := []struct {
		name   string
		args   []string
		code   int
		stdout string
		stderr []string
	}{
		{"a file", []string{"--regions", good}, 0, "1 régions chargées\n", nil},
		{"an address", []string{"--regions", source.URL + "/regions.geojson"}, 0, "1 régions chargées\n", nil},
		{"official sources out of reach", nil, 0, "", []string{
			"regions-100m.geojson.gz est inaccessible", "donnez un fichier avec --departements", "donnez un fichier avec --communes",
		}},
		{"an address out of reach", []string{"--regions", source.URL + "/communes.geojson"}, 1, "", []string{"404 Not Found"}},
		{"no such file", []string{"--regions", "nowhere.geojson"}, 1, "", []string{"nowhere.geojson"}},
		{"a bad file", []string{"--regions", bad}, 1, "", []string{"rien n'a été chargé", "objet 1 : Le code « RHÔNE »"}},
		{"no GeoJSON at all", []string{"--communes", os.Args[0]}, 1, "", []string{"rien n'a été chargé"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			env := append(onDatabase(t), noNetwork, "NO_PROXY=", "no_proxy=", "https_proxy=")
			got := call{env: env, args: append([]string{"reference", "load"}, tt.args...)}.run(t)
			if got.code != tt.code || got.stdout != tt.stdout {
				t.Errorf("exit code %d, stdout %q; want %d, %q", got.code, got.stdout, tt.code, tt.stdout)
			}
			holds(t, "stderr", got.stderr, tt.stderr)
		})
	}
}

func TestDemo(t *testing.T) {
	t.Parallel()
	env := onDatabase(t)
	demo := call{env: env, args: []string{"demo", "--parcels", "500", "--seed", "7"}}
	got := demo.run(t)
	var n int
	if _, err := fmt.Sscanf(got.stdout, "%d parcelles de démonstration enregistrées\n", &n); err != nil || got.code != 0 || n < 450 || n > 550 {
		t.Fatalf("demo: %+v, want about 500 parcels", got)
	}
	if got.stderr != "" {
		t.Errorf("stderr = %q, want no progress without a terminal", got.stderr)
	}
	if again := demo.run(t); again.code != 1 || again.stdout != "" || strings.Count(again.stderr, "\n") != 1 {
		t.Errorf("demo again: %+v, want one line that says that it is there", again)
	}
}

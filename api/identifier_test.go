package api_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"sillon/store/storetest"
)

// TestS10Identifiers: wherever a path names a thing, what is no id of that
// thing is refused as unknown, and changes nothing.
func TestS10Identifiers(t *testing.T) {
	t.Parallel()
	s := newServerOfAll(t)
	r := s.resources(t)[own]
	odd := []string{
		"0", "-1", "1.5", "1e3", "99999999999999999999", "0x1", "x", "null", "undefined", "NaN", " ", "1 OR 1=1", "';--", `"`, "../1", "é", "\x00", "\xff",
		r.version[:35], r.version + "0", "{" + r.version + "}", "urn:uuid:" + r.version, strings.ReplaceAll(r.version, "-", ""), strings.Repeat("9", 5000),
		// Ids of other things than the path is about.
		r.delivery, r.numero,
	}
	parameter := regexp.MustCompile(`\{\w+\}`)
	before := s.held(t)
	for _, d := range theContract(t).paths {
		for method := range d.item.Operations() {
			for _, id := range odd {
				switch {
				case !strings.Contains(d.path, "{"), strings.HasPrefix(d.path, "/tiles/") && id == "0":
					continue
				case strings.Contains(d.path, "{numeroBio}") && (method == http.MethodPut || id == r.numero):
					continue // a farm number is a text, and may name the farm to be made
				}
				path := parameter.ReplaceAllString(d.path, escaped(id))
				for _, who := range []asker{ocOne, agenceBio} {
					got := s.ask(t, who, method, path, nil)
					if got.Status < 400 || got.Status > 404 || got.Status == http.StatusUnauthorized {
						t.Errorf("%s %s, %s: %d %.200s", method, path, who, got.Status, got.Body)
					}
				}
			}
		}
	}
	if after := s.held(t); after != before {
		t.Errorf("ids of nothing changed\n%s\nto\n%s", before, after)
	}
}

// escaped is a text as one segment of a path.
func escaped(id string) string {
	return strings.NewReplacer("%", "%25", "/", "%2F", ".", "%2E", "\x00", "%00", "\xff", "%FF", " ", "%20", `"`, "%22", "é", "%C3%A9", "{", "%7B", "}", "%7D").Replace(id)
}

// S10: a message is one of its webhook, a place in a list is no way into the
// list of others, and a key is that of its certifier.
func TestS10ForeignIdentifiers(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	mine, theirs := s.newWebhook(t, ocOne, "https://9.9.9.9/"), s.newWebhook(t, ocTwo, "https://9.9.9.9/")
	other := s.newWebhook(t, ocOne, "https://9.9.9.9/autre")
	myMessage, theirMessage := s.try(t, ocOne, mine.ID), s.try(t, ocTwo, theirs.ID)
	_, myJob := s.settle(t, ocOne, []object{record("1001", parcel("a"))})
	theirPush := s.push(t, ocTwo, []object{record("2001", parcel("b"))}, keyed("k")...)
	s.work(t, 2)
	before := s.held(t)
	for _, pair := range [][2]string{{mine.ID, theirMessage}, {theirs.ID, theirMessage}, {theirs.ID, myMessage}, {other.ID, myMessage}} {
		if r := s.ask(t, ocOne, http.MethodPost, webhooksPath+"/"+pair[0]+"/livraisons/"+pair[1]+"/renvoi", nil); r.Status != http.StatusNotFound {
			t.Errorf("message %s of webhook %s: %d %s", pair[1], pair[0], r.Status, r.Body)
		}
	}
	if after := s.held(t); after != before {
		t.Errorf("changed\n%s\nto\n%s", before, after)
	}

	list := func(query string) string { return string(s.get(t, ocOne, importsPath+query).Body) }
	for _, query := range []string{"", "?before=1000000", "?page=1", "?numeroBio=2001", "?before=3"} {
		if body := list(query); strings.Contains(body, "2001") {
			t.Errorf("imports%s: %s", query, body)
		}
	}
	if myJob.Status != "DONE" || !strings.Contains(list(""), `"1001"`) {
		t.Errorf("imports: %s", list(""))
	}

	id, _ := jobOf(t, theirPush)
	same := s.push(t, ocOne, []object{record("2001", parcel("b"))}, keyed("k")...)
	if got, replayed := jobOf(t, same); got == id || replayed || same.Status != http.StatusBadRequest {
		t.Errorf("the key of another certifier: %d %s", same.Status, same.Body)
	}
}

// S10: a parcel sent without geometry takes it from a parcel that its sender
// wrote for that farm, and from no other, on trial as in earnest.
func TestS10KnownParcels(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	s.store(t, ocTwo, []object{record("2001", parcel("of another farm"))})
	s.store(t, ocOne, []object{record("1002", parcel("of another client"))})
	storetest.Farm(t, s.db, "4001", 2)
	s.store(t, ocTwo, []object{record("4001", parcel("of the former certifier")).with(object{"dateAudit": "2025-03-01"})})
	s.move(t, "4001", 2, 1)
	s.store(t, ocOne, []object{record("1001", parcel("of a deleted version")).with(object{"dateAudit": "2024-03-01"})})
	s.drop(t, s.version(t, "1001", 1, "2024-03-01"))
	key := s.one(t, `SELECT max(key)::text FROM parcel`)
	tile := s.one(t, `SELECT max(tile_id)::text FROM parcel`)
	before := s.held(t)
	for _, numero := range []string{"1001", "4001"} {
		for _, id := range []string{"of another farm", "of another client", "of the former certifier", "of a deleted version", key, tile, "%", "' OR true --"} {
			payload := []object{record(numero, bad(id, object{"geom": nil}))}
			want := []string{"DB_ERROR " + id + ": Impossible de créer une parcelle sans donnée géographique."}
			var dry rehearsal
			s.rehearse(t, payload).into(t, &dry)
			compare(t, id+" on trial", want, numero, dry.Result.Errors)
			if after := s.held(t); after != before {
				t.Errorf("%s on trial changed\n%s\nto\n%s", id, before, after)
			}
			_, j := s.settle(t, ocOne, payload)
			compare(t, id, want, numero, j.Result.Errors)
			before = s.held(t)
		}
	}
	if n := s.one(t, `SELECT count(*)::text FROM parcellaire WHERE deleted_at IS NULL AND oc = 1`); n != "1" {
		t.Errorf("%s versions of the first certifier", n)
	}
}

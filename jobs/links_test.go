package jobs_test

import "testing"

// TestLinksAgeByThemselves: a node that runs finds the current link of a farm
// again when it has got stale, and nobody saves the farm.
func TestLinksAgeByThemselves(t *testing.T) {
	t.Parallel()
	s := newSite(t, `
		CREATE FUNCTION aged() RETURNS trigger LANGUAGE plpgsql AS $$
		BEGIN
			PERFORM pg_notify('aged', NEW.numero_bio || ' ' || NEW.shown_state);
			RETURN NULL;
		END $$;
		CREATE TRIGGER aged AFTER UPDATE OF shown_state ON farm FOR EACH ROW EXECUTE FUNCTION aged();
		INSERT INTO certifier (id, name) VALUES (1, 'OC 1');
		INSERT INTO farm (numero_bio, current_oc, current_state, shown_state) VALUES ('7', 1, 'NON ENGAGEE', 'NON ENGAGEE');
		INSERT INTO link (oc, numero_bio, state, updated_at) VALUES (1, '7', 'NON ENGAGEE', now() - interval '7 months');`, "aged")
	s.run()
	if n := s.next(); n.Payload != "7 ARRETEE" {
		t.Errorf("the farm is now %q, want 7 ARRETEE", n.Payload)
	}
}

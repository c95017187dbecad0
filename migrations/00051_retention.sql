-- What goes away after years (documents.md §7), and of the change log after
-- days. That nothing younger goes is the database's own rule.

-- +goose Up
SET LOCAL ROLE sillon_owner;

CREATE INDEX event_at_idx ON event USING brin (at);
CREATE INDEX trail_at_idx ON trail USING brin (at);

-- +goose StatementBegin
-- Retention deletes rows, which refuse_forgetting then looks at one by one.
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND current_user = 'sillon_owner' AND current_setting('app.forgetting', true) = 'on'
		OR TG_OP = 'DELETE' AND current_user = 'sillon_system' THEN
		RETURN NULL;
	END IF;
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE FUNCTION refuse_forgetting() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	IF OLD.at >= now() - interval '10 years' THEN
		RAISE EXCEPTION 'event is append-only' USING ERRCODE = 'insufficient_privilege';
	END IF;
	RETURN OLD;
END $$;
-- +goose StatementEnd
CREATE TRIGGER event_kept BEFORE DELETE ON event FOR EACH ROW EXECUTE FUNCTION refuse_forgetting();
GRANT DELETE ON event TO sillon_system;

CREATE POLICY trail_system_aged ON trail FOR SELECT TO sillon_system
	USING (at < now() - CASE kind WHEN 'lecture' THEN interval '3 years' ELSE interval '10 years' END);
CREATE POLICY trail_system_delete ON trail FOR DELETE TO sillon_system
	USING (at < now() - CASE kind WHEN 'lecture' THEN interval '3 years' ELSE interval '10 years' END);
GRANT SELECT (id, kind, at), DELETE ON trail TO sillon_system;

RESET ROLE;

-- +goose Down
REVOKE SELECT (id, kind, at), DELETE ON trail FROM sillon_system;
DROP POLICY trail_system_delete ON trail;
DROP POLICY trail_system_aged ON trail;
REVOKE DELETE ON event FROM sillon_system;
DROP TRIGGER event_kept ON event;
DROP FUNCTION refuse_forgetting();
-- +goose StatementBegin
CREATE OR REPLACE FUNCTION refuse_rewriting() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
	IF TG_OP = 'UPDATE' AND current_user = 'sillon_owner' AND current_setting('app.forgetting', true) = 'on' THEN
		RETURN NULL;
	END IF;
	RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$;
-- +goose StatementEnd
DROP INDEX trail_at_idx, event_at_idx;

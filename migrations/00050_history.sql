-- Who has the farm now reads what became of the versions that it was left
-- (domain.md §2, "History of a version"; §3.3). The service blanks the rest.

-- +goose Up
SET LOCAL ROLE sillon_owner;

-- A join, unlike the other policies: a history is read one version at a time.
CREATE POLICY event_api_reader ON event FOR SELECT TO sillon_api
	USING ((SELECT v.reader_oc FROM parcellaire v WHERE v.id = event.parcellaire_id) = tenant());

RESET ROLE;

-- +goose Down
DROP POLICY event_api_reader ON event;

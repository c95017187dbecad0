-- What a certifier writes hangs on what is its own: an event on its parcellaire,
-- the rows of a push on its job. Row-level security alone looks at the
-- certifier of the row.

-- +goose Up
SET LOCAL ROLE sillon_owner;

-- One row a record; a foreign key would keep the history from outliving its
-- parcellaire.
ALTER POLICY event_api_insert ON event
	WITH CHECK (oc = tenant() AND (SELECT v.oc FROM parcellaire v WHERE v.id = event.parcellaire_id) = tenant());

-- In place of keys of one column, so that a row is looked up once, as before.
ALTER TABLE import_job ADD CONSTRAINT import_job_own_key UNIQUE (id, oc);
ALTER TABLE import_payload
	DROP CONSTRAINT import_payload_job_fkey,
	ADD CONSTRAINT import_payload_job_fkey FOREIGN KEY (job, oc) REFERENCES import_job (id, oc) ON DELETE CASCADE;
ALTER TABLE import_record
	DROP CONSTRAINT import_record_job_fkey,
	ADD CONSTRAINT import_record_job_fkey FOREIGN KEY (job, oc) REFERENCES import_job (id, oc) ON DELETE CASCADE;
ALTER TABLE import_log
	DROP CONSTRAINT import_log_job_fkey,
	ADD CONSTRAINT import_log_job_fkey FOREIGN KEY (job, oc) REFERENCES import_job (id, oc) ON DELETE CASCADE;
ALTER TABLE import_reply
	DROP CONSTRAINT import_reply_job_fkey,
	ADD CONSTRAINT import_reply_job_fkey FOREIGN KEY (job, oc) REFERENCES import_job (id, oc) ON DELETE CASCADE;
ALTER TABLE idempotency_key
	DROP CONSTRAINT idempotency_key_job_fkey,
	ADD CONSTRAINT idempotency_key_job_fkey FOREIGN KEY (job, oc) REFERENCES import_job (id, oc) ON DELETE CASCADE;

RESET ROLE;

-- +goose Down
ALTER POLICY event_api_insert ON event WITH CHECK (oc = tenant());
ALTER TABLE idempotency_key
	DROP CONSTRAINT idempotency_key_job_fkey,
	ADD CONSTRAINT idempotency_key_job_fkey FOREIGN KEY (job) REFERENCES import_job ON DELETE CASCADE;
ALTER TABLE import_reply
	DROP CONSTRAINT import_reply_job_fkey,
	ADD CONSTRAINT import_reply_job_fkey FOREIGN KEY (job) REFERENCES import_job ON DELETE CASCADE;
ALTER TABLE import_log
	DROP CONSTRAINT import_log_job_fkey,
	ADD CONSTRAINT import_log_job_fkey FOREIGN KEY (job) REFERENCES import_job ON DELETE CASCADE;
ALTER TABLE import_record
	DROP CONSTRAINT import_record_job_fkey,
	ADD CONSTRAINT import_record_job_fkey FOREIGN KEY (job) REFERENCES import_job ON DELETE CASCADE;
ALTER TABLE import_payload
	DROP CONSTRAINT import_payload_job_fkey,
	ADD CONSTRAINT import_payload_job_fkey FOREIGN KEY (job) REFERENCES import_job ON DELETE CASCADE;
ALTER TABLE import_job DROP CONSTRAINT import_job_own_key;

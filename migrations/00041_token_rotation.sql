-- A token that is rotated lives on for a while beside its successor.

-- +goose Up
ALTER TABLE token ADD COLUMN replaces uuid REFERENCES token;
-- How long it was made for, whatever it was then cut to; NULL has no end.
ALTER TABLE token ADD COLUMN life interval;
UPDATE token SET life = expires_at - created_at;
CREATE INDEX token_replaces_idx ON token (replaces);

-- +goose Down
ALTER TABLE token DROP COLUMN replaces, DROP COLUMN life;

// Package migrations holds the schema of the database, as goose migrations
// that run in the order of their numbers, one transaction each.
package migrations

import "embed"

// FS holds the migrations.
//
//go:embed *.sql
var FS embed.FS

// Package openapi holds the description of the HTTP surface, which a go:embed
// in another folder could not reach.
package openapi

import _ "embed"

// YAML is openapi.yaml.
//
//go:embed openapi.yaml
var YAML []byte

package api

import (
	"strconv"
	"strings"

	"sillon/service"
)

// codingFor picks the coding of a tile by what a client accepts (RFC 9110
// §12.5.3), the smaller one if it takes several as gladly. Who accepts nothing
// that there is gets the bytes as they are.
func codingFor(accept string) service.Coding {
	if accept == "" {
		return service.Identity
	}
	weights := [...]float64{service.Identity: -1, service.Gzip: -1, service.Zstd: -1} // -1 is not told
	others := -1.0
	for part := range strings.SplitSeq(accept, ",") {
		name, params, _ := strings.Cut(part, ";")
		weight := weightOf(params)
		switch name = strings.TrimSpace(name); {
		case name == "*":
			others = weight
		case strings.EqualFold(name, "gzip"), strings.EqualFold(name, "x-gzip"):
			weights[service.Gzip] = max(weights[service.Gzip], weight)
		case strings.EqualFold(name, "zstd"):
			weights[service.Zstd] = weight
		case strings.EqualFold(name, "identity"):
			weights[service.Identity] = weight
		}
	}
	best, most := service.Identity, weights[service.Identity]
	for _, c := range []service.Coding{service.Zstd, service.Gzip} {
		if weights[c] < 0 {
			weights[c] = others
		}
		if w := weights[c]; w > 0 && (w > most || best == service.Identity && w == most) {
			best, most = c, w
		}
	}
	return best
}

// weightOf reads a weight as in ";q=0.5": 1 when there is none, 0 when it cannot
// be read.
func weightOf(params string) float64 {
	if params == "" {
		return 1
	}
	name, value, _ := strings.Cut(strings.TrimSpace(params), "=")
	if !strings.EqualFold(strings.TrimSpace(name), "q") {
		return 1
	}
	weight, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !(weight >= 0 && weight <= 1) {
		return 0
	}
	return weight
}

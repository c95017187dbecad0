package tiles

import (
	"bytes"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// A Coding is a manner of compressing a tile.
type Coding uint8

// The codings.
const (
	Identity Coding = iota
	Gzip
	Zstd
)

// tag is the ETag that a tile has in the coding: another coding is another
// representation.
func (c Coding) tag(tag string) string {
	switch c {
	case Gzip:
		return `"` + tag + `-gz"`
	case Zstd:
		return `"` + tag + `-zs"`
	case Identity:
	}
	return `"` + tag + `"`
}

// gzipCompressors and zstdCompressors are kept for reuse: they hold more memory than a tile.
var gzipCompressors = sync.Pool{New: func() any {
	w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // BestSpeed is a level
	return w
}}

func compressGzip(b []byte) []byte {
	var out bytes.Buffer
	out.Grow(len(b)/2 + 64)
	w := gzipCompressors.Get().(*gzip.Writer)
	defer gzipCompressors.Put(w)
	w.Reset(&out)
	// A bytes.Buffer takes all it is given.
	_, _ = w.Write(b)
	_ = w.Close()
	return bytes.Clone(out.Bytes())
}

var zstdCompressors = sync.Pool{New: func() any {
	w, _ := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1)) // these are options
	return w
}}

func compressZstd(b []byte) []byte {
	w := zstdCompressors.Get().(*zstd.Encoder)
	defer zstdCompressors.Put(w)
	return bytes.Clone(w.EncodeAll(b, make([]byte, 0, len(b)/2+64)))
}

// Command bare serves one body at every path with nothing but net/http: the
// ceiling of what a Go server on this machine can do with so many bytes.
//
//	bare ADDRESS FILE
//
// FILE is gzip. Its ETag is fixed, so that it answers 304 too.
package main

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

const etag = `"bare"`

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bare:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 2 {
		return fmt.Errorf("want an address and a file, not %d arguments", len(args))
	}
	body, err := os.ReadFile(args[1])
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", args[0]) //nolint:noctx // it ends with the process
	if err != nil {
		return err
	}
	server := &http.Server{Handler: handler(body), ReadHeaderTimeout: 10 * time.Second}
	return server.Serve(l)
}

func handler(body []byte) http.HandlerFunc {
	length := strconv.Itoa(len(body))
	return func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("ETag", etag)
		if r.Header.Get("If-None-Match") == etag {
			w.WriteHeader(http.StatusNotModified)
			return
		}
		h.Set("Content-Type", "application/vnd.mapbox-vector-tile")
		h.Set("Content-Encoding", "gzip")
		h.Set("Content-Length", length)
		_, _ = w.Write(body)
	}
}

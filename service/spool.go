package service

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"os"

	"sillon/store"
)

const (
	spoolInMemory = 1 << 20   // a body up to this size never touches the disk
	spoolPiece    = 512 << 10 // of a stored payload
)

// A spool keeps a body while it is read, in memory while it is small, else in
// a file that has no name any more, so that nothing is left of it whatever
// happens.
type spool struct {
	dir    string
	memory []byte
	file   *os.File
	size   int64
	digest hash.Hash // of the body without its byte order mark
}

func newSpool(dir string) *spool { return &spool{dir: dir, digest: sha256.New()} }

// Write adds b to the spool.
func (s *spool) Write(b []byte) (int, error) {
	if s.size == 0 {
		s.digest.Write(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))) // a scan's first chunk holds a whole mark
	} else {
		s.digest.Write(b)
	}
	s.size += int64(len(b))
	if s.file == nil {
		if s.size <= spoolInMemory {
			s.memory = append(s.memory, b...)
			return len(b), nil
		}
		if err := s.spill(); err != nil {
			return 0, err
		}
	}
	return s.file.Write(b)
}

func (s *spool) spill() error {
	f, err := os.CreateTemp(s.dir, "sillon-push-*")
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	s.file = f
	if err := os.Remove(f.Name()); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	_, err = f.Write(s.memory)
	s.memory = nil
	return err
}

// at returns the bytes [start, start+length), in buf when it is large enough.
// They are valid until the next call with the same buf.
func (s *spool) at(start, length int64, buf []byte) ([]byte, error) {
	if s.file == nil {
		return s.memory[start : start+length], nil
	}
	if int64(cap(buf)) < length {
		buf = make([]byte, length)
	}
	buf = buf[:length]
	if _, err := s.file.ReadAt(buf, start); err != nil {
		return nil, fmt.Errorf("spool at %d: %w", start, err)
	}
	return buf, nil
}

// pieces yields the whole spool for the store.
func (s *spool) pieces() func() (store.Piece, bool, error) {
	var start int64
	buf := make([]byte, spoolPiece)
	return func() (store.Piece, bool, error) {
		if start >= s.size {
			return store.Piece{}, false, nil
		}
		b, err := s.at(start, min(spoolPiece, s.size-start), buf)
		p := store.Piece{Start: start, Data: b}
		start += int64(len(b))
		return p, err == nil, err
	}
}

// Close frees what the spool holds.
func (s *spool) Close() error {
	if s.file == nil {
		return nil
	}
	return s.file.Close()
}

var _ io.WriteCloser = (*spool)(nil)

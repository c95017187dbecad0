package main

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// shortestSecret is the least length of the secret, in bytes.
const shortestSecret = 32

// secret returns the secret of the service: the one configured, as it must be
// with a database of one's own, else that of the private database, made on the
// first need.
func (e *environment) secret() ([]byte, error) {
	if e.Secret != nil {
		return []byte(*e.Secret), nil // checked
	}
	path := filepath.Join(e.DataDir, "secret")
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeSecret(path); err != nil {
			return nil, fmt.Errorf("make %s: %w", path, err)
		}
		b, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, fmt.Errorf("secret of the service: %w", err)
	}
	text := strings.TrimSpace(string(b))
	if len(text) < shortestSecret { // S18
		return nil, fmt.Errorf("%s is shorter than %d bytes: what was encrypted with it is lost; remove the file to make another", path, shortestSecret)
	}
	return []byte(text), nil
}

// makeSecret writes a random secret, whole or not at all. One that another
// process wrote meanwhile stays.
func makeSecret(path string) error {
	random := make([]byte, 32)
	_, _ = rand.Read(random)                                // never fails
	f, err := os.CreateTemp(filepath.Dir(path), "secret-*") // 0600
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }()
	_, err = f.WriteString(base64.StdEncoding.EncodeToString(random) + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}

package service

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// A sealer encrypts what the database keeps and must not be able to use alone:
// AES-256-GCM under a key made from the secret of the service. With another
// secret, what was sealed is lost.
type sealer struct{ aead cipher.AEAD }

// sealVersion is the first byte of what is sealed.
const sealVersion = 1

func newSealer(secret []byte) (*sealer, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, "sillon webhook secrets", 32)
	if err != nil {
		return nil, fmt.Errorf("sealing key: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("sealing cipher: %w", err)
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, fmt.Errorf("sealing cipher: %w", err)
	}
	return &sealer{aead}, nil
}

// seal encrypts plain for a place: it opens nowhere else.
func (s *sealer) seal(plain []byte, place string) []byte {
	return s.aead.Seal([]byte{sealVersion}, nil, plain, []byte(place))
}

func (s *sealer) open(sealed []byte, place string) ([]byte, error) {
	if len(sealed) == 0 || sealed[0] != sealVersion {
		return nil, errors.New("not sealed by this version")
	}
	plain, err := s.aead.Open(nil, nil, sealed[1:], []byte(place))
	if err != nil {
		return nil, errors.New("sealed with another secret, or for another place")
	}
	return plain, nil
}

// newWebhookSecret is 32 random bytes.
func newWebhookSecret() []byte {
	b := make([]byte, 32)
	_, _ = rand.Read(b) // never fails
	return b
}

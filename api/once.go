package api

import (
	"crypto/sha256"

	"github.com/labstack/echo/v4"

	"sillon/service"
)

// contentKey holds the digest of the body of a request, once it was read.
const contentKey = "content"

// once reads the idempotency key of a request that creates, and how it is
// answered without secrets: what created makes of it is kept for 24 hours.
func once[T any](c echo.Context, created func(T) (service.Told, any)) (*service.Once[T], error) {
	key, err := idempotencyKey(c.Request().Header)
	if err != nil {
		return nil, err
	}
	return &service.Once[T]{
		Key: key,
		Content: func() []byte {
			h := sha256.New()
			// A hash takes everything. A zero byte is in no address.
			_, _ = h.Write([]byte(c.Request().Method + " " + c.Request().URL.RequestURI() + "\x00"))
			body, _ := c.Get(contentKey).([]byte)
			_, _ = h.Write(body)
			return h.Sum(nil)
		},
		Answer: func(v T) service.Told {
			told, body := created(v)
			told.Body, _ = marshal(body) // texts and numbers: it cannot fail
			return told
		},
	}, nil
}

// replay answers as the first time, but for a secret.
func replay(c echo.Context, t *service.Told) error {
	h := c.Response().Header()
	h.Set("Idempotent-Replayed", "true")
	if t.Location != "" {
		h.Set(echo.HeaderLocation, t.Location)
	}
	if t.ETag != "" {
		h.Set("ETag", t.ETag)
	}
	return c.JSONBlob(t.Status, t.Body)
}

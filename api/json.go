package api

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

// plainJSON writes JSON as the system in service does: text as it is, without
// the escapes that HTML would need, and no line break at the end.
type plainJSON struct{}

// Serialize writes v as the body.
func (plainJSON) Serialize(c echo.Context, v any, _ string) error {
	b, err := marshal(v)
	if err != nil {
		return err
	}
	_, err = c.Response().Write(b)
	return err
}

// Deserialize refuses: bodies are decoded by their handlers.
func (plainJSON) Deserialize(echo.Context, any) error { return sillon.ErrInvalidRequest }

// marshal is json.Marshal for plainJSON.
func marshal(v any) ([]byte, error) {
	var buf bytes.Buffer
	e := json.NewEncoder(&buf)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode reply: %w", err)
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

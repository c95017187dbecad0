package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

const actorKey = "actor"

// identify gives the request the id that logs, errors and jobs know it by.
func (s *Server) identify(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		c.Response().Header().Set(echo.HeaderXRequestID, uuid.NewString())
		return next(c)
	}
}

func requestID(c echo.Context) string { return c.Response().Header().Get(echo.HeaderXRequestID) }

// slowTile is how long a tile may take before it is worth a line of its own.
const slowTile = 100 * time.Millisecond

// logged writes one line per request: ids alone, no personal data. A tile that
// went well is told to who debugs: metrics count it, and a line costs as much
// as all the rest of a tile that is kept.
func (s *Server) logged(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		begin := time.Now()
		err := next(c)
		if err != nil {
			c.Error(err)
		}
		a := actor(c)
		s.traced(c, err)
		s.observed(c, err, time.Since(begin))
		level := slog.LevelInfo
		if err == nil && c.Response().Status < http.StatusBadRequest && time.Since(begin) < slowTile && strings.HasPrefix(c.Path(), "/tiles/") {
			level = slog.LevelDebug
		}
		s.opts.Log.LogAttrs(c.Request().Context(), level, "request",
			slog.String("request", requestID(c)), slog.String("method", c.Request().Method), slog.String("route", c.Path()),
			slog.Int("status", c.Response().Status), slog.Int64("bytes", c.Response().Size),
			slog.Int64("ms", time.Since(begin).Milliseconds()), slog.String("actor", a.ID))
		if err != nil && c.Response().Committed && c.Response().Status < http.StatusBadRequest {
			panic(http.ErrAbortHandler) // a body that broke off must not look whole
		}
		return nil
	}
}

// recovered turns a panic into a failure.
func (s *Server) recovered(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = sillon.ErrInternal.Because(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			}
		}()
		return next(c)
	}
}

// authenticated finds who asks by the Authorization header, raw or Bearer
// (certifier-exchange.md §1.1).
func (s *Server) authenticated(next echo.HandlerFunc) echo.HandlerFunc {
	return func(c echo.Context) error {
		a, err := s.authenticate(c)
		if err != nil {
			if errors.Is(err, sillon.ErrBadCredentials) {
				s.blamed(c)
			}
			return err
		}
		c.Set(actorKey, a)
		c.Response().Header().Set("X-Api-Version", s.opts.Version)
		c.Response().Header().Set(echo.HeaderCacheControl, "private, no-store")
		return s.metered(c, a, next)
	}
}

// perhapsKnown is authenticated for who sends an Authorization header, and
// leaves it at everybody for who does not.
func (s *Server) perhapsKnown(next echo.HandlerFunc) echo.HandlerFunc {
	known := s.authenticated(next)
	return func(c echo.Context) error {
		if asked(c) {
			return known(c)
		}
		err := next(c)
		if errors.Is(err, sillon.ErrForbidden) {
			return sillon.ErrNoCredentials // with some, it may be
		}
		return err
	}
}

// authenticate finds the actor of the token in the Authorization header.
func (s *Server) authenticate(c echo.Context) (sillon.Actor, error) {
	token := strings.TrimSpace(c.Request().Header.Get(echo.HeaderAuthorization))
	if scheme, rest, ok := strings.Cut(token, " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(rest)
	}
	if token == "" || strings.EqualFold(token, "Bearer") {
		return sillon.Actor{}, sillon.ErrNoCredentials
	}
	if err := s.unblocked(c); err != nil {
		return sillon.Actor{}, err
	}
	return s.service.Authenticate(c.Request().Context(), token)
}

func actor(c echo.Context) sillon.Actor {
	a, _ := c.Get(actorKey).(sillon.Actor)
	return a
}

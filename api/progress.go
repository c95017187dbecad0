package api

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// The data of the events of a job.
type (
	progressState struct {
		JobID  int64  `json:"jobId"`
		Statut string `json:"statut"`
	}
	progressCount struct {
		Traites int `json:"traites"`
		Total   int `json:"total"`
		Refuses int `json:"refuses"`
	}
	progressIssue struct {
		Type string `json:"type"`
		jobProblem
	}
	progressEnd struct {
		JobID  int64  `json:"jobId"`
		Statut string `json:"statut"`
		jobCounts
		Message string `json:"message,omitempty"` // of a job in error
		Ended   string `json:"ended"`
	}
)

// importEvents handles GET /api/v3/imports/{jobId}/evenements.
func (s *Server) importEvents(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("jobId"), 10, 64)
	if err != nil {
		return sillon.ErrNoJob
	}
	if _, err := query(c); err != nil {
		return err
	}
	mark, err := service.ParseProgressMark(c.Request().Header.Get("Last-Event-ID"))
	if err != nil {
		return err
	}
	out := eventStream{c: c, control: http.NewResponseController(c.Response())}
	defer out.end()
	err = s.service.FollowImport(c.Request().Context(), actor(c), id, mark, func(e service.ProgressEvent) error {
		if e.Kind != service.ProgressIdle {
			name, data := progressJSON(e)
			return out.event(e.Mark.String(), name, data)
		}
		// A token that was revoked meanwhile ends what it began.
		if out.begun {
			if _, err := s.authenticate(c); err != nil {
				return errStreamOver
			}
		}
		return out.comment("suivi")
	})
	switch {
	case errors.Is(err, errStreamOver):
		return nil
	case err == nil && !out.begun:
		return c.NoContent(http.StatusNoContent) // which tells an EventSource not to come back
	}
	return err
}

func progressJSON(e service.ProgressEvent) (name string, data any) {
	job := e.Job
	switch e.Kind {
	case service.ProgressState:
		return "etat", progressState{job.ID, job.State}
	case service.ProgressCount:
		return "avancement", progressCount{job.Done, job.Received, job.DoneRefused}
	case service.ProgressIssue:
		kind := "error"
		if e.Issue.Severity == sillon.SeverityWarning {
			kind = "warning"
		}
		return "probleme", progressIssue{kind, jobProblem{
			NumeroBio: e.Issue.NumeroBio, Message: e.Issue.Message, Code: e.Issue.Code, ParcelleID: e.Issue.ParcelleID, Indice: e.Issue.Index,
		}}
	case service.ProgressEnd:
		return "fin", progressEnd{
			JobID: job.ID, Statut: job.State,
			jobCounts: jobCounts{NbObjetsRecus: job.Received, NbObjetsAcceptes: job.Accepted, NbObjetsRefuses: job.Refused},
			Message:   job.Error, Ended: stamp(job.EndedAt),
		}
	case service.ProgressIdle:
	}
	return "", nil
}

// errStreamOver ends a stream whose reader is gone, or is no longer welcome.
var errStreamOver = errors.New("the stream is over")

// writePatience is how long a reader may take to take what it is sent.
const writePatience = 5 * time.Second

// An eventStream writes Server-Sent Events (HTML §9.2), each at once.
type eventStream struct {
	c       echo.Context
	control *http.ResponseController
	begun   bool
}

// event sends an event; data becomes JSON, which has no line break.
func (s *eventStream) event(id, name string, data any) error {
	b, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("event %s: %w", name, err)
	}
	return s.write(fmt.Sprintf("id: %s\nevent: %s\ndata: %s\n\n", id, name, b))
}

// comment sends what no reader sees, so that nobody between takes the
// connection for dead.
func (s *eventStream) comment(text string) error { return s.write(": " + text + "\n\n") }

func (s *eventStream) write(text string) error {
	// A writer that knows no deadline is one of a test, which does not block.
	_ = s.control.SetWriteDeadline(time.Now().Add(writePatience))
	if !s.begun {
		s.begun = true
		h := s.c.Response().Header()
		h.Set(echo.HeaderContentType, "text/event-stream; charset=utf-8")
		h.Set("X-Accel-Buffering", "no") // a proxy must hand on each event as it comes
		s.c.Response().WriteHeader(http.StatusOK)
		text = "retry: 2000\n" + text
	}
	if _, err := s.c.Response().Write([]byte(text)); err != nil {
		return errStreamOver
	}
	if err := s.control.Flush(); err != nil {
		return errStreamOver
	}
	return nil
}

// end gives the connection back as it was.
func (s *eventStream) end() { _ = s.control.SetWriteDeadline(time.Time{}) }

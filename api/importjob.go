package api

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"

	"sillon/service"
	"sillon/sillon"
)

// instant is how the exchange writes instants: UTC, milliseconds.
const instant = "2006-01-02T15:04:05.000Z07:00"

// pendingJob is a job that has not ended (certifier-exchange.md §6.3).
type pendingJob struct {
	Status  string `json:"status"`
	Created string `json:"created"`
}

type doneJob struct {
	Status string `json:"status"`
	jobCounts
	Result jobResult `json:"result"`
	Ended  string    `json:"ended"`
}

type failedJob struct {
	Status string   `json:"status"`
	Error  jobError `json:"error"`
	jobCounts
	Result jobResult `json:"result"`
	Ended  string    `json:"ended"`
}

type jobError struct {
	Name    string `json:"name"`
	Message string `json:"message"`
}

type jobCounts struct {
	NbObjetsRecus    int `json:"nbObjetsRecus"`
	NbObjetsAcceptes int `json:"nbObjetsAcceptes"`
	NbObjetsRefuses  int `json:"nbObjetsRefuses"`
}

type jobResult struct {
	Count          int                `json:"count"`
	Errors         []jobProblem       `json:"errors"`
	Warning        []jobWarnings      `json:"warning"` // in the singular: Contract
	NumeroBioValid []jobRecord        `json:"numeroBioValid"`
	NumeroBioError []sillon.NumeroBio `json:"numeroBioError"`
}

type jobProblem struct {
	NumeroBio  string `json:"numeroBio,omitempty"`
	Message    string `json:"message"`
	Code       string `json:"code"`
	ParcelleID string `json:"parcelleId,omitempty"`
	Indice     *int   `json:"indice,omitempty"`
}

// jobWarnings is a pair: a farm number, and the warnings of its record.
type jobWarnings [2]any

type jobRecord struct {
	NumeroBio   string `json:"numeroBio"`
	NbParcelles int    `json:"nbParcelles"`
}

// importJob handles GET /api/v3/import/jobs/{id}.
func (s *Server) importJob(c echo.Context) error {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil {
		return sillon.ErrNoJob
	}
	job, err := s.service.Import(c.Request().Context(), actor(c), id)
	if err != nil {
		return err
	}
	return c.JSON(http.StatusOK, jobJSON(job))
}

func jobJSON(j *service.ImportView) any {
	if j.EndedAt == nil {
		return pendingJob{Status: "PENDING", Created: stamp(&j.CreatedAt)}
	}
	counts := jobCounts{NbObjetsRecus: j.Received, NbObjetsAcceptes: j.Accepted, NbObjetsRefuses: j.Refused}
	ended := stamp(j.EndedAt)
	if j.State == "ERROR" {
		return failedJob{Status: "ERROR", Error: jobError{"Error", j.Error}, jobCounts: counts, Result: jobResultJSON(j), Ended: ended}
	}
	return doneJob{Status: "DONE", jobCounts: counts, Result: jobResultJSON(j), Ended: ended}
}

// jobResultJSON groups the log of a job: errors one by one, warnings in one
// pair per record.
func jobResultJSON(j *service.ImportView) jobResult {
	r := jobResult{
		Count: j.Received, Errors: []jobProblem{}, Warning: []jobWarnings{}, NumeroBioValid: []jobRecord{}, NumeroBioError: []sillon.NumeroBio{},
	}
	for _, record := range j.Records {
		if record.Refused {
			r.NumeroBioError = append(r.NumeroBioError, sillon.NumeroBio(record.NumeroBio))
			continue
		}
		r.NumeroBioValid = append(r.NumeroBioValid, jobRecord{record.NumeroBio, record.Parcels})
	}
	last := -1
	for _, l := range j.Issues {
		p := jobProblem{
			NumeroBio: l.Issue.NumeroBio, Message: l.Issue.Message, Code: l.Issue.Code, ParcelleID: l.Issue.ParcelleID, Indice: l.Issue.Index,
		}
		switch {
		case l.Issue.Severity == sillon.SeverityError:
			r.Errors = append(r.Errors, p)
		case l.Rank == last:
			pair := &r.Warning[len(r.Warning)-1]
			pair[1] = append(pair[1].([]jobProblem), p)
		default:
			r.Warning, last = append(r.Warning, jobWarnings{p.NumeroBio, []jobProblem{p}}), l.Rank
		}
	}
	return r
}

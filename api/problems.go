package api

import (
	_ "embed"
	"fmt"
	"html/template"
	"sync"

	"github.com/labstack/echo/v4"

	"sillon/sillon"
)

//go:embed problems.html
var problemsTemplate string

// problemsPage is the page of a code, or of all when it has none.
type problemsPage struct {
	Style    template.CSS // ours
	Families []problemsFamily
	Problem  *problemsOf
}

type problemsFamily struct {
	Name     sillon.ProblemFamily
	Problems []sillon.Problem
}

type problemsOf struct {
	sillon.Problem
	Status int // 0 for what is no failure of a request
}

// problemsOnce makes the pages when one is first asked for; "" is that of all.
var problemsOnce = sync.OnceValues(makeProblems)

// problems handles GET /problemes and GET /problemes/{code}, where the type of
// a problem leads (RFC 9457).
func (s *Server) problems(c echo.Context) error {
	pages, err := problemsOnce()
	if err != nil {
		return err
	}
	page, ok := pages[c.Param("code")]
	if !ok || c.Path() != problemsPath && c.Param("code") == "" {
		return sillon.ErrNotFound
	}
	return page.send(c)
}

const problemsPath = "/problemes"

func makeProblems() (map[string]*finishedPage, error) {
	t, err := template.New("problems").Funcs(template.FuncMap{"text": richText}).Parse(problemsTemplate)
	if err != nil {
		return nil, fmt.Errorf("pages of problems: %w", err)
	}
	page := problemsPage{Style: template.CSS(docsStyle)} //nolint:gosec // ours
	for _, name := range sillon.ProblemFamilies {
		family := problemsFamily{Name: name}
		for _, p := range sillon.Problems {
			if p.Family == name {
				family.Problems = append(family.Problems, p)
			}
		}
		page.Families = append(page.Families, family)
	}
	pages := make(map[string]*finishedPage, 1+len(sillon.Problems))
	if pages[""], err = finish(t, page); err != nil {
		return nil, err
	}
	for _, p := range sillon.Problems {
		of := problemsOf{Problem: p}
		if p.Family == sillon.FamilyRequest {
			of.Status = statusOf[p.Kind]
		}
		page.Problem = &of
		if pages[p.Code], err = finish(t, page); err != nil {
			return nil, err
		}
	}
	return pages, nil
}

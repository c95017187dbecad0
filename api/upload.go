package api

import (
	"errors"
	"io"
	"mime/multipart"

	"github.com/klauspost/compress/gzip"

	"sillon/sillon"
)

// A formFile is the file of a form, found when it is first read.
type formFile struct {
	form *multipart.Reader
	name string
	part *multipart.Part
}

// Read fails with sillon.ErrInvalidRequest when the form has no such file.
func (f *formFile) Read(b []byte) (int, error) {
	for f.part == nil {
		part, err := f.form.NextPart()
		if errors.Is(err, io.EOF) {
			return 0, sillon.ErrInvalidRequest.Saying("Le formulaire n'a pas de fichier « " + f.name + " ».")
		}
		if err != nil {
			return 0, sillon.ErrInvalidRequest.Saying("Le formulaire est illisible.").Because(err)
		}
		if part.FormName() == f.name {
			f.part = part
		}
	}
	return f.part.Read(b)
}

// A lazyGzip inflates once it is read, so that who may not send waits for
// nothing.
type lazyGzip struct {
	from io.Reader
	gzip *gzip.Reader
	err  error // for good
}

// Read fails with sillon.ErrInvalidRequest for what is not compressed.
func (l *lazyGzip) Read(b []byte) (n int, err error) {
	if l.gzip == nil && l.err == nil {
		l.gzip, l.err = gzip.NewReader(l.from)
	}
	if l.err == nil {
		n, l.err = l.gzip.Read(b)
	}
	if l.err == nil || errors.Is(l.err, io.EOF) {
		return n, l.err
	}
	return n, sillon.ErrInvalidRequest.Saying("La compression gzip est illisible.").Because(l.err)
}

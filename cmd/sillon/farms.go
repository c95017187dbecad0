package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"sillon/service"
)

type farmsCommand struct {
	Import farmsImport `cmd:"" help:"Store farms and their certifiers, all or nothing."`
}

type farmsImport struct {
	File string `arg:"" help:"CSV, or the JSON of Agence BIO's open directory; - is standard input."`
}

// Run stores the farms of a file.
func (c farmsImport) Run(ctx context.Context, env *environment) error {
	file, err := openFile(c.File)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	return env.withService(ctx, func(svc *service.Service) error {
		n, warnings, err := svc.ImportFarms(ctx, file)
		for _, w := range warnings {
			_, _ = fmt.Fprintf(env.stderr, "%s : %s (%s)\n", w.Path, w.Message, w.Code)
		}
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(env.stdout, "%d exploitations enregistrées\n", n)
		return err
	})
}

func openFile(name string) (io.ReadCloser, error) {
	if name == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	return os.Open(name)
}

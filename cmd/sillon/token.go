package main

import (
	"context"
	"errors"
	"fmt"
	"text/tabwriter"
	"time"

	"sillon/service"
	"sillon/sillon"
)

type tokenCommand struct {
	Create tokenCreate `cmd:"" help:"Make a service token and print it, once."`
	Rotate tokenRotate `cmd:"" help:"Make the successor of a token and print it, once."`
	Revoke tokenRevoke `cmd:"" help:"End a token at once."`
	List   tokenList   `cmd:"" help:"List the tokens."`
}

type tokenCreate struct {
	Role      string        `help:"oc_service, agence_bio, inao or asp; needed."`
	Certifier int32         `help:"Id of the certifier, for oc_service."`
	Label     string        `help:"What the token is for."`
	Expires   time.Duration `help:"Life of the token, as in 720h (default: no end)."`
}

func (c tokenCreate) check(f *faults) {
	var role sillon.Roles
	// kong would refuse a missing flag alone, and leave the other faults for
	// the next try.
	if c.Role == "" {
		f.add("role", "needed: oc_service, agence_bio, inao or asp")
	} else if err := role.UnmarshalText([]byte(c.Role)); err != nil || role&sillon.MachineRoles == 0 {
		f.add("role", "%q is not oc_service, agence_bio, inao or asp", c.Role)
	}
	switch {
	case role == sillon.RoleOCService && c.Certifier <= 0:
		f.add("certifier", "needed for oc_service")
	case c.Role != "" && role != sillon.RoleOCService && c.Certifier != 0:
		f.add("certifier", "only for oc_service")
	}
	if c.Expires < 0 {
		f.add("expires", "negative")
	}
}

// Run makes a token. Its text alone goes to standard output.
func (c tokenCreate) Run(ctx context.Context, env *environment) error {
	var role sillon.Roles
	if err := role.UnmarshalText([]byte(c.Role)); err != nil {
		return err
	}
	return env.withService(ctx, func(svc *service.Service) error {
		text, t, err := svc.CreateToken(ctx, service.NewToken{Role: role, OC: sillon.OC(c.Certifier), Label: c.Label, TTL: c.Expires})
		if errors.Is(err, sillon.ErrNotFound) {
			return fmt.Errorf("certifier %d is not known: import its farms first", c.Certifier)
		}
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.stderr, "Jeton %s… créé : il ne sera plus affiché.\n", t.Prefix)
		_, err = fmt.Fprintln(env.stdout, text)
		return err
	})
}

type tokenRotate struct {
	Token   string        `arg:"" help:"Id or prefix, as listed."`
	Overlap time.Duration `help:"How long the token lives on beside its successor." default:"24h"`
}

func (c tokenRotate) check(f *faults) {
	if c.Overlap < 0 || c.Overlap > 720*time.Hour {
		f.add("overlap", "%v is not from 0 to 720h", c.Overlap)
	}
}

// Run makes the successor of a token. Its text alone goes to standard output.
func (c tokenRotate) Run(ctx context.Context, env *environment) error {
	return env.withService(ctx, func(svc *service.Service) error {
		text, t, err := svc.RotateToken(ctx, sillon.System, service.Rotation{Token: c.Token, Overlap: c.Overlap})
		if err != nil {
			return err
		}
		_, _ = fmt.Fprintf(env.stderr, "Jeton %s… créé : il ne sera plus affiché. %s vaut encore %v.\n", t.Prefix, c.Token, c.Overlap)
		_, err = fmt.Fprintln(env.stdout, text)
		return err
	})
}

type tokenRevoke struct {
	Token string `arg:"" help:"Id or prefix, as listed."`
}

// Run ends a token.
func (c tokenRevoke) Run(ctx context.Context, env *environment) error {
	return env.withService(ctx, func(svc *service.Service) error { return svc.RevokeToken(ctx, c.Token) })
}

type tokenList struct{}

// Run lists the tokens.
func (tokenList) Run(ctx context.Context, env *environment) error {
	return env.withService(ctx, func(svc *service.Service) error {
		tokens, err := svc.Tokens(ctx)
		if err != nil {
			return err
		}
		w := tabwriter.NewWriter(env.stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(w, "préfixe\trôle\tcertificateur\tlibellé\tcréé\texpire\tdernier usage\tétat")
		for _, t := range tokens {
			oc := ""
			if t.OC != nil {
				oc = fmt.Sprint(*t.OC)
			}
			_, _ = fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", t.Prefix, t.Role, oc, t.Label,
				moment(&t.CreatedAt), moment(t.ExpiresAt), moment(t.LastUsedAt), stateNames[svc.TokenState(t)])
		}
		return w.Flush()
	})
}

var stateNames = map[sillon.TokenState]string{
	sillon.TokenLive: "actif", sillon.TokenReplaced: "remplacé", sillon.TokenExpired: "expiré", sillon.TokenRevoked: "révoqué",
}

func moment(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format(time.RFC3339)
}

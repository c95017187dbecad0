package upstream_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"strings"
	"testing"

	"sillon/upstream"
)

// names resolves two names, and no other.
func names(_ context.Context, _, host string) ([]netip.Addr, error) {
	switch host {
	case "certificateur.example":
		return []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("2620:fe::9")}, nil
	case "piege.example":
		return []netip.Addr{netip.MustParseAddr("9.9.9.9"), netip.MustParseAddr("10.0.0.1")}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
}

// TestGuardCheck is the table of server-side request forgery: what is not
// public is refused however it is written.
func TestGuardCheck(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address string
		want    error
	}{
		{"https://certificateur.example/hooks", nil},
		{"https://certificateur.example:8443/hooks?cle=1", nil},
		{"https://9.9.9.9/", nil},
		{"https://[2620:fe::9]/", nil},
		{"https://[64:ff9b::909:909]/", nil},
		{"https://inconnu.example/", nil}, // the connection will tell
		{"https://168.63.129.15/", nil},

		{"", upstream.ErrAddress},
		{"certificateur.example", upstream.ErrAddress},
		{"https:", upstream.ErrAddress},
		{"https://", upstream.ErrAddress},
		{"https:///hooks", upstream.ErrAddress},
		{"https://:443/", upstream.ErrAddress},
		{"https://certificateur.example:/", upstream.ErrAddress},
		{"https://certificateur.example:0/", upstream.ErrAddress},
		{"https://certificateur.example:65536/", upstream.ErrAddress},
		{"https://certificateur.example:https/", upstream.ErrAddress},
		{"https://moi:secret@certificateur.example/", upstream.ErrAddress},
		{"https://certificateur.example@127.0.0.1/", upstream.ErrAddress},
		{"https://certificateur.example/#ici", upstream.ErrAddress},
		{"https://certificateur.example/\r\nHost: x", upstream.ErrAddress},
		{"https://certificateur.example/" + strings.Repeat("a", 2000), upstream.ErrAddress},
		{"http://certificateur.example/", upstream.ErrScheme},
		{"ftp://certificateur.example/", upstream.ErrScheme},
		{"file://certificateur.example/etc/passwd", upstream.ErrScheme},
		{"gopher://certificateur.example/", upstream.ErrScheme},

		{"https://localhost/", upstream.ErrPrivate},
		{"https://LOCALHOST./", upstream.ErrPrivate},
		{"https://base/", upstream.ErrPrivate},
		{"https://a.localhost/", upstream.ErrPrivate},
		{"https://imprimante.local/", upstream.ErrPrivate},
		{"https://metadata.google.internal/", upstream.ErrPrivate},
		{"https://piege.example/", upstream.ErrPrivate},
		{"https://127.0.0.1/", upstream.ErrPrivate},
		{"https://127.1.2.3/", upstream.ErrPrivate},
		{"https://2130706433/", upstream.ErrPrivate},
		{"https://0x7f000001/", upstream.ErrPrivate},
		{"https://0.0.0.0/", upstream.ErrPrivate},
		{"https://10.1.2.3/", upstream.ErrPrivate},
		{"https://172.16.0.1/", upstream.ErrPrivate},
		{"https://172.31.255.255/", upstream.ErrPrivate},
		{"https://192.168.1.1/", upstream.ErrPrivate},
		{"https://100.64.0.1/", upstream.ErrPrivate},
		{"https://100.100.100.200/", upstream.ErrPrivate},
		{"https://169.254.169.254/latest/meta-data/", upstream.ErrPrivate},
		{"https://168.63.129.16/", upstream.ErrPrivate},
		{"https://192.0.0.192/", upstream.ErrPrivate},
		{"https://198.18.0.1/", upstream.ErrPrivate},
		{"https://203.0.113.1/", upstream.ErrPrivate},
		{"https://224.0.0.1/", upstream.ErrPrivate},
		{"https://255.255.255.255/", upstream.ErrPrivate},
		{"https://[::]/", upstream.ErrPrivate},
		{"https://[::1]/", upstream.ErrPrivate},
		{"https://[::127.0.0.1]/", upstream.ErrPrivate},
		{"https://[::ffff:127.0.0.1]/", upstream.ErrPrivate},
		{"https://[::ffff:a9fe:a9fe]/", upstream.ErrPrivate},
		{"https://[::ffff:0:127.0.0.1]/", upstream.ErrPrivate},
		{"https://[64:ff9b::127.0.0.1]/", upstream.ErrPrivate},
		{"https://[64:ff9b::a9fe:a9fe]/", upstream.ErrPrivate},
		{"https://[64:ff9b:1::9.9.9.9]/", upstream.ErrPrivate},
		{"https://[2002:7f00:1::]/", upstream.ErrPrivate},
		{"https://[2001:0:909:909::]/", upstream.ErrPrivate},
		{"https://[2001:db8::1]/", upstream.ErrPrivate},
		{"https://[fc00::1]/", upstream.ErrPrivate},
		{"https://[fd00:ec2::254]/", upstream.ErrPrivate},
		{"https://[fe80::1]/", upstream.ErrPrivate},
		{"https://[fe80::1%25eth0]/", upstream.ErrPrivate},
		{"https://[2620:fe::9%25eth0]/", upstream.ErrPrivate},
		{"https://[ff02::1]/", upstream.ErrPrivate},
		{"https://[fec0::1]/", upstream.ErrPrivate},
	}
	guard := upstream.Guard{Lookup: names}
	for _, tt := range tests {
		if err := guard.Check(t.Context(), tt.address); !errors.Is(err, tt.want) {
			t.Errorf("Check(%q) = %v, want %v", tt.address, err, tt.want)
		}
	}
	for address, guard := range map[string]upstream.Guard{
		"http://certificateur.example/": {Lookup: names, AllowHTTP: true},
		"https://127.0.0.1/":            {AllowPrivate: true},
		"http://localhost:8080/":        {AllowPrivate: true, AllowHTTP: true},
	} {
		if err := guard.Check(t.Context(), address); err != nil {
			t.Errorf("Check(%q), allowed: %v", address, err)
		}
	}
	if err := (upstream.Guard{AllowPrivate: true, AllowHTTP: true}).Check(t.Context(), "ftp://localhost/"); !errors.Is(err, upstream.ErrScheme) {
		t.Errorf("another scheme, all allowed: %v", err)
	}
}

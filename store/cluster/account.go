package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
)

const rootUID = 0

// An account is the system user that the database runs as.
type account struct {
	uid, gid int
	name     string
	become   bool // we are root: the server refuses to be
}

// accountFor returns the account for a data directory of that owner: ourselves,
// or when we are root, the owner, or the system's own PostgreSQL user.
// No user is created and nobody is not used: it may be anybody's.
func accountFor(owner int) (account, error) {
	if uid := os.Geteuid(); uid != rootUID {
		return lookUp(user.LookupId(strconv.Itoa(uid)))
	}
	if owner != rootUID {
		return lookUp(user.LookupId(strconv.Itoa(owner)))
	}
	for _, name := range []string{"postgres", "_postgres"} {
		if u, err := user.Lookup(name); err == nil {
			return lookUp(u, nil)
		}
	}
	return account{}, errors.New("PostgreSQL does not run as root: create a user for it (useradd --system postgres), or run sillon as another user")
}

func lookUp(u *user.User, err error) (account, error) {
	if err != nil {
		return account{}, fmt.Errorf("user of the database: %w", err)
	}
	uid, err1 := strconv.Atoi(u.Uid)
	gid, err2 := strconv.Atoi(u.Gid)
	return account{uid: uid, gid: gid, name: u.Username, become: os.Geteuid() == rootUID}, errors.Join(err1, err2)
}

// command prepares a program that the account runs, in a session of its own so
// that Ctrl-C in a terminal reaches sillon only, which then stops it in order.
// Nothing of our environment reaches it: PG… variables would change what it does.
func (a account) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = "/" // ours may be closed to the account
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "LC_MESSAGES=C"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if a.become {
		cmd.SysProcAttr.Credential = &syscall.Credential{Uid: uint32(a.uid), Gid: uint32(a.gid)}
	}
	return cmd
}

// reaches tells whether the account can enter dir. Only an attempt tells: there
// may be access lists.
func (a account) reaches(ctx context.Context, dir string) bool {
	return !a.become || a.command(ctx, "/bin/sh", "-c", `cd -- "$1"`, "sh", dir).Run() == nil
}

// ownerOf returns the user that owns what info describes.
func ownerOf(info os.FileInfo) (uid, gid int) {
	st := info.Sys().(*syscall.Stat_t)
	return int(st.Uid), int(st.Gid)
}

package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"
)

// The locks of a data directory are held by open files, so that the system
// drops them when their process dies, however it dies. They are never removed.
const (
	upLock    = "lock"       // exclusive: the one Exclusive opener, its process in the file
	startLock = "start.lock" // exclusive: whoever starts, stops or judges the server
	usersLock = "users.lock" // shared: everyone who uses the server
)

// lock opens and locks a file. It returns
// syscall.EWOULDBLOCK when another holds the lock.
func (c *Cluster) lock(in *os.Root, name string, how int) (*os.File, error) {
	f, err := in.OpenFile(name, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(c.own(in, name), flock(f, how)); err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// flock locks an open file without waiting, or changes its lock.
func flock(f *os.File, how int) error {
	for {
		err := syscall.Flock(int(f.Fd()), how|syscall.LOCK_NB)
		if !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// exclude waits until nobody else starts or stops the server; the file it
// returns is to be closed to let them.
func (c *Cluster) exclude(ctx context.Context) (*os.File, error) {
	ticker := time.NewTicker(pause)
	defer ticker.Stop()
	for {
		f, err := c.lock(c.root, startLock, syscall.LOCK_EX)
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return f, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("wait for another start of %s: %w", c.dir, ctx.Err())
		case <-ticker.C:
		}
	}
}

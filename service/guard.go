package service

import (
	"fmt"
	"runtime/debug"

	"sillon/sillon"
)

// guarded is f with a panic turned into sillon.ErrInternal. Work that runs
// beside its request needs it: nothing else stands between a panic there and
// the end of the process, with everybody's requests.
func guarded(f func() error) func() error {
	return func() (err error) {
		defer func() {
			if v := recover(); v != nil {
				err = sillon.ErrInternal.Because(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
			}
		}()
		return f()
	}
}

package sandmill

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strings"
)

// Drop is the error of a function that drops its record on purpose. It is counted as dropped, not as failed.
var Drop = errors.New("dropped on purpose")

type retryable struct{ error }

func (r retryable) Unwrap() error { return r.error }

// Retryable says of an error that another attempt at the record may succeed: a service was busy, a limit on its rate was met.
func Retryable(err error) error {
	if err == nil {
		return nil
	}
	return retryable{err}
}

// A failure is why input record index failed.
type failure struct {
	index     uint32
	retryable bool
	message   string
}

func failed(index uint32, err error) failure {
	var again retryable
	return failure{index, errors.As(err, &again), strings.ToValidUTF8(err.Error(), "\uFFFD")}
}

// How many callers a message names.
const callersMax = 8

// panicked makes an error of what a function panicked with. It is called by the deferred function, while the stack is whole.
func panicked(reason any) error {
	pcs := make([]uintptr, 64)
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs)])
	var places []string
	for len(places) < callersMax {
		frame, more := frames.Next()
		if isOurs(frame.Function) {
			break
		}
		if frame.Function != "" && !strings.HasPrefix(frame.Function, "runtime.") {
			places = append(places, fmt.Sprintf("%s (%s:%d)", frame.Function, path.Base(frame.File), frame.Line))
		}
		if !more {
			break
		}
	}
	if len(places) == 0 {
		return fmt.Errorf("panic: %v", reason)
	}
	return fmt.Errorf("panic: %v at %s", reason, strings.Join(places, ", called from "))
}

// isOurs tells where the author's part of the stack ends.
func isOurs(function string) bool {
	return strings.HasPrefix(function, "sandmill.") && !strings.Contains(function, "_test.")
}

//go:build !wasip1

package sandmill

import (
	"fmt"
	"os"
)

// Natively, in a stage's tests, lines go to stderr.
func hostLog(level level, line string) {
	names := [...]string{"debug", "info", "warn", "error"}
	fmt.Fprintf(os.Stderr, "%s: %s\n", names[level], line)
}

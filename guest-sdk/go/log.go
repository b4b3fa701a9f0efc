package sandmill

import (
	"fmt"
	"strings"
)

type level uint32

const (
	debug level = iota
	info
	warn
	failing
)

// Debugf logs a line of use to the stage's author. What a program prints becomes a line, too.
func Debugf(format string, arguments ...any) { logf(debug, format, arguments) }

// Infof logs a line worth knowing.
func Infof(format string, arguments ...any) { logf(info, format, arguments) }

// Warnf logs that something is odd, and that the stage continued.
func Warnf(format string, arguments ...any) { logf(warn, format, arguments) }

// Errorf logs that something went wrong.
func Errorf(format string, arguments ...any) { logf(failing, format, arguments) }

func logf(level level, format string, arguments []any) {
	hostLog(level, strings.ToValidUTF8(fmt.Sprintf(format, arguments...), "\uFFFD"))
}

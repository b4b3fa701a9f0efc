// One record in, one record out: makes every line upper case. Change the function, keep the rest.
package main

import (
	"strings"

	"sandmill"
)

func shout(line string) (string, error) {
	return strings.ToUpper(line), nil
}

func main() { sandmill.Stage(shout) }

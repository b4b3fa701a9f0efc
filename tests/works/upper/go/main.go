package main

import (
	"bytes"

	"sandmill.dev/sandmill"
)

func upper(line []byte) ([]byte, error) {
	return bytes.ToUpper(line), nil
}

func main() { sandmill.Stage(upper) }

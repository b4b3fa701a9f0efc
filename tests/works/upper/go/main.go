package main

import (
	"bytes"

	"sandmill"
)

func upper(line []byte) ([]byte, error) {
	return bytes.ToUpper(line), nil
}

func main() { sandmill.Stage(upper) }

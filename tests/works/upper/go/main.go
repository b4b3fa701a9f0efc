package main

import (
	"sandmill"
	"sandmill/ascii"
)

func upper(line []byte) ([]byte, error) {
	return ascii.ToUpper(line), nil
}

func main() { sandmill.Stage(upper) }

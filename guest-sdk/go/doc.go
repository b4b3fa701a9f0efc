// Package sandmill makes a stage of a Sandmill pipeline out of one Go function.
//
//	package main
//
//	import (
//		"strings"
//
//		"sandmill"
//	)
//
//	func shout(line string) (string, error) {
//		return strings.ToUpper(line), nil
//	}
//
//	func main() { sandmill.Stage(shout) }
//
// Compiled to a WebAssembly component, it runs in a pool of isolated instances; compiled natively, go test tests it. README.md
// has every feature, with an example of each.
package sandmill

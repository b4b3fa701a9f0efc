// The stage under test whose records are text: the same in every language.
package main

import "sandmill"

type Config struct {
	Prefix string `json:"prefix"`
}

func hello(line string, config Config) (string, error) { return config.Prefix + line, nil }

func main() { sandmill.Configured(hello) }

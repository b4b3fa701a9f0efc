// A program that knows nothing of Sandmill, and asks the system for what each line says.
package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		what, name, _ := strings.Cut(lines.Text(), " ")
		fmt.Println(ask(what, name))
	}
}

func ask(what, name string) string {
	switch what {
	case "year":
		return time.Now().UTC().Format("2006")
	case "env":
		return os.Getenv(name)
	case "read":
		return read(name)
	case "write":
		if err := os.WriteFile(name, []byte("written\n"), 0o600); err != nil {
			return err.Error()
		}
		return "ok"
	case "random":
		numbers := make([]byte, 100_000)
		_, _ = rand.Read(numbers) // never fails
		return fmt.Sprint(bytes.Count(numbers, []byte{0}) < 1000)
	}
	return collect(name)
}

func read(name string) string {
	text, err := os.ReadFile(name)
	if err != nil {
		return err.Error()
	}
	return strings.TrimSpace(string(text))
}

// Keeps the collector at work, and the allocator asking for memory.
func collect(name string) string {
	var kept [][]byte
	for round := range 3000 {
		kept = append(kept, make([]byte, 1+round*7%9000))
		if len(kept) > 500 {
			kept = kept[250:]
		}
		if round%100 == 0 && read(name) == "" {
			return "nothing was read"
		}
	}
	return read(name)
}

package main

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"sandmill"
)

// Before main, when the runtime starts.
var begun = time.Now()

func ask(line string) (string, error) {
	what, name, _ := strings.Cut(line, " ")
	switch what {
	case "year":
		now := time.Now()
		if now.Before(begun) || now.Sub(begun) > time.Hour {
			return "", fmt.Errorf("it began at %s", begun)
		}
		return now.UTC().Format("2006"), nil
	case "sleep":
		before := time.Now()
		time.Sleep(20 * time.Millisecond)
		return fmt.Sprint(time.Since(before) >= 20*time.Millisecond), nil
	case "env":
		return os.Getenv(name), nil
	case "read":
		text, err := os.ReadFile(name)
		return string(bytes.TrimSpace(text)), err
	case "write":
		return "", os.WriteFile(name, []byte("written\n"), 0o600)
	case "append":
		file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return "", err
		}
		defer file.Close()
		_, err = file.WriteString(strings.Repeat("x", 5000) + "\n")
		return "", err
	case "list":
		entries, err := os.ReadDir(name)
		return fmt.Sprint(len(entries)), err
	case "random":
		return random(), nil
	}
	return "", nil
}

func random() string {
	numbers := make([]byte, 100_000)
	_, _ = rand.Read(numbers) // never fails
	return fmt.Sprint(bytes.Count(numbers, []byte{0}) < 1000)
}

func main() { sandmill.Stage(ask) }

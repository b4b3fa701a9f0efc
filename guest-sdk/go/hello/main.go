// The stage under test of the conformance suite: the same in every language. Its first character says what a record does.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	"sandmill"
)

type Config struct {
	Prefix string `json:"prefix"`
}

type hello struct {
	prefix     string
	seen, kept int
}

func open(config Config) (*hello, error) { return &hello{prefix: config.Prefix}, nil }

func main() { sandmill.Opened(open) }

func (h *hello) Process(record sandmill.Record, out *sandmill.Output) error {
	h.seen++
	value := record.Value
	if len(value) == 0 {
		h.upper(value, out)
		return nil
	}
	switch value[0] {
	case '!':
		return h.fail(string(value))
	case '-':
		return sandmill.Drop
	case '+':
		h.upper(value[1:], out)
		h.upper(value[1:], out)
	case '*':
		return h.many(value, out)
	case '@':
		return h.keyed(value[1:], out)
	case '>':
		return h.routed(value, out)
	case '~':
		return h.odd(string(value), out)
	default:
		h.upper(value, out)
	}
	return nil
}

// Flush emits what was kept, with a key.
func (h *hello) Flush(out *sandmill.Output) error {
	if h.kept > 0 {
		out.EmitKeyed([]byte("kept"), []byte(strconv.Itoa(h.kept)))
	}
	return nil
}

func (h *hello) upper(value []byte, out *sandmill.Output) {
	to := out.Make(len(h.prefix) + len(value))
	upper(to[copy(to, h.prefix):], value)
}

// upper writes the value with its ASCII letters in upper case.
func upper(to, value []byte) {
	for i, c := range value[:len(to)] {
		if c >= 'a' && c <= 'z' {
			c -= 'a' - 'A'
		}
		to[i] = c
	}
}

func (h *hello) fail(value string) error {
	err := errors.New("told to fail: " + value)
	if strings.HasPrefix(value, "!?") {
		return sandmill.Retryable(err)
	}
	return err
}

// many: `*3` has three outputs.
func (h *hello) many(value []byte, out *sandmill.Output) error {
	count, err := strconv.Atoi(string(value[1:]))
	for range count {
		h.upper(value, out)
	}
	return err
}

// keyed: `@k=v` is the value v with the key k.
func (h *hello) keyed(value []byte, out *sandmill.Output) error {
	key, value, found := bytes.Cut(value, []byte("="))
	if !found {
		return errors.New(`there is no "="`)
	}
	value = append([]byte(h.prefix), value...)
	upper(value[len(h.prefix):], value[len(h.prefix):])
	out.EmitKeyed(key, value)
	return nil
}

// routed: `>1 v` is the value v for the output 1.
func (h *hello) routed(value []byte, out *sandmill.Output) error {
	port, value, found := bytes.Cut(value[1:], []byte(" "))
	number, err := strconv.ParseUint(string(port), 10, 16)
	if err != nil || !found {
		return errors.New("there is no port")
	}
	value = append([]byte(h.prefix), value...)
	upper(value[len(h.prefix):], value[len(h.prefix):])
	out.EmitTo(uint16(number), value)
	return nil
}

// odd does what goes wrong, and what reaches out of the stage.
func (h *hello) odd(value string, out *sandmill.Output) error {
	if err := h.breakIt(value); err != nil {
		return err
	}
	switch value {
	case "~keep":
		h.kept++
		return nil
	case "~count":
		value = strconv.Itoa(h.seen)
	case "~both":
		out.EmitString("lost")
		return errors.New("emitted, then failed")
	case "~nothing":
		return errors.New("")
	case "~print":
		fmt.Println("printed, Straße")
		fmt.Fprintln(os.Stderr, "to stderr \xff")
		fmt.Print("no end")
	case "~log":
		sandmill.Debugf("debug, Straße")
		sandmill.Infof("info")
		sandmill.Warnf("warn")
		sandmill.Errorf("error %d", 4)
	case "~time":
		value = strconv.FormatBool(time.Now().Year() > 2000)
	case "~random":
		value = strconv.FormatBool(rand.Intn(10) < 10)
	case "~env":
		if os.Getenv("HOME") == "" {
			return errors.New("there is no variable HOME")
		}
	case "~file":
		_, err := os.ReadFile("/etc/passwd")
		return err
	case "~goroutines":
		value = strconv.Itoa(goroutines())
	}
	out.EmitString(value)
	return nil
}

// breakIt panics, or breaks the instance.
func (h *hello) breakIt(value string) error {
	switch value {
	case "~panic":
		panic("told to panic")
	case "~error":
		return fmt.Errorf("an error, caused by: %w", os.ErrNotExist)
	case "~index":
		_ = strings.Split(value, "x")[len(value)]
	case "~nil":
		var nobody *hello
		nobody.seen++
	case "~deep":
		_ = deep(0)
	case "~oom":
		var hold [][]byte
		for {
			hold = append(hold, make([]byte, 1<<20))
		}
	case "~exit":
		os.Exit(3)
	case "~loop":
		for {
		}
	}
	return nil
}

func deep(n int) int { return deep(n+1) + 1 }

func goroutines() (sum int) {
	numbers := make(chan int)
	for i := range 10 {
		go func() {
			time.Sleep(time.Millisecond)
			numbers <- i
		}()
	}
	for range 10 {
		sum += <-numbers
	}
	return sum
}

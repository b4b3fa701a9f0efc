// The stage under test of the conformance suite: the same in every language. Its first character says what a record does.
package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"os"
	"strconv"
	"strings"
	"time"

	"sandmill"
)

type Config struct {
	Prefix string `json:"prefix"`
	Limit  int64  `json:"limit"`
}

type hello struct {
	config     Config
	seen, kept int
	spoilt     bool
}

func open(config Config) (*hello, error) { return &hello{config: config}, nil }

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

// Flush emits an output for each record that was kept.
func (h *hello) Flush(out *sandmill.Output) error {
	if h.spoilt {
		return errors.New("told to fail at the end")
	}
	for number := range h.kept {
		out.EmitKeyed([]byte("kept"), []byte(strconv.Itoa(number+1)))
	}
	return nil
}

func (h *hello) upper(value []byte, out *sandmill.Output) {
	to := out.Make(len(h.config.Prefix) + len(value))
	upper(to[copy(to, h.config.Prefix):], value)
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
	value = append([]byte(h.config.Prefix), value...)
	upper(value[len(h.config.Prefix):], value[len(h.config.Prefix):])
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
	value = append([]byte(h.config.Prefix), value...)
	upper(value[len(h.config.Prefix):], value[len(h.config.Prefix):])
	out.EmitTo(uint16(number), value)
	return nil
}

// odd is what concerns the instance, and failures of all kinds.
func (h *hello) odd(value string, out *sandmill.Output) error {
	switch value {
	case "~keep":
		h.kept++
		return nil
	case "~spoil":
		h.spoilt = true
		return nil
	case "~count":
		value = strconv.Itoa(h.seen)
	case "~limit":
		value = strconv.FormatInt(h.config.Limit, 10)
	case "~both":
		out.EmitString("lost")
		return errors.New("emitted, then failed")
	case "~nothing":
		return errors.New("")
	case "~long":
		return errors.New(strings.Repeat("x", 1_000_000))
	case "~nul":
		return errors.New("a\x00b")
	default:
		speak(value)
		if err := h.breakIt(value); err != nil {
			return err
		}
		var err error
		if value, err = reachOut(value); err != nil {
			return err
		}
	}
	out.EmitString(value)
	return nil
}

func speak(value string) {
	switch value {
	case "~print":
		fmt.Println("printed, Straße")
		fmt.Fprintln(os.Stderr, "to stderr")
		fmt.Print("bytes \xff|\nno end")
	case "~log":
		sandmill.Debugf("debug, Straße")
		sandmill.Infof("info")
		sandmill.Warnf("warn")
		sandmill.Errorf("error %d", 4)
	}
}

// reachOut asks for what a stage does not have by itself.
func reachOut(value string) (string, error) {
	switch value {
	case "~time":
		value = strconv.FormatBool(time.Now().Year() > 2000)
	case "~random":
		value = strconv.Itoa(rand.Intn(1_000_000))
	case "~order":
		value = fmt.Sprint(maps.Collect(maps.All(map[int]int{1: 1, 2: 2})))
		for key := range map[string]bool{"a": true, "b": true, "c": true, "d": true} {
			value += key
		}
	case "~env":
		if os.Getenv("HOME") == "" {
			return "", errors.New("there is no variable HOME")
		}
	case "~file":
		_, err := os.ReadFile("/etc/passwd")
		return value, err
	case "~beside":
		value = strconv.Itoa(goroutines())
	}
	return value, nil
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
	if then, isLast := strings.CutPrefix(value, "~last "); isLast {
		fmt.Print("last words")
		return h.breakIt(then)
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

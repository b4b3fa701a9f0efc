package sandmill

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"
)

// decode reads JSON exactly or not at all. What encoding/json would change without a word is refused: bytes that are not UTF-8,
// half of a surrogate pair, and, where a number has no type of its own, digits that a float64 does not have.
func decode(text []byte, to any, numbers bool, strict bool) error {
	if at := invalidUTF8(text); at >= 0 {
		return notText(text, at)
	}
	if hasHalfSurrogate(text) {
		return errors.New("a text has half of a surrogate pair")
	}
	if !numbers && !strict {
		return json.Unmarshal(text, to)
	}
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if strict {
		decoder.DisallowUnknownFields()
	}
	if err := decoder.Decode(to); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("something follows the value")
	}
	return outOfRange(text)
}

// outOfRange tells of a number with a fraction or an exponent that no float64 has; an integer keeps its digits. The text is JSON.
func outOfRange(text []byte) error {
	for at := 0; at < len(text); at++ {
		switch c := text[at]; {
		case c == '"':
			for at++; text[at] != '"'; at++ {
				if text[at] == '\\' {
					at++
				}
			}
		case c == '-' || c >= '0' && c <= '9':
			start := at
			for at < len(text) && strings.IndexByte("+-.eE0123456789", text[at]) >= 0 {
				at++
			}
			number := string(text[start:at])
			if _, err := strconv.ParseFloat(number, 64); err != nil && strings.ContainsAny(number, ".eE") {
				return fmt.Errorf("the number %s is out of range", number)
			}
			at--
		}
	}
	return nil
}

// encode writes JSON without the escapes that only HTML needs.
func encode(value any) ([]byte, error) {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, fmt.Errorf("cannot write as JSON: %w", err)
	}
	// A character that the text really has is not escaped: this stands for a byte that is not UTF-8.
	if escapes(text.Bytes(), func(code uint64, _ []byte) bool { return code == 0xfffd }) {
		return nil, errors.New("cannot write as JSON: a text is not UTF-8")
	}
	return bytes.TrimSuffix(text.Bytes(), []byte("\n")), nil
}

// escapes gives the code of each escape \uXXXX, with what follows it, until such says true.
func escapes(text []byte, such func(code uint64, rest []byte) bool) bool {
	for {
		at := bytes.IndexByte(text, '\\')
		if at < 0 || at+1 >= len(text) {
			return false
		}
		code, isCode := codeOf(text[at:])
		if text = text[at+2:]; isCode {
			text = text[4:]
			if such(code, text) {
				return true
			}
		}
	}
}

// codeOf reads the escape \uXXXX that text begins with.
func codeOf(text []byte) (uint64, bool) {
	if len(text) < 6 || text[0] != '\\' || text[1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(string(text[2:6]), 16, 16)
	return code, err == nil
}

func hasHalfSurrogate(text []byte) bool {
	afterHigh := false
	return escapes(text, func(code uint64, rest []byte) bool {
		isLow := code >= 0xdc00 && code < 0xe000
		if isLow != afterHigh {
			return true
		}
		// The second half follows at once, or the first one is alone.
		next, _ := codeOf(rest)
		afterHigh = code >= 0xd800 && code < 0xdc00
		return afterHigh && (next < 0xdc00 || next >= 0xe000)
	})
}

func invalidUTF8(text []byte) int {
	if utf8.Valid(text) {
		return -1
	}
	for at := 0; ; {
		char, size := utf8.DecodeRune(text[at:])
		if char == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
}

func notText(text []byte, at int) error {
	return fmt.Errorf("the record is not UTF-8: byte 0x%02x at offset %d starts no character", text[at], at)
}

// hasAny tells whether a value of the type may hold a number that has no type of its own.
func hasAny(of reflect.Type, seen map[reflect.Type]bool) bool {
	if of == nil || seen[of] {
		return of == nil
	}
	seen[of] = true
	switch of.Kind() {
	case reflect.Interface:
		return true
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return hasAny(of.Elem(), seen)
	case reflect.Struct:
		for i := range of.NumField() {
			if hasAny(of.Field(i).Type, seen) {
				return true
			}
		}
	}
	return false
}

// configure reads the configuration. Without one, a stage gets an empty table.
func configure[C any](text string) (config C, err error) {
	if text = strings.TrimSpace(text); text == "" || text == "null" {
		text = "{}"
	}
	err = decode([]byte(text), &config, true, true)
	var mismatch *json.UnmarshalTypeError
	switch {
	case err == nil:
		if checked, ok := any(&config).(interface{ Validate() error }); ok {
			err = checked.Validate()
		}
	case errors.As(err, &mismatch) && mismatch.Field != "":
		err = fmt.Errorf("config.%s: expected %s, found %s", mismatch.Field, mismatch.Type, mismatch.Value)
	case errors.As(err, &mismatch):
		err = fmt.Errorf("config: expected %s, found %s", mismatch.Type, mismatch.Value)
	case strings.HasPrefix(err.Error(), "json: unknown field "):
		name := strings.Trim(strings.TrimPrefix(err.Error(), "json: unknown field "), `"`)
		err = fmt.Errorf("config.%s: unknown field%s", name, expected(reflect.TypeFor[C]()))
	default:
		err = fmt.Errorf("config: %w", err)
	}
	return config, err
}

// expected names the fields that a configuration has.
func expected(of reflect.Type) string {
	if of.Kind() != reflect.Struct {
		return ""
	}
	var names []string
	for i := range of.NumField() {
		field := of.Field(i)
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		if name == "" {
			name = field.Name
		}
		if field.IsExported() && name != "-" {
			names = append(names, `"`+name+`"`)
		}
	}
	if len(names) == 0 {
		return ": this stage takes no configuration"
	}
	return ", expected " + strings.Join(names, " or ")
}

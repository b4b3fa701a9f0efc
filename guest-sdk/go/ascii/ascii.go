// Package ascii changes the case of the letters of ASCII, eight bytes at a time. For a stage that does little else: compiled to
// WebAssembly, the functions of package bytes go byte by byte. Other bytes, those of other alphabets among them, stay as they are.
package ascii

import "encoding/binary"

const (
	ones    = 0x0101010101010101
	tops    = 0x80 * ones
	caseBit = 'a' - 'A'
)

// ToUpper returns a copy of text with upper-case letters.
func ToUpper(text []byte) []byte { return flipped(text, 'a') }

// ToLower returns a copy of text with lower-case letters.
func ToLower(text []byte) []byte { return flipped(text, 'A') }

// flipped gives the other case to the 26 letters from first on.
func flipped(text []byte, first byte) []byte {
	made := make([]byte, len(text))
	// What is added to seven bits carries into the eighth from the first letter on, and from beyond the last one on.
	from, beyond := (0x80-uint64(first))*ones, (0x80-uint64(first)-26)*ones
	rest, to := text, made
	for len(rest) >= 8 && len(to) >= 8 {
		word := binary.LittleEndian.Uint64(rest)
		low := word &^ tops
		letters := (low + from) &^ (low + beyond) &^ word & tops
		binary.LittleEndian.PutUint64(to, word^letters>>2)
		rest, to = rest[8:], to[8:]
	}
	for i, c := range rest {
		if c-first < 26 {
			c ^= caseBit
		}
		to[i] = c
	}
	return made
}

package ascii

import (
	"bytes"
	"testing"
)

// mapped is what is expected.
func mapped(text []byte, first byte) []byte {
	made := bytes.Clone(text)
	for i, c := range made {
		if c >= first && c < first+26 {
			made[i] = c ^ 0x20
		}
	}
	return made
}

func TestTheLettersOfASCIIChangeAtEveryPlaceAndNothingElseDoes(t *testing.T) {
	every := make([]byte, 512)
	for i := range every {
		every[i] = byte(i * 7)
	}
	for start := range 300 {
		for _, length := range []int{0, 1, 7, 8, 9, 16, 31, 100} {
			text := every[start : start+length]
			before := bytes.Clone(text)
			if got := ToUpper(text); !bytes.Equal(got, mapped(text, 'a')) {
				t.Fatalf("%x became %x", text, got)
			}
			if got := ToLower(text); !bytes.Equal(got, mapped(text, 'A')) {
				t.Fatalf("%x became %x", text, got)
			}
			if !bytes.Equal(text, before) {
				t.Fatal("the text itself changed")
			}
		}
	}
}

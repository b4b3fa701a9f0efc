package sandmill

import (
	"errors"
	"iter"
	"reflect"
	"strings"
	"testing"
)

type order struct {
	Customer string `json:"customer"`
	Amount   int64  `json:"amount"`
}

func process1(t *testing.T, definition *Definition, values ...string) Fates {
	t.Helper()
	trial, err := definition.Trial("")
	if err != nil {
		t.Fatal(err)
	}
	return trial.Process(values...)
}

func equal(t *testing.T, is, expected any) {
	t.Helper()
	if !reflect.DeepEqual(is, expected) {
		t.Errorf("%#v is not %#v", is, expected)
	}
}

func same[T any](value T) (T, error) { return value, nil }

func TestTheFirstArgumentSaysWhatARecordIs(t *testing.T) {
	equal(t, process1(t, Stage(same[string]), "a", "", "ü").Texts(), []string{"a", "", "ü"})
	equal(t, process1(t, Stage(same[[]byte]), "\xff").Texts(), []string{"\xff"})
	fates := process1(t, Stage(same[order]), `{"customer": "A<&>B", "amount": 9007199254740993}`, `{"amount": 1.5}`, ``, `{} {}`)
	equal(t, fates.Texts(), []string{`{"customer":"A<&>B","amount":9007199254740993}`})
	equal(t, len(fates.Failures), 3)
	equal(t, process1(t, Stage(same[string]), "ab\xff").Failure(0), "the record is not UTF-8: byte 0xff at offset 2 starts no character")
}

func TestRecordsKeepTheirKeysUnlessTheyGetAnother(t *testing.T) {
	records := []Record{{[]byte("k"), []byte("a")}, {nil, []byte("b")}}
	trial, _ := Stage(same[string]).Trial("")
	equal(t, trial.ProcessRecords(records...).Outputs, []Emitted{{0, 0, "k", "a"}, {1, 0, "", "b"}})
	trial, _ = Stage(func(r Record) (Record, error) { return Record{r.Value, r.Key}, nil }).Trial("")
	equal(t, trial.ProcessRecords(records...).Outputs, []Emitted{{0, 0, "a", "k"}, {1, 0, "b", ""}})
	trial, _ = Stage(func(s string) (Keyed[string], error) { return Keyed[string]{"", s}, nil }).Trial("")
	equal(t, trial.ProcessRecords(records...).Outputs, []Emitted{{0, 0, "", "a"}, {1, 0, "", "b"}})
}

func TestTheResultSaysWhatBecomesOfARecord(t *testing.T) {
	equal(t, process1(t, Stage(func(s string) (bool, error) { return s == "b", nil }), "a", "b").Outputs, []Emitted{{1, 0, "", "b"}})
	words := process1(t, Stage(func(s string) ([]string, error) { return strings.Fields(s), nil }), "a b", "", "c")
	equal(t, words.Outputs, []Emitted{{0, 0, "", "a"}, {0, 0, "", "b"}, {2, 0, "", "c"}})
	lazy := process1(t, Stage(func(s string) (iter.Seq[string], error) { return strings.SplitSeq(s, ","), nil }), "a,b")
	equal(t, lazy.Texts(), []string{"a", "b"})
	routed := process1(t, Stage(func(s string) (Many[To[Keyed[string]]], error) {
		return Many[To[Keyed[string]]]{{2, Keyed[string]{"k", s}}, {0, Keyed[string]{"l", s}}}, nil
	}), "a")
	equal(t, routed.Outputs, []Emitted{{0, 2, "k", "a"}, {0, 0, "l", "a"}})
	pointers := process1(t, Stage(func(s string) (*order, error) {
		if s == "" {
			return nil, nil
		}
		return &order{s, 1}, nil
	}), "", "x")
	equal(t, pointers.Outputs, []Emitted{{1, 0, "", `{"customer":"x","amount":1}`}})
	anything := process1(t, Stage(func(s string) (any, error) { return map[string]any{"": s, "b": []byte(nil), "c": "d"}[s], nil }), "", "c", "e")
	equal(t, anything.Texts(), []string{"", "d"})
}

func TestAnErrorFailsItsRecordAndTakesBackWhatItEmitted(t *testing.T) {
	busy := errors.New("busy")
	fates := process1(t, Opened(func(struct{}) (emitting, error) {
		return func(record Record, out *Output) error {
			out.Emit(record.Value)
			out.EmitKeyed([]byte("k"), nil)
			out.EmitTo(3, nil)
			switch string(record.Value) {
			case "fail":
				return errors.New("bad \xff byte")
			case "busy":
				return Retryable(busy)
			case "drop":
				return Drop
			case "panic":
				panic(busy)
			}
			return nil
		}, nil
	}), "fail", "a", "busy", "drop", "panic")
	equal(t, fates.Outputs, []Emitted{{1, 0, "", "a"}, {1, 0, "k", ""}, {1, 3, "", ""}})
	equal(t, fates.Failures[0], Failure{"bad \uFFFD byte", false})
	equal(t, fates.Failures[2], Failure{"busy", true})
	equal(t, len(fates.Failures), 3)
	if why := fates.Failure(4); !strings.HasPrefix(why, "panic: busy") {
		t.Error(why)
	}
}

type emitting func(Record, *Output) error

func (e emitting) Process(record Record, out *Output) error { return e(record, out) }

func TestJSONIsExactOrRefused(t *testing.T) {
	exact := []string{
		`9007199254740993`, `{"a":[18446744073709551616,-0.0,1E5]}`, `"<&> \\ufffd"`, `"𝄞�"`, `null`, `true`,
		`{"deep":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + `}`,
	}
	for _, text := range exact {
		fates := process1(t, Stage(func(value any) (Many[Keyed[any]], error) { return Many[Keyed[any]]{{"", wrap{value}}}, nil }), text)
		if fates.Failure(0) != "" {
			t.Error(text, fates.Failure(0))
			continue
		}
		equal(t, fates.Texts()[0], `{"Value":`+text+`}`)
	}
	refused := []string{
		"", "NaN", "nul", `{"a":1`, `1 2`, "\ufeff1", `"\ud800"`, `"\udc00"`, `"\ud800\ud800\udc00"`, `"\ud800A"`, "\"\xff\"",
		`"\ud800\\udc00"`, strings.Repeat("[", 100_000), `1e400`, `{"a \" 1e400":["x", -1.5E999]}`,
	}
	for _, text := range refused {
		if fates := process1(t, Stage(same[any]), text); fates.Failure(0) == "" {
			t.Errorf("%.20q is not refused: %v", text, fates.Texts())
		}
	}
	equal(t, process1(t, Stage(same[wrap]), `{"Value":"\ud834\udd1e"}`).Texts(), []string{`{"Value":"𝄞"}`})
	wrong := process1(t, Stage(func(string) (wrap, error) { return wrap{"\xff"}, nil }), "")
	equal(t, wrong.Failure(0), "cannot write as JSON: a text is not UTF-8")
	overflow := process1(t, Stage(same[float64]), "1e400")
	if overflow.Failure(0) == "" {
		t.Error(overflow.Texts())
	}
}

type wrap struct{ Value any }

type settings struct {
	Prefix string         `json:"prefix"`
	Width  int64          `json:"width"`
	Rules  map[string]any `json:"rules"`
	Nested struct {
		Deep []string `json:"deep"`
	} `json:"nested"`
	hidden bool
}

func (s *settings) Validate() error {
	if s.Width < 0 {
		return errors.New("config.width: it is negative")
	}
	return nil
}

func TestAConfigurationThatDoesNotFitIsRefusedByItsField(t *testing.T) {
	var last settings
	stage := Configured(func(s string, config settings) (string, error) { last = config; return s, nil })
	trial, err := stage.Trial(`{"prefix": "ü\u0000", "width": 9007199254740993, "rules": {"n": 9007199254740993}}`)
	if err != nil {
		t.Fatal(err)
	}
	trial.Process("")
	equal(t, []any{last.Prefix, last.Width}, []any{"ü\x00", int64(9007199254740993)})
	for text, why := range map[string]string{
		`{"prefix": 5}`:             "config.prefix: expected string, found number",
		`{"width": 1.5}`:            "config.width: expected int64, found number 1.5",
		`{"width": 1e30}`:           "config.width: expected int64, found number 1e30",
		`{"nested": {"deep": [1]}}`: "config.nested.deep: expected string, found number",
		`{"prefx": ""}`:             `config.prefx: unknown field, expected "prefix" or "width" or "rules" or "nested"`,
		`[]`:                        "config: expected sandmill.settings, found array",
		`{"width": -1}`:             "config.width: it is negative",
		`{} {}`:                     "config: something follows the value",
	} {
		if _, err := stage.Trial(text); err == nil || err.Error() != why {
			t.Errorf("%s: %v", text, err)
		}
	}
	_, err = Stage(same[string]).Trial(`{"loud": true}`)
	equal(t, err.Error(), "config.loud: unknown field: this stage takes no configuration")
	for _, none := range []string{"", "null", " {} "} {
		if _, err := stage.Trial(none); err != nil {
			t.Error(none, err)
		}
	}
}

type counter struct{ records int }

func (c *counter) Process(Record, *Output) error { c.records++; return nil }

func (c *counter) Flush(out *Output) error {
	if c.records == 0 {
		return errors.New("nothing to count")
	}
	return out.EmitJSON(map[string]int{"records": c.records})
}

func TestAStageFlushesWhatItKept(t *testing.T) {
	trial, _ := Opened(func(struct{}) (*counter, error) { return &counter{}, nil }).Trial("")
	_, err := trial.Flush()
	equal(t, err.Error(), "nothing to count")
	trial.Process("a", "b")
	trial.Process("c")
	fates, err := trial.Flush()
	equal(t, fates.Texts(), []string{`{"records":3}`})
	equal(t, err, nil)
	trial, _ = Stage(same[string]).Trial("")
	fates, err = trial.Flush()
	equal(t, len(fates.Outputs), 0)
	equal(t, err, nil)
}

func TestWhatPanicsInOpenRefusesTheConfiguration(t *testing.T) {
	_, err := Opened(func(struct{}) (*counter, error) { panic("no") }).Trial("")
	if err == nil || !strings.HasPrefix(err.Error(), "panic: no") {
		t.Error(err)
	}
}

type countdown struct{ left int }

func (c *countdown) Pull(max int, out *Output) (string, bool, error) {
	for ; max > 0 && c.left > 0; max-- {
		out.EmitJSON(c.left)
		c.left--
	}
	return strings.Repeat("i", c.left), c.left == 0, nil
}

func TestASourceContinuesAtItsCursor(t *testing.T) {
	source := Source(func(config struct{ From int }, cursor string) (*countdown, error) {
		if cursor != "" {
			return &countdown{len(cursor)}, nil
		}
		return &countdown{config.From}, nil
	})
	trial, err := source.Trial(`{"From": 3}`, "")
	equal(t, err, nil)
	fates, cursor, done, err := trial.Pull(2)
	equal(t, []any{fates.Texts(), cursor, done, err}, []any{[]string{"3", "2"}, "i", false, error(nil)})
	trial, _ = source.Trial(`{"From": 3}`, cursor)
	fates, _, done, err = trial.Pull(2)
	equal(t, []any{fates.Texts(), done, err}, []any{[]string{"1"}, true, error(nil)})
}

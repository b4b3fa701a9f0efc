package main

import (
	"reflect"
	"strings"
	"testing"

	"sandmill"
)

func trial(t *testing.T, config string) *sandmill.Trial {
	t.Helper()
	trial, err := sandmill.Opened(open).Trial(config)
	if err != nil {
		t.Fatal(err)
	}
	return trial
}

func TestEveryKindOfRecordHasItsFate(t *testing.T) {
	fates := trial(t, `{"prefix": "> "}`).Process("a", "-", "!x", "!?x", "+b", "*2", "@k=v", ">1 s", "")
	expected := []sandmill.Emitted{
		{Origin: 0, Value: "> A"}, {Origin: 4, Value: "> B"}, {Origin: 4, Value: "> B"}, {Origin: 5, Value: "> *2"},
		{Origin: 5, Value: "> *2"}, {Origin: 6, Key: "k", Value: "> V"}, {Origin: 7, Port: 1, Value: "> S"}, {Origin: 8, Value: "> "},
	}
	if !reflect.DeepEqual(fates.Outputs, expected) {
		t.Error(fates.Outputs)
	}
	failures := map[int]sandmill.Failure{2: {Message: "told to fail: !x"}, 3: {Message: "told to fail: !?x", Retryable: true}}
	if !reflect.DeepEqual(fates.Failures, failures) {
		t.Error(fates.Failures)
	}
}

func TestWhatIsKeptComesAtTheEnd(t *testing.T) {
	trial := trial(t, "")
	if fates := trial.Process("~keep", "~keep"); len(fates.Outputs) > 0 {
		t.Error(fates)
	}
	fates, err := trial.Flush()
	if err != nil || !reflect.DeepEqual(fates.Outputs, []sandmill.Emitted{{Origin: -1, Key: "kept", Value: "1"}, {Origin: -1, Key: "kept", Value: "2"}}) {
		t.Error(fates, err)
	}
}

func TestAPanicFailsItsRecordAloneWithItsPlace(t *testing.T) {
	fates := trial(t, "").Process("a", "~nil", "~index", "b", "~panic")
	if texts := fates.Texts(); !reflect.DeepEqual(texts, []string{"A", "B"}) {
		t.Error(texts)
	}
	for record, message := range map[int]string{
		1: "panic: runtime error: invalid memory address or nil pointer dereference at main.(*hello).breakIt (main.go:",
		2: "panic: runtime error: index out of range [6] with length 2 at stage.(*hello).breakIt (main.go:",
		4: "panic: told to panic at stage.(*hello).breakIt (main.go:",
	} {
		// A test's package is named by its path, not main.
		message = strings.Replace(message, "main.(", "stage.(", 1)
		if !strings.HasPrefix(fates.Failure(record), message) {
			t.Errorf("%d: %s", record, fates.Failure(record))
		}
	}
}

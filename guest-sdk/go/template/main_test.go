package main

import (
	"testing"

	"sandmill"
)

func TestLinesBecomeUpperCase(t *testing.T) {
	trial, err := sandmill.Stage(shout).Trial("")
	if err != nil {
		t.Fatal(err)
	}
	if texts := trial.Process("hello").Texts(); texts[0] != "HELLO" {
		t.Error(texts)
	}
}

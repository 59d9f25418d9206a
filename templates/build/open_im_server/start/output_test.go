package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestKeepsLinesWhole(t *testing.T) {
	var out bytes.Buffer
	w := newOutput(&out, nil).writer("a")
	for _, part := range []string{"one ", "line\nand ", "another\r\n\nrest"} {
		if _, err := w.Write([]byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	w.flush()
	w.flush()
	if got, want := out.String(), "a | one line\na | and another\na | \na | rest\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCutsEndlessLines(t *testing.T) {
	var out bytes.Buffer
	w := newOutput(&out, nil).writer("a")
	_, _ = w.Write(bytes.Repeat([]byte("x"), 3*longestLine+1))
	w.flush()
	if lines := strings.Count(out.String(), "\n"); lines != 4 {
		t.Errorf("got %d lines", lines)
	}
	if got := strings.Count(out.String(), "x"); got != 3*longestLine+1 {
		t.Errorf("got %d bytes", got)
	}
}

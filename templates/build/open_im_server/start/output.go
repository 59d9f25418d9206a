package main

import (
	"bytes"
	"io"
	"strings"
	"sync"
)

// longestLine is where a line is cut, in bytes.
const longestLine = 64 * 1024

// output is where the lines of all services come together, each with its service's name before it. The
// services print whole database addresses when they start, so passwords are taken out.
type output struct {
	mutex  sync.Mutex
	to     io.Writer
	redact *strings.Replacer
}

func newOutput(to io.Writer, secrets []string) *output {
	var pairs []string
	for _, secret := range secrets {
		pairs = append(pairs, secret, "***")
	}
	return &output{to: to, redact: strings.NewReplacer(pairs...)}
}

// writer takes what one service prints.
func (o *output) writer(name string) *lineWriter {
	return &lineWriter{output: o, prefix: name + " | "}
}

func (o *output) line(prefix string, text []byte) {
	o.mutex.Lock()
	defer o.mutex.Unlock()
	// A log that nobody takes is no reason to stop a service.
	_, _ = io.WriteString(o.to, prefix+o.redact.Replace(string(bytes.TrimRight(text, "\r\n")))+"\n")
}

type lineWriter struct {
	output *output
	prefix string
	rest   []byte
}

func (w *lineWriter) Write(text []byte) (int, error) {
	w.rest = append(w.rest, text...)
	for {
		end := bytes.IndexByte(w.rest, '\n')
		if end < 0 && len(w.rest) < longestLine {
			return len(text), nil
		}
		if end < 0 || end > longestLine {
			end = longestLine - 1
		}
		w.output.line(w.prefix, w.rest[:end+1])
		w.rest = w.rest[end+1:]
	}
}

// flush prints what came after the last end of a line.
func (w *lineWriter) flush() {
	if len(w.rest) > 0 {
		w.output.line(w.prefix, w.rest)
		w.rest = nil
	}
}

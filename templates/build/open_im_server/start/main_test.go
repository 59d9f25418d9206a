package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestMain makes this program a service when it is started under the name of one.
func TestMain(m *testing.M) {
	switch filepath.Base(os.Args[0]) {
	case "listening":
		serve(os.Args[1])
	case "lasting":
		fmt.Println("the password is hunter22", os.Getuid())
		select {}
	case "stubborn":
		signal.Ignore(syscall.SIGTERM)
		fmt.Println("not going")
		select {}
	case "failing":
		fmt.Fprint(os.Stderr, "no such table")
		os.Exit(3)
	case "ending":
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func serve(port string) {
	listener, err := net.Listen("tcp", "127.0.0.1:"+port)
	if err != nil {
		panic(err)
	}
	defer listener.Close()
	fmt.Println("serving")
	select {}
}

// bench is a folder with a bin that holds this program under the names of services.
func bench(t *testing.T, programs ...string) (*supervisor, *log) {
	t.Helper()
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "bin"), 0o755))
	self, err := os.Executable()
	must(t, err)
	for _, program := range programs {
		must(t, copyFile(self, filepath.Join(root, "bin", program)))
	}
	out := &log{}
	return &supervisor{
		root:     root,
		uid:      os.Getuid(),
		output:   newOutput(out, []string{"hunter22"}),
		patience: patience{toListen: 5 * time.Second, toStop: 2 * time.Second},
	}, out
}

// log can be read while it is written to.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) Write(text []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(text)
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

// waitFor returns when the log has a text.
func (l *log) waitFor(t *testing.T, text string) {
	t.Helper()
	for i := 0; i < 200; i++ {
		if strings.Contains(l.String(), text) {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Fatalf("%q is not in the log:\n%s", text, l)
}

func copyFile(from, to string) error {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	target, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(target, source)
	return firstError(err, target.Close())
}

func freePort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

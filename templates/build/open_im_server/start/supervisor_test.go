package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func listeningInstance(t *testing.T) instance {
	port := freePort(t)
	return instance{program: "listening", args: []string{strconv.Itoa(port)}, ports: []int{port}}
}

func TestStopsEveryServiceWhenToldTo(t *testing.T) {
	s, out := bench(t, "listening", "lasting")
	stop := make(chan os.Signal, 1)
	result := make(chan error)
	go func() { result <- s.run([]instance{listeningInstance(t), {program: "lasting"}}, stop) }()
	out.waitFor(t, "2 services run")
	stop <- syscall.SIGTERM
	must(t, <-result)
	for _, p := range s.running {
		if p.command.ProcessState == nil {
			t.Errorf("%s still runs", p.program)
		}
	}
}

func TestStartsNothingMoreAfterASignal(t *testing.T) {
	s, out := bench(t, "lasting", "listening")
	stop := make(chan os.Signal, 1)
	result := make(chan error)
	// It never listens there.
	waiting := instance{program: "lasting", ports: []int{freePort(t)}}
	go func() { result <- s.run([]instance{waiting, listeningInstance(t)}, stop) }()
	out.waitFor(t, "the password is")
	stop <- syscall.SIGTERM
	must(t, <-result)
	if len(s.running) != 1 {
		t.Errorf("%d services were started", len(s.running))
	}
}

func TestEndsAndNamesTheServiceThatDied(t *testing.T) {
	for program, how := range map[string]string{"failing": "exit status 3", "ending": "exit status 0"} {
		s, out := bench(t, "lasting", program)
		err := s.run([]instance{{program: "lasting"}, {program: program}}, nil)
		if err == nil || err.Error() != program+" ended: "+how {
			t.Errorf("got %v", err)
		}
		if s.running[0].command.ProcessState == nil {
			t.Error("the other service still runs")
		}
		if program == "failing" && !strings.Contains(out.String(), "failing | no such table\n") {
			t.Errorf("its last words are missing:\n%s", out)
		}
	}
}

func TestEndsWhenAServiceDiesBeforeItListens(t *testing.T) {
	s, _ := bench(t, "failing")
	port := freePort(t)
	err := s.run([]instance{{program: "failing", ports: []int{port}}}, nil)
	if want := "failing (port " + strconv.Itoa(port) + ") ended: exit status 3"; err == nil || err.Error() != want {
		t.Errorf("got %v", err)
	}
}

func TestEndsWhenASignalKillsAService(t *testing.T) {
	s, out := bench(t, "lasting")
	result := make(chan error)
	go func() { result <- s.run([]instance{{program: "lasting"}}, nil) }()
	out.waitFor(t, "1 services run")
	must(t, s.running[0].command.Process.Kill())
	if err := <-result; err == nil || err.Error() != "lasting ended: signal: killed" {
		t.Errorf("got %v", err)
	}
}

func TestNamesAProgramThatIsMissing(t *testing.T) {
	s, _ := bench(t)
	err := s.run([]instance{{program: "absent"}}, nil)
	if err == nil || !strings.HasPrefix(err.Error(), "absent cannot be started: ") {
		t.Errorf("got %v", err)
	}
}

func TestGoesOnWhenAServiceIsSlowToListen(t *testing.T) {
	s, out := bench(t, "lasting", "ending")
	s.patience.toListen = 200 * time.Millisecond
	err := s.run([]instance{{program: "lasting", ports: []int{freePort(t)}}, {program: "ending"}}, nil)
	if err == nil || err.Error() != "ending ended: exit status 0" {
		t.Errorf("got %v", err)
	}
	out.waitFor(t, "lasting does not listen on port")
}

func TestKillsWhatDoesNotStop(t *testing.T) {
	s, out := bench(t, "stubborn", "lasting")
	s.patience.toStop = 300 * time.Millisecond
	stop := make(chan os.Signal, 1)
	result := make(chan error)
	go func() {
		result <- s.run([]instance{{program: "stubborn"}, {program: "stubborn"}, {program: "lasting"}}, stop)
	}()
	out.waitFor(t, "3 services run")
	for strings.Count(out.String(), "not going") < 2 {
		time.Sleep(10 * time.Millisecond)
	}
	began := time.Now()
	stop <- syscall.SIGTERM
	must(t, <-result)
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("it took %s", took)
	}
	if kills := strings.Count(out.String(), "stubborn did not stop in 300ms; killed"); kills != 2 {
		t.Errorf("%d were killed:\n%s", kills, out)
	}
}

func TestPutsTheServiceBeforeEachLineAndKeepsPasswordsOut(t *testing.T) {
	s, out := bench(t, "lasting", "ending")
	_ = s.run([]instance{{program: "lasting"}}, stopSoon(out, "the password"))
	if !strings.Contains(out.String(), "lasting | the password is *** ") {
		t.Errorf("got:\n%s", out)
	}
}

func TestRunsServicesWithoutRightsWhenItIsRoot(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root")
	}
	s, out := bench(t, "lasting")
	for _, folder := range []string{s.root, filepath.Dir(s.root)} {
		must(t, os.Chmod(folder, 0o755))
	}
	s.uid = serviceUID
	must(t, s.run([]instance{{program: "lasting"}}, stopSoon(out, "the password")))
	out.waitFor(t, "*** 10001")
}

// stopSoon tells to stop once the log has a text.
func stopSoon(out *log, text string) <-chan os.Signal {
	stop := make(chan os.Signal, 1)
	go func() {
		for !strings.Contains(out.String(), text) {
			time.Sleep(10 * time.Millisecond)
		}
		stop <- syscall.SIGTERM
	}()
	return stop
}

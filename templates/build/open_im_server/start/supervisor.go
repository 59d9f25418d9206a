package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// patience is how long a supervisor waits.
type patience struct {
	// Until a service listens, before the next one is started all the same.
	toListen time.Duration
	// After the signal to stop, until a service is killed. Engines give a container 10 seconds.
	toStop time.Duration
}

type supervisor struct {
	root     string
	uid      int
	output   *output
	patience patience
	running  []*process
}

// process is a started service; `ended` is closed when it is gone and all it printed is out.
type process struct {
	instance
	command *exec.Cmd
	ended   chan struct{}
	err     error
}

// run starts one instance after the other and watches over them. It returns nil when it was told to
// stop, and an error that names the service when one could not start or ended by itself. No service is
// left then.
func (s *supervisor) run(instances []instance, stop <-chan os.Signal) error {
	died := make(chan *process, len(instances))
	defer s.stopAll()
	for _, one := range instances {
		p, err := s.start(one, died)
		if err != nil {
			return err
		}
		if told, err := s.awaitListening(p, died, stop); told || err != nil {
			return err
		}
	}
	s.say("%d services run", len(s.running))
	select {
	case dead := <-died:
		return dead.fault()
	case signal := <-stop:
		s.say("stopping: %s", signal)
		return nil
	}
}

func (s *supervisor) start(one instance, died chan<- *process) (*process, error) {
	// The services look for ../config and ../logs.
	folder := filepath.Join(s.root, "bin")
	command := exec.Command(filepath.Join(folder, one.program), one.args...)
	command.Dir = folder
	lines := s.output.writer(one.program)
	command.Stdout, command.Stderr = lines, lines
	if os.Getuid() == 0 && s.uid != 0 {
		command.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(s.uid), Gid: uint32(s.uid)},
		}
	}
	if err := command.Start(); err != nil {
		return nil, fmt.Errorf("%s cannot be started: %w", one.program, err)
	}
	p := &process{instance: one, command: command, ended: make(chan struct{})}
	s.running = append(s.running, p)
	go func() {
		p.err = command.Wait()
		lines.flush()
		close(p.ended)
		died <- p
	}()
	return p, nil
}

// awaitListening waits for the ports of a new service. It says whether there was a signal to stop, and
// the fault of any service that ended meanwhile.
func (s *supervisor) awaitListening(p *process, died <-chan *process, stop <-chan os.Signal) (bool, error) {
	deadline := time.NewTimer(s.patience.toListen)
	defer deadline.Stop()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		missing, err := missingPort(p.ports)
		if err != nil || missing == 0 {
			return false, err
		}
		select {
		case dead := <-died:
			return false, dead.fault()
		case signal := <-stop:
			s.say("stopping: %s", signal)
			return true, nil
		case <-deadline.C:
			s.say("%s does not listen on port %d after %s; going on", p.program, missing, s.patience.toListen)
			return false, nil
		case <-tick.C:
		}
	}
}

// missingPort is the first of the ports that nothing listens on, or 0.
func missingPort(ports []int) (int, error) {
	if len(ports) == 0 {
		return 0, nil
	}
	listening, err := listeningPorts(procNet)
	if err != nil {
		return 0, err
	}
	for _, port := range ports {
		if !listening[port] {
			return port, nil
		}
	}
	return 0, nil
}

// stopAll ends every service, the last started first, all within the same time.
func (s *supervisor) stopAll() {
	for i := len(s.running) - 1; i >= 0; i-- {
		_ = s.running[i].command.Process.Signal(syscall.SIGTERM)
	}
	deadline := time.After(s.patience.toStop)
	for i, p := range s.running {
		select {
		case <-p.ended:
		case <-deadline:
			s.killFrom(i)
			return
		}
	}
}

// killFrom kills those of the started services, from one on, that still run.
func (s *supervisor) killFrom(first int) {
	for _, p := range s.running[first:] {
		select {
		case <-p.ended:
		default:
			s.say("%s did not stop in %s; killed", p.program, s.patience.toStop)
			_ = p.command.Process.Kill()
			<-p.ended
		}
	}
}

func (s *supervisor) say(format string, values ...interface{}) {
	s.output.line("openim_start | ", []byte(fmt.Sprintf(format, values...)))
}

func (p *process) fault() error {
	<-p.ended
	how := "exit status 0"
	if p.err != nil {
		how = p.err.Error()
	}
	if len(p.ports) > 0 {
		return fmt.Errorf("%s (port %d) ended: %s", p.program, p.ports[0], how)
	}
	return fmt.Errorf("%s ended: %s", p.program, how)
}

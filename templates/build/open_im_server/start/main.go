// Command openim_start is the first program of the container: it sets the site's values in the
// configuration, starts the services in their order, and ends when one of them does.
//
// It is compiled inside the server's own module, so it takes YAML from there and stays within the
// language of Go 1.15.
package main

import (
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"
)

// serviceUID is who the services run as when the container starts as root. No account of a host has it.
const serviceUID = 10001

func main() {
	list := flag.Bool("services", false, "print the names of the programs that it starts, and end")
	healthy := flag.Bool("healthy", false, "end with status 0 if every service listens")
	root := flag.String("root", folderAbove(), "folder with bin, config and logs")
	flag.Parse()

	var err error
	switch {
	case *list:
		for _, s := range services {
			fmt.Println(s.program)
		}
	case *healthy:
		err = checkHealth(*root)
	default:
		err = run(*root)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "openim_start:", err)
		os.Exit(1)
	}
}

// run returns nil after a signal to stop, and the reason otherwise.
func run(root string) error {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT)

	uid := os.Getuid()
	if uid == 0 {
		uid = serviceUID
	}
	config, err := configure(root, uid, os.Getenv)
	if err != nil {
		return err
	}
	if err := prepareFolders(root, uid); err != nil {
		return err
	}
	supervisor := &supervisor{
		root:   root,
		uid:    uid,
		output: newOutput(os.Stdout, secrets(os.Getenv)),
		patience: patience{
			toListen: 90 * time.Second,
			toStop:   8 * time.Second,
		},
	}
	return supervisor.run(plan(config), stop)
}

func checkHealth(root string) error {
	config, err := readDocument(filepath.Join(root, "config", "config.yaml"))
	if err != nil {
		return err
	}
	listening, err := listeningPorts(procNet)
	if err != nil {
		return err
	}
	for _, instance := range plan(config) {
		for _, port := range instance.ports {
			if !listening[port] {
				return fmt.Errorf("%s does not listen on port %d", instance.program, port)
			}
		}
	}
	return nil
}

// prepareFolders makes the folders that the services write to, and hands over what does not belong to
// them: an engine makes the folder of a bind mount as root.
func prepareFolders(root string, uid int) error {
	for _, name := range []string{"logs", filepath.Join("db", "sdk")} {
		folder := filepath.Join(root, name)
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		err := filepath.Walk(folder, func(path string, _ os.FileInfo, err error) error {
			if err != nil {
				return err
			}
			return handOver(path, uid)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// handOver gives a file to the services' user; only root can, and only for root it is needed.
func handOver(path string, uid int) error {
	if os.Getuid() != 0 {
		return nil
	}
	info, err := os.Lstat(path)
	if err != nil {
		return err
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) == uid {
		return nil
	}
	if err := os.Lchown(path, uid, uid); err != nil {
		return fmt.Errorf("the services' user cannot get %s (does the container lack the capability CHOWN?): %w", path, err)
	}
	return nil
}

// folderAbove is the folder above the one with this program, or nothing if the system does not tell.
func folderAbove() string {
	program, err := os.Executable()
	if err != nil {
		return ""
	}
	return filepath.Dir(filepath.Dir(program))
}

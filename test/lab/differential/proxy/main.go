package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"fmt"
	"strings"
)

// One question per process: net/http reads the environment once.
func main() {
	if len(os.Args) > 1 {
		r, err := http.NewRequest("GET", os.Args[1], nil)
		if err != nil { fmt.Print("ERR"); return }
		u, err := http.ProxyFromEnvironment(r)
		if err != nil { fmt.Print("ERR") } else if u != nil { fmt.Print(u.Host) }
		return
	}
	s := bufio.NewScanner(os.Stdin)
	for s.Scan() {
		var q struct{ URL string; Env []string }
		json.Unmarshal(s.Bytes(), &q)
		c := exec.Command(os.Args[0], q.URL)
		c.Env = q.Env
		out, _ := c.Output()
		b, _ := json.Marshal(strings.TrimSpace(string(out)))
		fmt.Println(string(b))
	}
}

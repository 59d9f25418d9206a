// Package standin is what every program of this source does: it takes its port from a flag, else from
// ../config/config.yaml, and listens there.
package standin

import (
	"flag"
	"fmt"
	"io/ioutil"
	"net/http"
	"os"
	"runtime"
	"time"

	"gopkg.in/yaml.v3"
)

// Program says what one of the programs is like.
type Program struct {
	Name string
	// Flags for ports, with the section and the key of config.yaml that has the default.
	Ports []Port
	// Whether it has a port for metrics.
	Metrics bool
}

// Port is a flag and where its default is.
type Port struct {
	Flag, Section, Key string
}

// RPC is a program with a single port in the section rpcport.
func RPC(name, key string) Program {
	return Program{Name: name, Ports: []Port{{"port", "rpcport", key}}, Metrics: true}
}

// Run never returns while all is well.
func Run(p Program) {
	config := load("config.yaml")
	usual := load("usualConfig.yaml")
	// The server prints such things too.
	fmt.Println("open db ok", usual["mysql"]["dbMysqlUserName"], usual["mysql"]["dbMysqlPassword"])
	var ports []*int
	for _, port := range p.Ports {
		list := config[port.Section][port.Key].([]interface{})
		ports = append(ports, flag.Int(port.Flag, list[0].(int), "listening port"))
	}
	if p.Metrics {
		flag.Int("prometheus_port", 0, "port for metrics")
	}
	flag.Parse()
	if err := ioutil.WriteFile("../logs/"+p.Name+".log", []byte("started\n"), 0o644); err != nil {
		panic(err)
	}
	http.HandleFunc("/", func(answer http.ResponseWriter, _ *http.Request) {
		zone, _ := time.Now().Zone()
		_, err := time.LoadLocation("Europe/Madrid")
		fmt.Fprintln(answer, p.Name, runtime.GOARCH, os.Getuid(), zone, err == nil)
	})
	ended := make(chan error)
	for _, port := range ports {
		go func(port int) { ended <- http.ListenAndServe(fmt.Sprintf("0.0.0.0:%d", port), nil) }(*port)
		fmt.Println("start", p.Name, "port:", *port)
	}
	for len(ports) == 0 {
		time.Sleep(time.Hour)
	}
	panic(<-ended)
}

func load(name string) map[string]map[string]interface{} {
	text, err := ioutil.ReadFile("../config/" + name)
	if err != nil {
		panic(err)
	}
	var all map[string]interface{}
	if err := yaml.Unmarshal(text, &all); err != nil {
		panic(err)
	}
	sections := map[string]map[string]interface{}{}
	for key, value := range all {
		if section, ok := value.(map[string]interface{}); ok {
			sections[key] = section
		}
	}
	return sections
}

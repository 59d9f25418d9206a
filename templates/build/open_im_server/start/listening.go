package main

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// procNet are the kernel's tables of TCP sockets, for IPv4 and IPv6.
var procNet = []string{"/proc/net/tcp", "/proc/net/tcp6"}

// listeningPorts are the TCP ports that something listens on. The kernel is asked, since a connection
// would be one more line in a service's log, and it may listen on another address than loopback.
func listeningPorts(tables []string) (map[int]bool, error) {
	ports := map[int]bool{}
	for _, table := range tables {
		file, err := os.Open(table)
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(file)
		for lines.Scan() {
			// sl, local_address, rem_address, st: 0A is a listening socket.
			fields := strings.Fields(lines.Text())
			if len(fields) < 4 || fields[3] != "0A" {
				continue
			}
			if port, err := strconv.ParseUint(fields[1][strings.LastIndexByte(fields[1], ':')+1:], 16, 16); err == nil {
				ports[int(port)] = true
			}
		}
		err = firstError(lines.Err(), file.Close())
		if err != nil {
			return nil, err
		}
	}
	return ports, nil
}

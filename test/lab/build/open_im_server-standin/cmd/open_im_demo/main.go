package main

import "Open_IM/internal/standin"

func main() {
	standin.Run(standin.Program{
		Name:  "open_im_demo",
		Ports: []standin.Port{{Flag: "port", Section: "demo", Key: "openImDemoPort"}},
	})
}

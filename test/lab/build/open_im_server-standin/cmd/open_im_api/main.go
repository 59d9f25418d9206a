package main

import "Open_IM/internal/standin"

func main() {
	standin.Run(standin.Program{
		Name:  "open_im_api",
		Ports: []standin.Port{{Flag: "port", Section: "api", Key: "openImApiPort"}},
	})
}

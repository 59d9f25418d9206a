package main

import "Open_IM/internal/standin"

func main() {
	standin.Run(standin.Program{
		Name:  "open_im_cms_api",
		Ports: []standin.Port{{Flag: "port", Section: "cmsapi", Key: "openImCmsApiPort"}},
	})
}

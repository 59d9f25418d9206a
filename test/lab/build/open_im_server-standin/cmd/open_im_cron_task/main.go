package main

import "Open_IM/internal/standin"

func main() {
	standin.Run(standin.Program{Name: "open_im_cron_task"})
}

package main

import "Open_IM/internal/standin"

func main() {
	standin.Run(standin.RPC("open_im_cache", "openImCachePort"))
}

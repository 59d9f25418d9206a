package main

import "Open_IM/internal/standin"

func main() {
	standin.Run(standin.Program{
		Name: "open_im_msg_gateway",
		Ports: []standin.Port{
			{Flag: "rpc_port", Section: "rpcport", Key: "openImMessageGatewayPort"},
			{Flag: "ws_port", Section: "longconnsvr", Key: "openImWsPort"},
		},
		Metrics: true,
	})
}

package main

import (
	"strconv"
)

// service is one program and where the configuration says what it listens on. With more than one port
// in a list, one instance of it runs for each, as the server's own scripts do it.
type service struct {
	program string
	// Lists of ports in config.yaml, with the flags that take them.
	ports []portList
	// Its ports for metrics, which are only open if metrics are switched on.
	metrics []string
	// A switch in config.yaml; the service is started unless it says false.
	unless []string
}

type portList struct {
	path []string
	flag string
}

// instance is one process to be.
type instance struct {
	program string
	args    []string
	// Where it listens once it is ready; none for services that only read a queue.
	ports []int
}

// services are in the order of their start: what answers clients comes after what it asks.
// open_im_sdk_server is not among them: it needs a submodule and cgo, and serves the JS SDK alone.
var services = []service{
	rpc("open_im_user", "openImUserPort", "userPrometheusPort"),
	rpc("open_im_friend", "openImFriendPort", "friendPrometheusPort"),
	rpc("open_im_group", "openImGroupPort", "groupPrometheusPort"),
	rpc("open_im_auth", "openImAuthPort", "authPrometheusPort"),
	rpc("open_im_admin_cms", "openImAdminCmsPort", "adminCmsPrometheusPort"),
	rpc("open_im_msg", "openImMessagePort", "messagePrometheusPort"),
	rpc("open_im_office", "openImOfficePort", "officePrometheusPort"),
	rpc("open_im_organization", "openImOrganizationPort", "organizationPrometheusPort"),
	rpc("open_im_conversation", "openImConversationPort", "conversationPrometheusPort"),
	rpc("open_im_cache", "openImCachePort", "cachePrometheusPort"),
	rpc("open_im_push", "openImPushPort", "pushPrometheusPort"),
	{
		program: "open_im_msg_transfer",
		metrics: []string{"prometheus", "messageTransferPrometheusPort"},
	},
	{program: "open_im_cron_task"},
	{
		program: "open_im_msg_gateway",
		ports: []portList{
			{path: []string{"rpcport", "openImMessageGatewayPort"}, flag: "-rpc_port"},
			{path: []string{"longconnsvr", "openImWsPort"}, flag: "-ws_port"},
		},
		metrics: []string{"prometheus", "messageGatewayPrometheusPort"},
	},
	{
		program: "open_im_cms_api",
		ports:   []portList{{path: []string{"cmsapi", "openImCmsApiPort"}, flag: "-port"}},
	},
	{
		program: "open_im_demo",
		ports:   []portList{{path: []string{"demo", "openImDemoPort"}, flag: "-port"}},
		unless:  []string{"demoswitch"},
	},
	{
		program: "open_im_api",
		ports:   []portList{{path: []string{"api", "openImApiPort"}, flag: "-port"}},
	},
}

func rpc(program, port, metrics string) service {
	return service{
		program: program,
		ports:   []portList{{path: []string{"rpcport", port}, flag: "-port"}},
		metrics: []string{"prometheus", metrics},
	}
}

// plan tells the processes to start. A single instance takes its port for metrics from the
// configuration by itself; several need one each.
func plan(config *document) []instance {
	var all []instance
	for _, s := range services {
		if s.unless != nil && config.text(s.unless...) == "false" {
			continue
		}
		metrics := config.ports(s.metrics...)
		count := len(metrics)
		if len(s.ports) > 0 {
			count = len(config.ports(s.ports[0].path...))
		}
		if count == 0 {
			count = 1
		}
		for i := 0; i < count; i++ {
			one := instance{program: s.program}
			for _, list := range s.ports {
				if ports := config.ports(list.path...); i < len(ports) {
					one.ports = append(one.ports, ports[i])
					one.args = append(one.args, list.flag, strconv.Itoa(ports[i]))
				}
			}
			if count > 1 && i < len(metrics) {
				one.args = append(one.args, "-prometheus_port", strconv.Itoa(metrics[i]))
			}
			all = append(all, one)
		}
	}
	return all
}

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// As the server's own files are written, oddities included.
const mainConfig = `# The class cannot be named by Pascal or camel case.
serverversion: 2.3.9
etcd:
  etcdAddr: [ 127.0.0.1:2379 ] #单机部署时，默认即可
  secret:

mysql:
  dbMysqlAddress: [ 127.0.0.1:13306 ] #mysql地址
  dbMysqlUserName:  #mysql用户名，建议修改
  dbMysqlPassword: # mysql密码，建议修改
  dbMsgTableNum: 1

mongo:
  dbUri: ""#当dbUri值不为空则直接使用该值
  dbAddress: 127.0.0.1:37017
  dbPassword:   #mongo密码

kafka:
  SASLUserName:
  ws2mschat:
    addr: [ 127.0.0.1:9092 ] #kafka配置
    topic: "ws2ms_chat"
#  ws2mschatoffline:
#    addr: [ 127.0.0.1:9092 ]
  msgtomodify:
    addr: [ 127.0.0.1:9092 ]

api:
  openImApiPort: [ 10002 ] #api服务端口
credential: #腾讯cos
  minio: #MinIO
    bucket: openim # 存储内容桶
    endpoint:  #minio外网ip
    endpointInner: http://127.0.0.1:10005
rpcport: #rpc服务端口 默认即可
  openImUserPort: [ 10110, 10111 ]
  openImMessageGatewayPort: [ 10140 ]
longconnsvr:
  openImWsPort: [ 10001 ]
manager:
  appManagerUid: [ "openIM123456","openIM654321" ]
secret:
# 多端互踢策略
multiloginpolicy: 1
demoswitch: true
demo:
  openImDemoPort: [ 10004 ]
prometheus:
  enable: false
  userPrometheusPort: [ 20110, 20111 ]
  messageTransferPrometheusPort: [ 21400, 21401, 21402, 21403 ] # 端口数量
`

const usualConfig = `mysql:
  dbMysqlUserName: root
  dbMysqlPassword: openIM123
credential:
  minio:
    endpoint: http://127.0.0.1:10005 #发图片视频文件需要填写
secret: tuoyun
push:
  getui:
    enable: false  #true启动个推推送
`

func site(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	must(t, os.MkdirAll(filepath.Join(root, "config.default"), 0o755))
	must(t, os.WriteFile(filepath.Join(root, "config.default", "config.yaml"), []byte(mainConfig), 0o644))
	must(t, os.WriteFile(filepath.Join(root, "config.default", "usualConfig.yaml"), []byte(usualConfig), 0o644))
	return root
}

func environment(pairs ...string) func(string) string {
	values := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		values[pairs[i]] = pairs[i+1]
	}
	return func(name string) string { return values[name] }
}

func read(t *testing.T, root, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "config", name))
	must(t, err)
	return string(text)
}

// at reads a value as the server does, by yaml.v3.
func at(t *testing.T, text string, path ...string) interface{} {
	t.Helper()
	var value interface{}
	must(t, yaml.Unmarshal([]byte(text), &value))
	for _, key := range path {
		mapping, ok := value.(map[string]interface{})
		if !ok {
			return nil
		}
		value = mapping[key]
	}
	return value
}

func TestPutsTheFilesOfTheSourceInPlaceForTheirUserAlone(t *testing.T) {
	root := site(t)
	_, err := configure(root, os.Getuid(), environment())
	must(t, err)
	for _, name := range []string{"config.yaml", "usualConfig.yaml"} {
		info, err := os.Stat(filepath.Join(root, "config", name))
		must(t, err)
		if info.Mode().Perm() != 0o600 {
			t.Errorf("%s has mode %o", name, info.Mode().Perm())
		}
	}
	if read(t, root, "config.yaml") != mainConfig || read(t, root, "usualConfig.yaml") != usualConfig {
		t.Error("without values in the environment the files are not the source's")
	}
	left, err := filepath.Glob(filepath.Join(root, "config", ".*"))
	must(t, err)
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestSetsWhatTheEnvironmentOwnsAndKeepsTheRest(t *testing.T) {
	root := site(t)
	_, err := configure(root, os.Getuid(), environment(
		"HOST_ADDRESS", "192.0.2.7",
		"MYSQL_USERNAME", "root", "MYSQL_PASSWORD", "m1", "MONGO_USERNAME", "openim", "MONGO_PASSWORD", "m2",
		"REDIS_PASSWORD", "m3", "MINIO_ACCESS_KEY_ID", "openim", "MINIO_SECRET_KEY", "m4", "OPENIM_SECRET", "m5",
		"MYSQL_ADDRESS", "0.0.0.0:13306", "MONGO_ADDRESS", "192.0.2.8:37017", "REDIS_ADDRESS", "192.0.2.8:16379",
		"KAFKA_ADDRESS", "192.0.2.8:9092", "ETCD_ADDRESS", "192.0.2.8:2379", "MINIO_ADDRESS", "0.0.0.0:10005",
	))
	must(t, err)
	main, usual := read(t, root, "config.yaml"), read(t, root, "usualConfig.yaml")
	for _, text := range []string{main, usual} {
		for _, want := range []struct {
			value string
			path  []string
		}{
			{"root", []string{"mysql", "dbMysqlUserName"}},
			{"m1", []string{"mysql", "dbMysqlPassword"}},
			{"openim", []string{"mongo", "dbUserName"}},
			{"m2", []string{"mongo", "dbPassword"}},
			{"m3", []string{"redis", "dbPassWord"}},
			{"openim", []string{"credential", "minio", "accessKeyID"}},
			{"m4", []string{"credential", "minio", "secretAccessKey"}},
			{"http://192.0.2.7:10005", []string{"credential", "minio", "endpoint"}},
			{"m5", []string{"secret"}},
			{"m5", []string{"etcd", "secret"}},
		} {
			if got := at(t, text, want.path...); got != want.value {
				t.Errorf("%v is %v, not %s", want.path, got, want.value)
			}
		}
	}
	for _, want := range []struct {
		value string
		path  []string
	}{
		{"127.0.0.1:13306", []string{"mysql", "dbMysqlAddress"}},
		{"192.0.2.8:16379", []string{"redis", "dbAddress"}},
		{"192.0.2.8:2379", []string{"etcd", "etcdAddr"}},
		{"192.0.2.8:9092", []string{"kafka", "ws2mschat", "addr"}},
		{"192.0.2.8:9092", []string{"kafka", "msgtomodify", "addr"}},
	} {
		list, ok := at(t, main, want.path...).([]interface{})
		if !ok || len(list) != 1 || list[0] != want.value {
			t.Errorf("%v is %v, not [%s]", want.path, at(t, main, want.path...), want.value)
		}
	}
	if got := at(t, main, "mongo", "dbAddress"); got != "192.0.2.8:37017" {
		t.Errorf("a text became %v", got)
	}
	if got := at(t, main, "credential", "minio", "endpointInner"); got != "http://127.0.0.1:10005" {
		t.Errorf("endpointInner is %v", got)
	}
	for _, comment := range []string{"# The class cannot", "#单机部署时，默认即可", "#mysql地址", "mysql密码", "当dbUri值不为空",
		"#  ws2mschatoffline:", "#rpc服务端口", "# 多端互踢策略", "# 存储内容桶", "# 端口数量"} {
		if !strings.Contains(main, comment) {
			t.Errorf("the comment %q is gone:\n%s", comment, main)
		}
	}
	if !strings.Contains(usual, "#true启动个推推送") || at(t, usual, "push", "getui", "enable") != false {
		t.Errorf("something else changed:\n%s", usual)
	}
	if at(t, main, "mongo", "dbUri") != "" || at(t, main, "mysql", "dbMsgTableNum") != 1 {
		t.Errorf("something else changed:\n%s", main)
	}
}

func TestPasswordsReadBackWhateverTheirCharacters(t *testing.T) {
	for _, password := range []string{
		"a: b # c", "'\"\\", "123456", "0x1F", "true", "null", "~", "- a", "{a: b}", "[", "&a", "*a", "!x", "%x", "@x", "`x",
		" leading and trailing ", "tab\tand\nline", "密码é\u00a0\u2028", "$HOME", "\x01\x7f", strings.Repeat("x ", 400),
	} {
		root := site(t)
		_, err := configure(root, os.Getuid(), environment("MYSQL_PASSWORD", password))
		must(t, err)
		for _, name := range []string{"config.yaml", "usualConfig.yaml"} {
			if got := at(t, read(t, root, name), "mysql", "dbMysqlPassword"); got != password {
				t.Errorf("%q came back as %q", password, got)
			}
		}
	}
}

func TestRefusesAPasswordThatIsNotText(t *testing.T) {
	root := site(t)
	if _, err := configure(root, os.Getuid(), environment("MYSQL_PASSWORD", "\xff")); err == nil {
		t.Error("it was taken")
	}
	if read(t, root, "config.yaml") != mainConfig {
		t.Error("the file changed")
	}
}

func TestKeepsAPersonsEditsAndFollowsTheEnvironment(t *testing.T) {
	root := site(t)
	_, err := configure(root, os.Getuid(), environment("MYSQL_PASSWORD", "first"))
	must(t, err)
	path := filepath.Join(root, "config", "config.yaml")
	edited := strings.Replace(read(t, root, "config.yaml"), "multiloginpolicy: 1", "multiloginpolicy: 2 # ours", 1)
	must(t, os.WriteFile(path, []byte(edited), 0o644))
	_, err = configure(root, os.Getuid(), environment("MYSQL_PASSWORD", "second"))
	must(t, err)
	text := read(t, root, "config.yaml")
	if at(t, text, "mysql", "dbMysqlPassword") != "second" || !strings.Contains(text, "multiloginpolicy: 2 # ours") {
		t.Errorf("got:\n%s", text)
	}
	_, err = configure(root, os.Getuid(), environment("MYSQL_PASSWORD", "second"))
	must(t, err)
	if read(t, root, "config.yaml") != text {
		t.Error("a start without news changed the file")
	}
}

func TestTheEndpointOfMinioCanBeGiven(t *testing.T) {
	root := site(t)
	_, err := configure(root, os.Getuid(), environment("HOST_ADDRESS", "2001:db8::7"))
	must(t, err)
	if got := at(t, read(t, root, "config.yaml"), "credential", "minio", "endpoint"); got != "http://[2001:db8::7]:10005" {
		t.Errorf("got %v", got)
	}
	_, err = configure(root, os.Getuid(), environment("HOST_ADDRESS", "192.0.2.7", "MINIO_ENDPOINT", "https://files.example"))
	must(t, err)
	if got := at(t, read(t, root, "config.yaml"), "credential", "minio", "endpoint"); got != "https://files.example" {
		t.Errorf("got %v", got)
	}
}

func TestNamesTheFileThatIsNotWhatItShouldBe(t *testing.T) {
	for text, want := range map[string]string{
		"a: [":          "config.yaml: yaml: ",
		"- a":           "config.yaml: expected a mapping at the top",
		"mysql: 3":      "config.yaml:1: expected a mapping for mysql",
		"mysql: [1, 2]": "config.yaml:1: expected a mapping for mysql",
	} {
		root := site(t)
		must(t, os.MkdirAll(filepath.Join(root, "config"), 0o755))
		must(t, os.WriteFile(filepath.Join(root, "config", "config.yaml"), []byte(text), 0o644))
		_, err := configure(root, os.Getuid(), environment("MYSQL_PASSWORD", "x"))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v", text, err)
		}
	}
}

func TestPlansOneInstanceForEachPort(t *testing.T) {
	root := site(t)
	config, err := configure(root, os.Getuid(), environment())
	must(t, err)
	lines := map[string]int{}
	for _, one := range plan(config) {
		lines[strings.Join(append([]string{one.program}, one.args...), " ")]++
	}
	for _, want := range []string{
		"open_im_user -port 10110 -prometheus_port 20110",
		"open_im_user -port 10111 -prometheus_port 20111",
		"open_im_msg_gateway -rpc_port 10140 -ws_port 10001",
		"open_im_msg_transfer -prometheus_port 21403",
		"open_im_cron_task",
		"open_im_demo -port 10004",
		"open_im_api -port 10002",
	} {
		if lines[want] != 1 {
			t.Errorf("%q is planned %d times: %v", want, lines[want], lines)
		}
	}
}

func TestLeavesTheDemoOutWhereItIsSwitchedOff(t *testing.T) {
	root := site(t)
	config, err := configure(root, os.Getuid(), environment())
	must(t, err)
	must(t, config.set("false", "demoswitch"))
	for _, one := range plan(config) {
		if one.program == "open_im_demo" {
			t.Error("it is started")
		}
	}
}

func TestReadsAnEmptyFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "config.yaml")
	must(t, os.WriteFile(path, nil, 0o600))
	config, err := readDocument(path)
	must(t, err)
	must(t, config.set("x", "a", "b"))
	must(t, config.save(os.Getuid()))
	text, err := os.ReadFile(path)
	must(t, err)
	if string(text) != "a:\n  b: \"x\"\n" {
		t.Errorf("got %q", text)
	}
}

package main

import (
	"net"
	"os"
	"path/filepath"
)

// The environment that owns values of the configuration. What is not set there is left as it is.
const (
	hostAddress = "HOST_ADDRESS"
	// Overrides the address that clients get for pictures and files: http://HOST_ADDRESS:10005.
	minioEndpoint = "MINIO_ENDPOINT"
)

// credentials are keys that both files have. The server takes a value of usualConfig.yaml only where
// config.yaml has none, so both are set.
var credentials = []struct {
	variable string
	path     []string
	secret   bool
}{
	{variable: "MYSQL_USERNAME", path: []string{"mysql", "dbMysqlUserName"}},
	{variable: "MYSQL_PASSWORD", path: []string{"mysql", "dbMysqlPassword"}, secret: true},
	{variable: "MONGO_USERNAME", path: []string{"mongo", "dbUserName"}},
	{variable: "MONGO_PASSWORD", path: []string{"mongo", "dbPassword"}, secret: true},
	{variable: "REDIS_PASSWORD", path: []string{"redis", "dbPassWord"}, secret: true},
	{variable: "MINIO_ACCESS_KEY_ID", path: []string{"credential", "minio", "accessKeyID"}},
	{variable: "MINIO_SECRET_KEY", path: []string{"credential", "minio", "secretAccessKey"}, secret: true},
	{variable: "OPENIM_SECRET", path: []string{"secret"}, secret: true},
	// The key under which the server leaves its whole configuration, passwords too, in etcd.
	{variable: "OPENIM_SECRET", path: []string{"etcd", "secret"}, secret: true},
}

// addresses are host:port of the other services, in config.yaml alone.
var addresses = []struct {
	variable string
	path     []string
}{
	{"MYSQL_ADDRESS", []string{"mysql", "dbMysqlAddress"}},
	{"MONGO_ADDRESS", []string{"mongo", "dbAddress"}},
	{"REDIS_ADDRESS", []string{"redis", "dbAddress"}},
	{"ETCD_ADDRESS", []string{"etcd", "etcdAddr"}},
}

// configure puts the files that came with the source in place where there are none, sets what the
// environment owns, and returns config.yaml.
func configure(root string, uid int, env func(string) string) (*document, error) {
	folder := filepath.Join(root, "config")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return nil, err
	}
	if err := handOver(folder, uid); err != nil {
		return nil, err
	}
	var files [2]*document
	for i, name := range []string{"config.yaml", "usualConfig.yaml"} {
		path := filepath.Join(folder, name)
		if missing(path) {
			text, err := os.ReadFile(filepath.Join(root, "config.default", name))
			if err != nil {
				return nil, err
			}
			if err := replaceFile(path, text, uid); err != nil {
				return nil, err
			}
		}
		file, err := readDocument(path)
		if err != nil {
			return nil, err
		}
		if err := setCredentials(file, env); err != nil {
			return nil, err
		}
		files[i] = file
	}
	if err := setAddresses(files[0], env); err != nil {
		return nil, err
	}
	return files[0], firstError(files[0].save(uid), files[1].save(uid))
}

func setCredentials(file *document, env func(string) string) error {
	for _, one := range credentials {
		if value := env(one.variable); value != "" {
			if err := file.set(value, one.path...); err != nil {
				return err
			}
		}
	}
	endpoint := env(minioEndpoint)
	if host := env(hostAddress); endpoint == "" && host != "" {
		endpoint = "http://" + net.JoinHostPort(host, "10005")
	}
	if endpoint == "" {
		return nil
	}
	return file.set(endpoint, "credential", "minio", "endpoint")
}

func setAddresses(config *document, env func(string) string) error {
	for _, one := range addresses {
		if value := env(one.variable); value != "" {
			if err := config.setList(reachable(value), one.path...); err != nil {
				return err
			}
		}
	}
	if value := env("KAFKA_ADDRESS"); value != "" {
		for _, topic := range config.keys("kafka") {
			if config.find("kafka", topic, "addr") != nil {
				if err := config.setList(reachable(value), "kafka", topic, "addr"); err != nil {
					return err
				}
			}
		}
	}
	if value := env("MINIO_ADDRESS"); value != "" {
		return config.set("http://"+reachable(value), "credential", "minio", "endpointInner")
	}
	return nil
}

// reachable is where to ask for what listens there: on every address of the host means on loopback too.
func reachable(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		return net.JoinHostPort("127.0.0.1", port)
	}
	return address
}

// shortestSecret is from where on a value is told apart from ordinary text, in bytes.
const shortestSecret = 6

// secrets are the values that no log may show.
func secrets(env func(string) string) []string {
	var values []string
	for _, one := range credentials {
		if value := env(one.variable); one.secret && len(value) >= shortestSecret {
			values = append(values, value)
		}
	}
	return values
}

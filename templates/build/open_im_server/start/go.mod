module openim_start

go 1.15

require gopkg.in/yaml.v3 v3.0.1

module Open_IM

go 1.15

require gopkg.in/yaml.v3 v3.0.1

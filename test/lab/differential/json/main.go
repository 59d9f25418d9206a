// Reads documents of images as engines do: with encoding/json, into structs with the fields and types
// that the OCI image-spec and Docker's image package give them. One document a line on standard input,
// "KIND BASE64"; one line of JSON for each on standard output: null where Go refuses it.
package main

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"os"
	"strings"
	"time"
)

type platform struct {
	Architecture string `json:"architecture"`
	OS           string `json:"os"`
	Variant      string `json:"variant,omitempty"`
}

type descriptor struct {
	MediaType    string            `json:"mediaType"`
	Digest       string            `json:"digest"`
	Size         int64             `json:"size"`
	Annotations  map[string]string `json:"annotations,omitempty"`
	Platform     *platform         `json:"platform,omitempty"`
	ArtifactType string            `json:"artifactType,omitempty"`
}

type manifest struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	Config        descriptor   `json:"config"`
	Layers        []descriptor `json:"layers"`
}

type index struct {
	SchemaVersion int          `json:"schemaVersion"`
	MediaType     string       `json:"mediaType,omitempty"`
	Manifests     []descriptor `json:"manifests"`
}

type config struct {
	Created *time.Time `json:"created,omitempty"`
	platform
	Config *struct {
		User         string              `json:"User,omitempty"`
		ExposedPorts map[string]struct{} `json:"ExposedPorts,omitempty"`
		Env          []string            `json:"Env,omitempty"`
		Entrypoint   []string            `json:"Entrypoint,omitempty"`
		Cmd          []string            `json:"Cmd,omitempty"`
		Volumes      map[string]struct{} `json:"Volumes,omitempty"`
		WorkingDir   string              `json:"WorkingDir,omitempty"`
		Labels       map[string]string   `json:"Labels,omitempty"`
		StopSignal   string              `json:"StopSignal,omitempty"`
		Healthcheck  *struct {
			Test []string `json:"Test,omitempty"`
		} `json:"Healthcheck,omitempty"`
		OnBuild []string `json:"OnBuild,omitempty"`
		Shell   []string `json:"Shell,omitempty"`
	} `json:"config,omitempty"`
	RootFS struct {
		Type    string   `json:"type"`
		DiffIDs []string `json:"diff_ids"`
	} `json:"rootfs"`
	History []struct {
		Created    *time.Time `json:"created,omitempty"`
		CreatedBy  string     `json:"created_by,omitempty"`
		Comment    string     `json:"comment,omitempty"`
		EmptyLayer bool       `json:"empty_layer,omitempty"`
	} `json:"history,omitempty"`
}

func read(kind string, document []byte) any {
	switch kind {
	case "config":
		var into config
		if json.Unmarshal(document, &into) == nil {
			// Some times that can be read cannot be written.
			into.Created = nil
			for at := range into.History {
				into.History[at].Created = nil
			}
			return into
		}
	case "index":
		var into index
		if json.Unmarshal(document, &into) == nil {
			return into
		}
	case "manifest":
		var into manifest
		if json.Unmarshal(document, &into) == nil {
			return into
		}
	}
	return nil
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	answers := json.NewEncoder(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		kind, text, _ := strings.Cut(strings.TrimSpace(line), " ")
		document, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			panic(err)
		}
		if err := answers.Encode(read(kind, document)); err != nil {
			panic(err)
		}
	}
}

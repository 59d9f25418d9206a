package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"gopkg.in/yaml.v3"
)

// document is a YAML file of which single values change while order, comments and all else stay.
type document struct {
	path    string
	tree    yaml.Node
	changed bool
}

func readDocument(path string) (*document, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	d := &document{path: path}
	if err := yaml.Unmarshal(text, &d.tree); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if d.tree.Kind == 0 {
		d.tree = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	if d.tree.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s: expected a mapping at the top", path)
	}
	return d, nil
}

// find is the value at a path of keys, or nil.
func (d *document) find(path ...string) *yaml.Node {
	node := d.tree.Content[0]
	for _, key := range path {
		if node = child(node, key); node == nil {
			return nil
		}
	}
	return node
}

// keys are those of the mapping at a path, in their order.
func (d *document) keys(path ...string) []string {
	node := d.find(path...)
	if node == nil || node.Kind != yaml.MappingNode {
		return nil
	}
	var keys []string
	for i := 0; i < len(node.Content); i += 2 {
		keys = append(keys, node.Content[i].Value)
	}
	return keys
}

// text is the scalar at a path as it is written, or nothing.
func (d *document) text(path ...string) string {
	if node := d.find(path...); node != nil && node.Kind == yaml.ScalarNode {
		return node.Value
	}
	return ""
}

// ports are the numbers in the list at a path.
func (d *document) ports(path ...string) []int {
	var ports []int
	if node := d.find(path...); node != nil && len(path) > 0 {
		if err := node.Decode(&ports); err != nil {
			return nil
		}
	}
	return ports
}

// set makes the value at a path this text. Missing keys are made.
func (d *document) set(value string, path ...string) error {
	node, err := d.reach(path)
	if err != nil {
		return err
	}
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str" && node.Value == value {
		return nil
	}
	d.changed = true
	become(node, scalar(value))
	return nil
}

// setList makes the value at a path a list of this one text, or this text where the file has a text.
func (d *document) setList(value string, path ...string) error {
	node, err := d.reach(path)
	if err != nil {
		return err
	}
	if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!str" {
		return d.set(value, path...)
	}
	if node.Kind == yaml.SequenceNode && len(node.Content) == 1 && node.Content[0].Value == value {
		return nil
	}
	d.changed = true
	become(node, yaml.Node{
		Kind:    yaml.SequenceNode,
		Tag:     "!!seq",
		Style:   yaml.FlowStyle,
		Content: []*yaml.Node{{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle}},
	})
	return nil
}

// save writes the file if anything changed. Either way it is the user's, who alone can read it. The
// file is replaced as a whole, so that nothing ever reads half of it.
func (d *document) save(uid int) error {
	if !d.changed {
		if err := os.Chmod(d.path, 0o600); err != nil {
			return err
		}
		return handOver(d.path, uid)
	}
	var text bytes.Buffer
	encoder := yaml.NewEncoder(&text)
	encoder.SetIndent(2)
	if err := encoder.Encode(&d.tree); err != nil {
		return fmt.Errorf("%s: %w", d.path, err)
	}
	return replaceFile(d.path, text.Bytes(), uid)
}

func replaceFile(path string, content []byte, uid int) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	err = firstError(err, file.Sync(), file.Close())
	if err == nil {
		err = handOver(file.Name(), uid)
	}
	if err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		os.Remove(file.Name())
	}
	return err
}

// reach finds the value at a path and makes what is missing on the way.
func (d *document) reach(path []string) (*yaml.Node, error) {
	node := d.tree.Content[0]
	for i, key := range path {
		if node.Kind == yaml.ScalarNode && node.ShortTag() == "!!null" {
			become(node, yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"})
		}
		if node.Kind != yaml.MappingNode {
			return nil, fmt.Errorf("%s:%d: expected a mapping for %s", d.path, node.Line, strings.Join(path[:i], "."))
		}
		next := child(node, key)
		if next == nil {
			next = &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null"}
			node.Content = append(node.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, next)
		}
		node = next
	}
	return node, nil
}

func child(node *yaml.Node, key string) *yaml.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// become gives a node another value, and leaves its comments.
func become(node *yaml.Node, value yaml.Node) {
	value.HeadComment, value.LineComment, value.FootComment = node.HeadComment, node.LineComment, node.FootComment
	*node = value
}

// scalar is a text that reads back as the same text, whatever characters it has.
func scalar(value string) yaml.Node {
	return yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: value, Style: yaml.DoubleQuotedStyle}
}

func firstError(all ...error) error {
	for _, err := range all {
		if err != nil {
			return err
		}
	}
	return nil
}

func missing(path string) bool {
	_, err := os.Stat(path)
	return errors.Is(err, os.ErrNotExist)
}

// Answers each tar, a line of base64, with what Go's archive/tar reads of it, a line of JSON.
package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

type entry struct {
	// Base64, as names are bytes.
	Name string `json:"name"`
	Path string `json:"path"`
	Link string `json:"link"`
	Flag int    `json:"flag"`
	Size int64  `json:"size"`
	Mode int64  `json:"mode"`
	Null bool   `json:"null,omitempty"`
	// CRC-32 of the content, as it is unpacked.
	Sum uint32 `json:"sum"`
}

type reading struct {
	Entries []entry `json:"entries"`
	// Go refuses it, behind these entries.
	Refused bool `json:"refused"`
}

// Holes may be larger than any disk.
const most = 1 << 26

func read(archive []byte) reading {
	found := reading{Entries: []entry{}}
	reader := tar.NewReader(bytes.NewReader(archive))
	for {
		header, err := reader.Next()
		if err == io.EOF {
			return found
		}
		if err != nil {
			found.Refused = true
			return found
		}
		sum := crc32.NewIEEE()
		switch {
		case header.Typeflag != tar.TypeReg && header.Typeflag != tar.TypeGNUSparse:
			// What follows it is passed over; a sparse map was read with the header.
		case header.Size <= most:
			_, err = io.Copy(sum, reader)
		default:
			_, err = io.CopyN(io.Discard, reader, most)
		}
		if err != nil {
			found.Refused = true
			return found
		}
		base := base64.StdEncoding
		one := entry{
			Name: base.EncodeToString([]byte(header.Name)),
			Path: base.EncodeToString([]byte(filepath.Clean(header.Name))),
			Link: base.EncodeToString([]byte(header.Linkname)),
			Flag: int(header.Typeflag),
			Size: header.Size,
			Mode: header.Mode,
			Null: header.Typeflag == tar.TypeChar && header.Devmajor == 0 && header.Devminor == 0,
			Sum:  sum.Sum32(),
		}
		found.Entries = append(found.Entries, one)
	}
}

func main() {
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	lines := json.NewEncoder(out)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		archive, err := base64.StdEncoding.DecodeString(line[:len(line)-1])
		if err != nil {
			os.Exit(1)
		}
		if err := lines.Encode(read(archive)); err != nil {
			os.Exit(1)
		}
	}
}

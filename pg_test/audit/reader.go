// Reads pg_test/audit/sample with Go's own note and tlog: `go run reader.go FOLDER`.
package main

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func must(err error) {
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func read(name string) string {
	content, err := os.ReadFile(filepath.Join(os.Args[1], name))
	must(err)
	return string(content)
}

func main() {
	verifier, err := note.NewVerifier(strings.TrimSpace(read("key")))
	must(err)
	_, err = note.Open([]byte(read("tenant-note")), note.VerifierList(verifier))
	must(err)
	opened, err := note.Open([]byte(read("checkpoint")), note.VerifierList(verifier))
	must(err)
	lines := strings.Split(opened.Text, "\n")
	size, err := strconv.ParseInt(lines[1], 10, 64)
	must(err)
	root, err := base64.StdEncoding.DecodeString(lines[2])
	must(err)

	folder := strings.TrimPrefix(lines[0], "splitplane-audit/")
	content := read(filepath.Join(folder, "hashes"))
	var stored []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		var found []tlog.Hash
		for _, index := range indexes {
			found = append(found, stored[index])
		}
		return found, nil
	})
	for number := int64(0); number < size; number++ {
		var leaf tlog.Hash
		copy(leaf[:], content[32*number:])
		more, err := tlog.StoredHashesForRecordHash(number, leaf, reader)
		must(err)
		stored = append(stored, more...)
	}
	tree, err := tlog.TreeHash(size, reader)
	must(err)
	if !bytes.Equal(tree[:], root) {
		fmt.Println("another root")
		os.Exit(1)
	}

	scanner := bufio.NewScanner(strings.NewReader(read("export")))
	scanner.Scan()
	entries := 0
	for scanner.Scan() {
		var line struct {
			Entry string
			Proof []string
		}
		must(json.Unmarshal(scanner.Bytes(), &line))
		var entry struct{ Sequence int64 }
		must(json.Unmarshal([]byte(line.Entry), &entry))
		var proof tlog.RecordProof
		for _, text := range line.Proof {
			var hash tlog.Hash
			raw, err := hex.DecodeString(text)
			must(err)
			copy(hash[:], raw)
			proof = append(proof, hash)
		}
		must(tlog.CheckRecord(proof, size, tree, entry.Sequence, tlog.RecordHash([]byte(line.Entry))))
		entries++
	}
	fmt.Println("entries", entries)
}

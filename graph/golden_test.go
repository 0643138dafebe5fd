package graph_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write what is answered to testdata/ instead of comparing")

// volatile are the values that differ from run to run.
var volatile = regexp.MustCompile(`"(?P<key>cursor|asOf|startCursor|endCursor|sortKey|requestId|secret)":"(?P<opaque>[^"]+)"` +
	`|"(?P<quantile>p50|p90)":[0-9.e-]+` +
	`|(?P<id>\b(?:agent|contact|conv|msg|evt|ws|token|wf|run)_[0-9a-z]{26}\b)` +
	`|(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z)`)

// stable puts placeholders for ids, cursors and times, numbered in the order in which
// they first appear, so that what is equal stays equal.
func stable(text []byte) []byte {
	names, counts := map[string]string{}, map[string]int{}
	name := func(kind, value string) string {
		if names[value] == "" {
			counts[kind]++
			names[value] = fmt.Sprintf("%s_%d", kind, counts[kind])
		}
		return names[value]
	}
	return volatile.ReplaceAllFunc(text, func(found []byte) []byte {
		parts := volatile.FindSubmatch(found)
		switch key, opaque, quantile, id := string(parts[1]), string(parts[2]), string(parts[3]), string(parts[4]); {
		case key == "requestId":
			return fmt.Appendf(nil, `"requestId":"%s"`, name("request", opaque))
		case key != "":
			return fmt.Appendf(nil, `"%s":"%s"`, key, name("cursor", opaque))
		case quantile != "":
			return fmt.Appendf(nil, `"%s":"seconds"`, quantile)
		case id != "":
			prefix, _, _ := strings.Cut(id, "_")
			return []byte(name(prefix, id))
		}
		return []byte(name("time", string(found)))
	})
}

// golden compares an answer with a file of testdata/.
func golden(t *testing.T, file string, answered []byte) {
	t.Helper()
	var got bytes.Buffer
	if err := json.Indent(&got, stable(answered), "", "  "); err != nil {
		t.Fatalf("%v: %s", err, answered)
	}
	got.WriteByte('\n')
	path := filepath.Join("testdata", file+".json")
	if *update {
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, got.Bytes(), 0o644))
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("%v (go test ./graph -update writes it)", err)
	}
	if !bytes.Equal(got.Bytes(), want) {
		t.Errorf("%s differs (if it should, go test ./graph -update):\n%s", path, difference(string(want), got.String()))
	}
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range max(len(wanted), len(gotten)) {
		if i >= len(wanted) || i >= len(gotten) || wanted[i] != gotten[i] {
			from := max(0, i-5)
			return fmt.Sprintf("line %d\nwant:\n%s\ngot:\n%s", i+1,
				strings.Join(wanted[min(from, len(wanted)):min(i+8, len(wanted))], "\n"),
				strings.Join(gotten[min(from, len(gotten)):min(i+8, len(gotten))], "\n"))
		}
	}
	return ""
}

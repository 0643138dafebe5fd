package service_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"switchboard/service"
)

// TestRightsAreDocumented compares the tables in docs/roles.md with the table of rights.
// go test ./service -run TestRightsAreDocumented -update writes them.
func TestRightsAreDocumented(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../docs/roles.md", "<!-- generated from service/right.go: begin -->\n", "<!-- generated from service/right.go: end -->\n"
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, begins := strings.Cut(string(text), begin)
	_, after, ends := strings.Cut(rest, end)
	if !begins || !ends {
		t.Fatalf("%s has no generated part", file)
	}
	switch want := before + begin + rightsAsMarkdown() + end + after; {
	case want == string(text):
	case *update:
		if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what service/right.go says; run go test ./service -run TestRightsAreDocumented -update", file)
	}
}

func rightsAsMarkdown() string {
	var b strings.Builder
	root := ""
	for _, right := range service.Rights() {
		if right.Root != root {
			root = right.Root
			b.WriteString("\n| " + root)
			for _, role := range service.Roles {
				b.WriteString(" | `" + string(role) + "`")
			}
			b.WriteString(" |\n|---" + strings.Repeat("|:-:", len(service.Roles)) + "|\n")
		}
		b.WriteString("| `" + right.Verb + "`")
		for _, role := range service.Roles {
			if slices.Contains(right.Roles, role) {
				b.WriteString(" | ✓")
			} else {
				b.WriteString(" | ")
			}
		}
		b.WriteString(" |\n")
	}
	return b.String() + "\n"
}

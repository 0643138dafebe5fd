package document

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"switchboard/db"
)

// Normal returns an answer in a form that is the same for all servers: typed ids as uuids, times in
// UTC, types of events without their spelling, page cursors left out.
func Normal(answer []byte) (string, error) {
	var decoded struct{ Data, Errors any }
	decoder := json.NewDecoder(bytes.NewReader(answer))
	decoder.UseNumber()
	if err := decoder.Decode(&decoded); err != nil {
		return "", err
	}
	if decoded.Errors != nil {
		return "", fmt.Errorf("the server answered %.1000s", answer)
	}
	text, err := json.MarshalIndent(normal("", decoded.Data), "", " ")
	return string(text), err
}

func normal(name string, value any) any {
	switch value := value.(type) {
	case map[string]any:
		if total, counted := value["totalCount"]; counted && len(value) == 1 {
			return total
		}
		if counts, wrapped := value["inboxCounts"]; wrapped {
			return normal(name, counts)
		}
		delete(value, "endCursor")
		for field, inner := range value {
			value[field] = normal(field, inner)
		}
	case []any:
		for i, inner := range value {
			value[i] = normal(name, inner)
		}
	case string:
		return normalText(name, value)
	}
	return value
}

func normalText(name, text string) string {
	switch {
	case name == "id":
		if _, id, err := db.ParseID(text); err == nil && strings.Contains(text, "_") {
			return id.String()
		}
	case name == "type":
		return strings.ToUpper(strings.ReplaceAll(text, "_", ""))
	case strings.HasSuffix(name, "At") || name == "waitingSince":
		if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
			return at.UTC().Format(time.RFC3339Nano)
		}
	}
	return text
}

// Difference returns where two normal answers begin to differ; empty if they are equal.
func Difference(a, b string) string {
	if a == b {
		return ""
	}
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	from := max(0, at-200)
	return fmt.Sprintf("%s\n --- differs from ---\n%s", a[from:min(len(a), at+200)], b[from:min(len(b), at+200)])
}

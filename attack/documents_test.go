package attack

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// TestDocuments: any refused document costs at most 10 ms and 5 MiB, and its answer has at most
// 4 KiB, on every way in.
func TestDocuments(t *testing.T) {
	s := start(t)
	var rows []row
	for _, d := range documents {
		for way, send := range ways {
			r := row{name: d.name + "/" + way, send: send(d.text), code: d.code, message: d.message}
			if way == "GET" && len(d.text) > 4<<10 {
				r.code, r.message, r.status = "", "", 0 // the URL is too long
			}
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, func(a, b row) int { return strings.Compare(a.name, b.name) })
	s.attack(rows)
}

// TestRequests: what is no request for one operation is refused before it is parsed.
func TestRequests(t *testing.T) {
	start(t).attack([]row{
		{name: "a batch", send: body(`[` + strings.Repeat(`{"query":"{asOf}"},`, 1000) + `{"query":"{asOf}"}]`), status: 400, code: "BAD_USER_INPUT", message: "batch"},
		{name: "no HTTP", send: raw("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n"), status: 400},
	})
}

// A document is one that must be refused.
type document struct{ name, text, code, message string }

const tooMuch, wrong, unparsed = "OPERATION_LIMIT", "GRAPHQL_VALIDATION_FAILED", "GRAPHQL_PARSE_FAILED"

var documents = []document{
	{"a document of 65 KiB", "{asOf}" + strings.Repeat(",", 65<<10), tooMuch, "64 KiB"},
	{"a directive that is not supported", `{ viewer { ... @defer { id } } }`, wrong, "@defer"},
	{"4 a field 40,000 times", `{viewer{` + strings.Repeat("id ", 40_000) + `}}`, tooMuch, ""},
	{"4 a field 21,000 times", `{viewer{` + strings.Repeat("id ", 21_000) + `}}`, tooMuch, "tokens"},
	{"4 a field 990 times", `{viewer{` + strings.Repeat("id ", 990) + `}}`, tooMuch, "20 times"},
	{"4 a field 400 times with arguments", `{` + strings.Repeat(`node(id:"x"){id}`, 100) + `}`, tooMuch, "20 times"},
	{"4 fragments that double over 15 levels", doubling(15, `contact{conversations{nodes{`, `}}}`), tooMuch, ""},
	{"fragments that double over 60 levels", doublingSpreads(60), tooMuch, ""},
	{"inline fragments that double", `{viewer{...{` + strings.Repeat("...{", 200) + "id" + strings.Repeat("}", 200) + `}}` + strings.Repeat(`...V `, 20) + `} fragment V on Query{viewer{` + strings.Repeat("...{", 200) + "id" + strings.Repeat("}", 200) + `}}`, tooMuch, ""},
	{"4 many faults", `{` + strings.Repeat("x", 31<<10) + ` ` + strings.Repeat("y", 31<<10) + `}`, wrong, ""},
	{"4 900 faults", `{viewer{` + words("x", 900) + `}}`, wrong, ""},
	{"4 conflicts", `{viewer{` + strings.Repeat("k:id k:name ", 10) + `}}`, wrong, ""},
	{"4 conflicts within fragments", `{inbox{nodes{contact{...A ...B}}}} fragment A on Contact{` + strings.Repeat("k:id ", 10) + `} fragment B on Contact{` + strings.Repeat("k:name ", 10) + `}`, wrong, ""},
	{"depth 11", nested(11), tooMuch, "10 levels"},
	{"depth 300", nested(300), tooMuch, "10 levels"},
	{"depth 50,000", `{` + strings.Repeat("a{", 30_000) + "a" + strings.Repeat("}", 30_000) + `}`, tooMuch, ""},
	{"depth 11 over fragments", `{inbox{...A}} fragment A on InboxConnection{nodes{...B}} fragment B on Conversation{` + strings.Repeat("contact{latestConversation{", 4) + "id" + strings.Repeat("}}", 4) + `}`, tooMuch, "10 levels"},
	{"10,000 aliases", `{` + aliases(10_000) + `}`, tooMuch, ""},
	{"31 aliases", `{viewer{` + aliases(31) + `}}`, tooMuch, "aliases"},
	{"31 aliases in unused fragments", `{asOf} fragment A on Agent{` + aliases(16) + `} fragment B on Agent{` + aliases(15) + `}`, tooMuch, "aliases"},
	{"21 root fields", `{` + words("a", 21) + `}`, tooMuch, "root fields"},
	{"6 mutations", `mutation{` + strings.ReplaceAll(words("m", 6), " ", ":markRead(input:{conversationId:\"x\"}){userErrors{code}} ") + `}`, tooMuch, "root fields"},
	{"50,000 directives", `{asOf ` + strings.Repeat("@a", 30_000) + `}`, tooMuch, ""},
	{"21 directives", `{asOf ` + strings.Repeat("@a", 21) + `}`, tooMuch, "directives"},
	{"a cycle of fragments", `{...A} fragment A on Query{...B} fragment B on Query{...A}`, wrong, ""},
	{"an unused cycle of fragments", `{asOf} fragment A on Query{...A}`, wrong, ""},
	{"two fragments of one name", `{...A} fragment A on Query{asOf} fragment A on Query{` + words("x", 900) + `}`, wrong, ""},
	{"fragments that spread each other", mesh(40), tooMuch, ""},
	{"64 KiB of commas", strings.Repeat(",", 63<<10), wrong, ""},
	{"64 KiB of comments", strings.Repeat("#\n", 31<<10) + "{asOf}", tooMuch, "tokens"},
	{"unclosed braces × 30,000", strings.Repeat("{", 30_000), unparsed, ""},
	{"unclosed brackets in an argument", `{node(id:` + strings.Repeat("[", 900), unparsed, ""},
	{"nested lists in an argument", `{node(id:` + strings.Repeat("[", 450) + strings.Repeat("]", 450) + `){id}}`, wrong, ""},
	{"nested objects in an argument", `{inbox(filter:` + strings.Repeat("{a:", 200) + `1` + strings.Repeat("}", 200) + `){totalCount}}`, wrong, ""},
	{"a long string without an end", `{node(id:"` + strings.Repeat("a", 60<<10), unparsed, ""},
	{"a long block string", `{node(id:"""` + strings.Repeat("\n ", 30<<10) + `"""){x}}`, wrong, ""},
	{"a long number", `{contacts(first:1` + strings.Repeat("0", 60<<10) + `){nodes{id}}}`, wrong, ""},
	{"an Int of 33 bits", `{contacts(first:2147483648){nodes{id}}}`, wrong, "32 bits"},
	{"half of a surrogate pair", `{contacts(search:"\uD83D"){nodes{id}}}`, wrong, "surrogate"},
	{"two anonymous operations", `{asOf} {asOf}`, wrong, ""},
	{"21 named operations", operations(21), tooMuch, "operations"},
	{"101 variables", `query(` + strings.ReplaceAll(words("$v", 101), " ", ":Int ") + `){asOf}`, tooMuch, "variables"},
	{"a cost of more than 10,000", `{inbox(first:100){nodes{messages(first:100){nodes{id}}}}}`, tooMuch, "cost"},
	{"a subscription with two fields", `subscription{statusChanged{id} assignmentChanged{id}}`, wrong, ""},
	{"7 a field that is spelt wrongly", `{viewe{id}}`, wrong, "viewe"},
	{"introspection", `{__schema{types{name}}}`, wrong, "introspection"},
	{"introspection of one type", `{__type(name:"Agent"){name}}`, wrong, "introspection"},
	{"types within types", `{__schema{types{` + strings.Repeat("fields{type{", 60) + "name" + strings.Repeat("}}", 60) + `}}}`, tooMuch, ""},
	{"no document", ``, wrong, ""},
	{"no operation", `fragment A on Query{asOf}`, wrong, ""},
	{"a schema", `type Query{a:Int}`, unparsed, ""},
}

// nested returns a document whose fields are nested this deep.
func nested(depth int) string {
	return `{inbox{nodes` + strings.Repeat("{contact{latestConversation", depth/2) + `{id}` + strings.Repeat("}}", depth/2) + `}}`
}

// words returns a word with each number up to n, each followed by a space.
func words(word string, n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "%s%d ", word, i)
	}
	return text.String()
}

func aliases(n int) string { return strings.ReplaceAll(words("a", n), " ", ":id ") }

func operations(n int) string {
	var text strings.Builder
	for i := range n {
		fmt.Fprintf(&text, "query Q%d{asOf}", i)
	}
	return text.String()
}

// doubling returns a document whose fragments each select the next one twice.
func doubling(levels int, before, after string) string {
	var text strings.Builder
	text.WriteString("{inbox{nodes{...F0}}}")
	for i := range levels {
		fmt.Fprintf(&text, " fragment F%d on Conversation{a:%s...F%d%s b:%[2]s...F%[3]d%s}", i, before, i+1, after)
	}
	fmt.Fprintf(&text, " fragment F%d on Conversation{id}", levels)
	return text.String()
}

// doublingSpreads returns a document whose fragments each spread the next one twice.
func doublingSpreads(levels int) string {
	var text strings.Builder
	text.WriteString("{...F0}")
	for i := range levels {
		fmt.Fprintf(&text, " fragment F%d on Query{...F%d ...F%[2]d}", i, i+1)
	}
	fmt.Fprintf(&text, " fragment F%d on Query{asOf}", levels)
	return text.String()
}

// mesh returns a document whose fragments each spread all later ones.
func mesh(n int) string {
	var text strings.Builder
	text.WriteString("{...F0}")
	for i := range n {
		fmt.Fprintf(&text, " fragment F%d on Query{asOf", i)
		for later := i + 1; later < n; later++ {
			fmt.Fprintf(&text, " ...F%d", later)
		}
		text.WriteString("}")
	}
	return text.String()
}

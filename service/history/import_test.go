package history

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

func readSample(t *testing.T) []Record {
	t.Helper()
	f, err := os.Open("testdata/import.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, _, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func (w *world) importAll(records []Record) Result {
	w.T.Helper()
	result, err := Import(w.T.Context(), w.Service.Service, w.Manager.Workspace, "twitter", records, nil)
	if err != nil {
		w.T.Fatal(err)
	}
	return result
}

// past returns a record with one message.
func past(contact, company, at, body string) Record {
	opened, err := time.Parse(time.RFC3339, at)
	if err != nil {
		panic(err)
	}
	return Record{
		Line: 1, Company: company, Contact: Contact{contact, "Contact " + contact}, OpenedAt: opened,
		Messages: []Message{{opened, FromContact, body}},
	}
}

func TestReadImport(t *testing.T) {
	t.Parallel()
	f, err := os.Open("testdata/import.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, bad, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, r := range records {
		lines = append(lines, r.Line)
	}
	if want := []int{2, 1, 3, 7, 16, 17, 18, 6}; !reflect.DeepEqual(lines, want) {
		t.Errorf("got lines %v, want %v", lines, want)
	}
	if r := records[2]; r.Messages[0].From != FromContact || r.Messages[1].From != FromAgent {
		t.Errorf("messages are not in the order of their times: %+v", r.Messages)
	}
	if r := records[7]; r.ClosingNote != nil || r.OpenedAt.Hour() != 9 || r.OpenedAt.Location() != time.UTC {
		t.Errorf("the blank note or the time zone stayed: %+v", r)
	}
	want := []Problem{
		{5, "this is not valid JSON, at byte 61 of the line: unexpected EOF"},
		{8, "company is missing or empty"},
		{9, "messages must have at least one message"},
		{10, "messages[0].at, 2021-03-06T11:00:00Z, is before openedAt or the message before it, 2021-03-06T12:00:00Z"},
		{11, `openedAt must be a time such as 2020-04-01T17:31:32Z`},
		{12, `messages[0].from must be "contact" or "agent", not "bot"`},
		{13, "messages[0].body contains characters that are not valid text"},
		{14, "contact.name must be a text, not a number"},
		{15, "company has 201 characters; at most 200 are allowed"},
	}
	if !reflect.DeepEqual(bad, want) {
		for i := range max(len(bad), len(want)) {
			t.Errorf("got  %+v\nwant %+v", bad[min(i, len(bad)-1)], want[min(i, len(want)-1)])
		}
	}
}

// TestUnreadableImport: a file that does not contain records is refused as a whole.
func TestUnreadableImport(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"\x1f\x8b\x08":              "compressed",
		"PK\x03\x04":                "compressed",
		"\xff\xfe{\x00":             "UTF-16",
		"\x7fELF\x00":               "not text",
		"[\n  {\"company\": \"A\"}": "jq -c '.[]'",
		"\ufeff{\r\n":               "jq -c .",
	} {
		records, bad, err := Read(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), says) || records != nil || bad != nil {
			t.Errorf("%q: %v, %v, %v", text, records, bad, err)
		}
	}
}

// TestImportExternalIDs: a line whose id is known counts as already imported, and changes nothing.
func TestImportExternalIDs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	line := func(id, contact, body string) string {
		return fmt.Sprintf(`{"externalId":%q,"company":"A","contact":{"externalId":%q,"name":"B"},"openedAt":"2021-01-01T00:00:00Z","messages":[{"at":"2021-01-01T00:00:00Z","from":"contact","body":%q}]}`+"\n", id, contact, body)
	}
	runs := func(channel, text string) string {
		t.Helper()
		records, bad, err := Read(strings.NewReader(text))
		servicetest.Fine(t, err)
		r, err := Import(w.Context(), w.Service.Service, w.Manager.Workspace, channel, records, nil)
		servicetest.Fine(t, err)
		return fmt.Sprintf("added %d, known %d, contacts %d, skipped %d", r.Added, r.Known, r.Contacts, len(bad)+len(r.Problems))
	}
	long := strings.Repeat("ř", 100_000)
	servicetest.Equal(t, "first", runs("email", line("t-1", "Cora@x.example", "hi")+line("t-2", "cora@X.example", long)), "added 2, known 0, contacts 1, skipped 0")
	servicetest.Equal(t, "one changed, one new", runs("Email", line("t-1", "eve@x.example", "changed")+line("t-3", "cora@x.example", "hi")), "added 1, known 1, contacts 0, skipped 0")
	servicetest.Equal(t, "twice in a file", runs("email", line("t-4", "cora@x.example", "one")+line("t-4", "cora@x.example", "two")), "added 1, known 1, contacts 0, skipped 0")
	servicetest.Equal(t, "on another channel", runs("chat", line("t-1", "cora", "hi")), "added 1, known 0, contacts 1, skipped 0")
	servicetest.Equal(t, "too long", runs("email", line("t-5", "cora@x.example", long+"x")), "added 0, known 0, contacts 0, skipped 1")
}

// TestImportOfWhatShowsNothing: texts of invisible characters only are treated as in the API.
func TestImportOfWhatShowsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, nothing := range []string{"\u200b", "\u3164", "\u2800\u00ad"} {
		read := func(id, company, contact, name, note string) ([]Record, []Problem) {
			t.Helper()
			line, err := json.Marshal(map[string]any{
				"externalId": id, "company": company, "contact": map[string]string{"externalId": contact, "name": name}, "openedAt": "2021-01-01T00:00:00Z",
				"closingNote": note, "messages": []map[string]string{{"at": "2021-01-01T00:00:00Z", "from": "contact", "body": "hi"}},
			})
			servicetest.Fine(t, err)
			records, bad, err := Read(bytes.NewReader(line))
			servicetest.Fine(t, err)
			return records, bad
		}
		refused := func(records []Record, bad []Problem) (says string) {
			t.Helper()
			if len(bad) != 1 || len(records) != 0 {
				t.Errorf("%q was read: %+v, %+v", nothing, records, bad)
				return ""
			}
			return bad[0].Message
		}
		servicetest.Equal(t, "company", refused(read("", nothing, "c", "Cora", "")), "company must have characters that can be seen")
		for _, id := range []string{" ", nothing} {
			servicetest.Equal(t, "contact", refused(read("", "Acorn", id, "Cora", "")), "contact.externalId is blank: give the id under which the contact can be answered")
			servicetest.Equal(t, "conversation", refused(read(id, "Acorn", "c", "Cora", "")), "externalId is blank: give the id of the conversation, or leave externalId out")
		}

		id := fmt.Sprintf("contact %q", nothing)
		records, bad := read(id, "Acorn", id, nothing, nothing)
		if r := w.importAll(records); r.Added != 1 || len(bad)+len(r.Problems) != 0 {
			t.Fatalf("%+v, %+v", r, bad)
		}
		contacts, err := w.Contacts(w.Context(), w.Manager, service.ContactsInput{OrderBy: &service.ContactOrder{Field: service.ContactCreatedAt, Direction: service.Descending}})
		servicetest.Fine(t, err)
		servicetest.Equal(t, "name", contacts.Rows[0].Name, id)
		latest, err := w.LatestConversations(w.Context(), w.Manager, []db.ContactID{contacts.Rows[0].ID})
		servicetest.Fine(t, err)
		if latest[0].ClosingText != nil {
			t.Errorf("the closing note is %q", *latest[0].ClosingText)
		}
	}
}

func TestReadImportOfBrokenText(t *testing.T) {
	t.Parallel()
	const good = `{"company":"A","contact":{"externalId":"1","name":"B"},"openedAt":"2021-01-01T00:00:00Z","messages":[{"at":"2021-01-01T00:00:00Z","from":"contact","body":"hi"}]}`
	for name, c := range map[string]struct{ text, problem string }{
		"good":            {good, ""},
		"windows":         {"\ufeff" + good + "\r\n\r\n", ""},
		"huge":            {strings.Repeat("x", maxLine+1), "longer than 4 MiB"},
		"not utf-8":       {strings.Replace(good, "hi", "\xff", 1), "invalid UTF-8"},
		"lone surrogate":  {strings.Replace(good, "hi", `\ud800`, 1), "surrogate"},
		"two in a line":   {good + good, "after top-level value"},
		"a list":          {"[]", "the line must be an object, not a list"},
		"null":            {"null", "company is missing"},
		"messages object": {strings.Replace(good, "[", "{", 1), "messages must be a list, not an object"},
		"no time":         {strings.Replace(good, `"at":"2021-01-01T00:00:00Z",`, "", 1), "messages[0].at is missing"},
		"time a number":   {strings.Replace(good, `"at":"2021-01-01T00:00:00Z"`, `"at":7`, 1), "messages[0].at must be a time such as"},
		"long ago":        {strings.ReplaceAll(good, "2021", "0021"), "before 1970"},
		"twice":           {strings.Replace(good, `{"company"`, `{"company":"C","company"`, 1), "duplicate"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			records, bad, err := Read(strings.NewReader(c.text + "\n" + good))
			if err != nil {
				t.Fatal(err)
			}
			if c.problem == "" && (len(records) != 2 || len(bad) != 0) {
				t.Errorf("got %v and problems %v", records, bad)
			}
			if c.problem != "" && (len(records) != 1 || len(bad) != 1 || bad[0].Line != 1 || !strings.Contains(bad[0].Message, c.problem)) {
				t.Errorf("got %d records and problems %v, want %q", len(records), bad, c.problem)
			}
		})
	}
	if _, _, err := Read(brokenReader{}); !errors.Is(err, errBroken) {
		t.Errorf("got %v", err)
	}
}

var errBroken = errors.New("broken")

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errBroken }

func TestImport(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	if _, err := w.InboxCounts(ctx, w.Manager); err != nil { // starts the projection
		t.Fatal(err)
	}
	records := readSample(t)
	got := w.importAll(records)
	if want := (Result{Added: 8, Agents: 2, Contacts: 4, Messages: 12}); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	w.CheckWorkspace()
	w.checkImported(records)
	if again := w.importAll(records); !reflect.DeepEqual(again, Result{Known: 8}) {
		t.Errorf("the second run did %+v", again)
	}
	if head, err := w.DB.ForWorkspace(w.Manager.Workspace).Head(ctx); err != nil || head.Seq != 1+2+4+8 {
		t.Errorf("the log ends at %d: %v", head.Seq, err)
	}
	agents, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentsByName(ctx, []string{"Tidewater Bikes", "Lumen Energy"})
	if err != nil || len(agents) != 2 {
		t.Fatal(agents, err)
	}
	for _, a := range agents {
		if a.Email != nil || a.Role != db.RoleAgent || a.Availability != db.Offline || !a.Active {
			t.Errorf("agent %+v", a)
		}
	}
}

// checkImported compares the conversations with their records, matched by the times of opening.
func (w *world) checkImported(records []Record) {
	w.T.Helper()
	list, err := w.Inbox(w.T.Context(), w.Manager, service.InboxInput{View: db.ViewClosed, OrderBy: &service.InboxOrder{Field: db.OpenedAt, Direction: service.Ascending}})
	if err != nil {
		w.T.Fatal(err)
	}
	if len(list.Rows) != len(records) {
		w.T.Fatalf("got %d conversations, want %d", len(list.Rows), len(records))
	}
	for i, c := range list.Rows {
		r, last := records[i], records[i].Messages[len(records[i].Messages)-1]
		if c.Channel != "twitter" || !c.OpenedAt.Equal(r.OpenedAt) || !c.ClosedAt.Equal(last.At) || !c.LastActivityAt.Equal(last.At) ||
			c.OpenedBy != c.ContactID.Ref() || c.ClosedBy.Prefix != db.AgentPrefix || !reflect.DeepEqual(c.ClosingText, r.ClosingNote) {
			w.T.Errorf("line %d became %+v", r.Line, c)
		}
		messages, err := w.MessagesOf(w.T.Context(), w.Manager, []db.ConversationID{c.ID}, service.PageInput{})
		if err != nil {
			w.T.Fatal(err)
		}
		for j, m := range messages[0].Rows {
			if want := r.Messages[j]; m.Body != want.Body || !m.CreatedAt.Equal(want.At) || !m.SentAt.Equal(want.At) ||
				(m.Kind == db.Outbound) != (want.From == FromAgent) || m.Author.IsZero() {
				w.T.Errorf("line %d message %d became %+v", r.Line, j, m)
			}
		}
		if rows := messages[0].Rows; len(rows) != len(r.Messages) || *c.LastMessageID != rows[len(rows)-1].ID {
			w.T.Errorf("line %d has %d messages, the last %v", r.Line, len(rows), c.LastMessageID)
		}
	}
}

// Conversations of a known contact may be of any age: only newer ones change the contact.
func TestImportAroundTheLatest(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.importAll([]Record{past("1", "Acorn", "2021-05-01T00:00:00Z", "first")})
	w.importAll([]Record{past("1", "Birch", "2021-04-01T00:00:00Z", "older"), past("1", "Cedar", "2021-06-01T00:00:00Z", "newer")})
	w.CheckWorkspace()
	contacts, err := w.Contacts(ctx, w.Manager, service.ContactsInput{})
	if err != nil || len(contacts.Rows) != 1 {
		t.Fatal(contacts, err)
	}
	contact := contacts.Rows[0]
	agents, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentsByName(ctx, []string{"Acorn", "Birch", "Cedar"})
	if err != nil {
		t.Fatal(err)
	}
	named := map[db.AgentID]string{}
	for _, a := range agents {
		named[a.ID] = a.Name
	}
	list, err := w.Inbox(ctx, w.Manager, service.InboxInput{View: db.ViewClosed, OrderBy: &service.InboxOrder{Field: db.OpenedAt, Direction: service.Ascending}})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range list.Rows {
		got = append(got, fmt.Sprint(named[*c.AssigneeID], c.Version, c.Latest))
	}
	if want := []string{"Birch1 false", "Acorn2 false", "Acorn3 true"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if contact.Version != 3 || named[*contact.AssigneeID] != "Acorn" {
		t.Errorf("contact %+v", contact)
	}
}

// A blocked contact and an open conversation stay as they are; older conversations are imported.
func TestImportProblems(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.importAll([]Record{past("blocked", "Acorn", "2021-05-01T00:00:00Z", "x"), past("open", "Acorn", "2021-05-01T00:00:00Z", "x")})
	list, err := w.Contacts(ctx, w.Manager, service.ContactsInput{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.BlockContact(ctx, w.Manager, service.BlockContactInput{ContactID: list.Rows[0].ID}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.OpenConversation(ctx, w.Manager, service.OpenConversationInput{ContactID: list.Rows[1].ID, Channel: "twitter"}); err != nil {
		t.Fatal(err)
	}
	got := w.importAll([]Record{
		past("blocked", "Acorn", "2021-04-01T00:00:00Z", "older"), past("open", "Acorn", "2021-06-01T00:00:00Z", "older"),
		past("blocked", "Unheard", "2021-06-01T00:00:00Z", "newer"), past("open", "Unheard", "2026-03-01T09:00:00Z", "newer"),
		past("future", "Unheard", "2026-03-02T00:00:00Z", "later"), past("new", "", "2021-06-01T00:00:00Z", "nobody"),
	})
	var problems []string
	for _, p := range got.Problems {
		problems = append(problems, p.Message)
	}
	want := []string{
		"company is missing or empty",
		"openedAt, 2026-03-02T00:00:00Z, lies in the future",
		"the contact Contact blocked (blocked) is blocked: unblock it, then import again",
		"the contact Contact open (open) has an open conversation, opened at 2026-03-01T09:00:00Z: close it first, then import again",
	}
	if got.Added != 2 || got.Agents != 0 || got.Contacts != 0 || !reflect.DeepEqual(problems, want) {
		t.Errorf("got %+v, want problems %q", got, want)
	}
	w.CheckWorkspace()
}

// A deactivated agent is the author of the replies, but is not assigned (A7).
func TestImportForInactiveAgent(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ctx := t.Context()
	w.importAll([]Record{past("1", "Acorn", "2021-05-01T00:00:00Z", "x")})
	agents, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentsByName(ctx, []string{"Acorn"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.DeactivateAgent(ctx, w.Manager, service.DeactivateAgentInput{AgentID: agents[0].ID}); err != nil {
		t.Fatal(err)
	}
	w.importAll([]Record{past("2", "Acorn", "2021-06-01T00:00:00Z", "y")})
	w.CheckWorkspace()
	list, err := w.Inbox(ctx, w.Manager, service.InboxInput{View: db.ViewClosed, OrderBy: &service.InboxOrder{Field: db.OpenedAt, Direction: service.Descending}})
	if err != nil {
		t.Fatal(err)
	}
	if c := list.Rows[0]; c.AssigneeID != nil || c.ClosedBy != agents[0].ID.Ref() {
		t.Errorf("got %+v", c)
	}
}

// An interrupted import continues when it is repeated.
func TestImportAgain(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var records []Record
	for i := range 3*batchRecords + 7 {
		at := time.Date(2021, 1, 1, i, 0, 0, 0, time.UTC).Format(time.RFC3339)
		records = append(records, past(fmt.Sprint(i%70), fmt.Sprint("Company ", i%9), at, "hello"))
	}
	ctx, cancel := context.WithCancel(t.Context())
	got, err := Import(ctx, w.Service.Service, w.Manager.Workspace, "twitter", records, func(int) { cancel() })
	if err == nil || got.Added != batchRecords {
		t.Fatalf("got %+v, %v", got, err)
	}
	w.CheckWorkspace()
	var progress []int
	got, err = Import(t.Context(), w.Service.Service, w.Manager.Workspace, "twitter", records, func(done int) { progress = append(progress, done) })
	if err != nil || got.Added != 2*batchRecords+7 || got.Known != batchRecords {
		t.Fatalf("got %+v, %v", got, err)
	}
	if want := []int{100, 200, 300, 307}; !reflect.DeepEqual(progress, want) {
		t.Errorf("progress was %v", progress)
	}
	w.CheckWorkspace()
}

// Two concurrent imports of the same file import it once.
func TestImportTwiceAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	records := readSample(t)
	results := make(chan Result, 2)
	for range cap(results) {
		go func() {
			r, err := Import(context.WithoutCancel(t.Context()), w.Service.Service, w.Manager.Workspace, "twitter", records, nil)
			if err != nil {
				t.Error(err)
			}
			results <- r
		}()
	}
	a, b := <-results, <-results
	if a.Added+b.Added != 8 || a.Agents+b.Agents != 2 || a.Contacts+b.Contacts != 4 {
		t.Errorf("got %+v and %+v", a, b)
	}
	w.CheckWorkspace()
}

func TestImportable(t *testing.T) {
	t.Parallel()
	large := Record{Messages: []Message{{Body: string(bytes.Repeat([]byte("x"), batchBytes-1))}}}
	small := Record{Messages: []Message{{Body: "xx"}}}
	for _, c := range []struct {
		records []Record
		want    int
	}{
		{[]Record{small}, 1},
		{[]Record{large, small, small}, 1},
		{[]Record{small, large}, 1},
		{make([]Record, batchRecords+1), batchRecords},
	} {
		if got := len(importable(c.records)); got != c.want {
			t.Errorf("got a batch of %d, want %d", got, c.want)
		}
	}
}

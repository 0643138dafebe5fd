package service_test

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/db/dbtest"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// before runs statements as a server of the previous version does, which does not know the columns
// with folded text. %W is the workspace's key.
func (w *world) before(statements ...string) {
	w.T.Helper()
	w.Unlogged()
	for _, statement := range statements {
		_, err := w.DB.ExecContext(w.T.Context(), strings.ReplaceAll(statement, "%W", strconv.FormatInt(int64(w.Manager.Workspace), 10)))
		servicetest.Fine(w.T, err)
	}
}

// finds checks that a search of the contacts, and of the view that all are in, finds
// exactly the contacts with these names.
func (w *world) finds(typed string, want ...string) {
	w.T.Helper()
	if got := (shelf{w}).contacts(typed); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		w.T.Errorf("%+q finds the contacts %+q, not %+q", typed, got, want)
	}
}

// TestSearchFindsWhatIsThere: different spellings of the same text find each other.
func TestSearchFindsWhatIsThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const plain, zero, arabic, cleaning, ada, korean, kana, hidden, emoji, flowers = "Plain", "Zero", "Arabic", "24/7 Cleaning", "Ada Novak",
		"\u1100\u1175\u11b7\u1106\u1175\u11ab\u110c\u116e\u11ab", "ガブリエル", "Mar\u200bple", "🎉", "Flowers"
	for _, in := range []service.CreateContactInput{
		{Name: plain, Phone: new("+49 1234 56789")}, {Name: zero, Phone: new("\u202a+49 (0) 30 901820\u202c")}, {Name: arabic, Phone: new("٠٥٠ ١٢٣ ٤٥٦٧")},
		{Name: cleaning}, {Name: ada, Email: new("ada.novak@example.org")}, {Name: korean}, {Name: kana}, {Name: hidden}, {Name: emoji},
		{Name: flowers, Phone: new("1-800-FLOWERS")},
	} {
		w.ContactWith(in)
	}
	for _, c := range []struct{ typed, want string }{
		{"01234 56789", plain}, {"0049 1234 56789", plain}, {"+49123456789", plain}, {"+49 30 901820", zero}, {"030 901820", zero},
		{"+49 (0) 30 901820", zero}, {"\u202a+49 30 901820\u200e", zero}, {"٠٥٠ ١٢٣ ٤٥٦٧", arabic}, {"050 123 4567", arabic}, {"0501234567", arabic},
		{"24/7", cleaning}, {"24/7 clean", cleaning}, {"Novak, Ada", ada}, {"Ada Novak <ada.novak@example.org>", ada},
		{"mailto:ada.novak@example.org", ada}, {"ADA.NOVAK@EXAMPLE.ORG", ada}, {"김민준", korean}, {"김민", korean}, {korean, korean},
		{"カ\u3099フ\u3099リエル", kana}, {"ｶﾞﾌﾞﾘ", kana}, {"marple", hidden}, {"Mar\u00adple", hidden}, {hidden, hidden}, {"🎉", emoji}, {"1-800-flowers", flowers},
	} {
		w.finds(c.typed, c.want)
	}
	w.finds("24 77")
	w.finds("Novak, Eva")
	w.finds("+49 30 901821")
}

// TestSearchCountry: numbers without a country code belong to the workspace's country, also those
// stored before it was set.
func TestSearchCountry(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for range service.SearchBatch {
		w.ContactWith(service.CreateContactInput{Name: "Other", Phone: new("1")})
	}
	w.ContactWith(service.CreateContactInput{Name: "National", Phone: new("030 901820")})
	w.ContactWith(service.CreateContactInput{Name: "International", Phone: new("+49 40 123456")})
	set := func(country string) {
		o := w.OK(w.UpdateWorkspace(t.Context(), w.Manager, service.UpdateWorkspaceInput{Country: &country}))
		if got := o.Workspace.Country; country == "" && got != nil || country != "" && *got != country {
			t.Fatalf("the country is %v", got)
		}
		servicetest.Fine(t, w.MakeSearchable(t.Context()))
	}
	w.finds("4930901820")
	w.finds("040 123456", "International")
	w.finds("+49 30 90")
	set("DE")
	w.finds("4930901820", "National")
	w.finds("+49 30 90", "National") // not a whole number, so it is searched for as typed
	w.finds("+49 30 901820", "National")
	w.ContactWith(service.CreateContactInput{Name: "New", Phone: new("030 444444")})
	w.finds("4930444444", "New")
	set("AT")
	w.finds("4930901820")
	w.finds("4330901820", "National")
	w.finds("+43 30 90", "National")
	set("")
	w.finds("4330901820")
	w.finds("030 901820", "National")
	for _, code := range []string{"ZZ", "DEU", "Germany", "D", "276"} {
		_, err := w.UpdateWorkspace(t.Context(), w.Manager, service.UpdateWorkspaceInput{Country: &code})
		servicetest.Failed(t, err, service.BadInput)
	}
}

// TestSearchForgets: a word that no row contains any more counts as a typo at once.
func TestSearchForgets(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	contact := w.Contact("Peter Jonhson Schmitt")
	w.Contact("Ben Petersen")
	w.finds("Jonhson", "Peter Jonhson Schmitt")
	w.OK(w.UpdateContact(t.Context(), w.Manager, service.UpdateContactInput{ContactID: contact.ID, Name: new("Paul Johnson Schmied")}))
	words := func() (known, doubted int) {
		servicetest.Fine(t, w.DB.NewRaw(`SELECT (SELECT count(*) FROM known_words WHERE word = 'jonhson'), (SELECT count(*) FROM doubted_words)`).Scan(t.Context(), &known, &doubted))
		return known, doubted
	}
	check := func() {
		t.Helper()
		w.finds("Jonhson", "Paul Johnson Schmied")
		w.finds("Schmit", "Paul Johnson Schmied") // nearer to the removed word
		w.finds("Petre", "Ben Petersen")
		w.finds("Peter", "Ben Petersen")
	}
	check()
	if known, _ := words(); known != 1 {
		t.Error("the word was forgotten before anybody looked")
	}
	servicetest.Fine(t, w.MakeSearchable(t.Context()))
	if known, _ := words(); known != 0 {
		t.Error("the word is known although nothing has it")
	}
	check()

	// A transaction that adds the word while it is removed may still see it as known.
	w.before(`INSERT INTO contacts (workspace_id, id, name, search_text, name_text, search_country, created_at)
		VALUES (%W, gen_random_uuid(), 'Jonhson', 'jonhson', 'jonhson', '', now())`, `UPDATE doubted_words SET forgotten_at = now() - interval '2 minutes'`)
	servicetest.Fine(t, w.MakeSearchable(t.Context()))
	if known, doubted := words(); known != 1 || doubted != 0 {
		t.Errorf("known: %d, in doubt: %d", known, doubted)
	}
	w.finds("Jonhson", "Jonhson")

	// The words of a note are removed with it.
	closed := w.Closes(w.Opens(w.Contact("Somebody")), "recieved the parcel").Conversation
	if ids, _ := w.inboxSearch(db.ViewClosed, "recieved"); len(ids) != 1 {
		t.Error("the note is not found")
	}
	_, err := w.ReopenConversation(t.Context(), w.Manager, service.ReopenConversationInput{ConversationID: closed.ID})
	servicetest.Fine(t, err)
	other := w.Closes(w.Opens(w.Contact("Somebody Else")), "received nothing").Conversation
	if ids, _ := w.inboxSearch(db.ViewClosed, "recieved"); !slices.Equal(ids, []db.ConversationID{other.ID}) {
		t.Errorf("%v is found, not the note that is there", ids)
	}
}

// TestSearchKnowsNoDigits: a word with digits is not stored as one that could be mistyped.
func TestSearchKnowsNoDigits(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ContactWith(service.CreateContactInput{Name: "Kerven Smith", Email: new("kerven35442@mail.example"), Phone: new("+49 30 901820")})
	var words []string
	servicetest.Fine(t, w.DB.NewRaw("SELECT word FROM known_words WHERE kind = 'CONTACT' ORDER BY word").Scan(t.Context(), &words))
	if !slices.Equal(words, []string{"example", "kerven", "mail", "smith"}) {
		t.Errorf("it knows %q", words)
	}
}

// TestSearchOldRows: rows without folded text are found in the old way at once, and like new ones
// after MakeSearchable; so are rows that a server of the previous version writes.
func TestSearchOldRows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.before(
		`INSERT INTO agents (workspace_id, id, name, email, role, availability, active, created_at)
			VALUES (%W, gen_random_uuid(), 'Zoë Old', 'Zoe.Old@acme.example', 'AGENT', 'OFFLINE', true, now())`,
		`INSERT INTO contacts (workspace_id, id, name, email, phone, created_at)
			SELECT %W, gen_random_uuid(), 'Filler ' || n, NULL, NULL, now() FROM generate_series(1, 450) AS n`,
		`INSERT INTO contacts (workspace_id, id, name, email, phone, created_at)
			VALUES (%W, '01999999-0000-7000-8000-000000000001', 'Ärne Øst', 'arne.ost@example.org', '+49 (0) 30 901820', now())`,
		`INSERT INTO conversations (workspace_id, id, contact_id, channel, status, latest, version, opened_at, closed_at, last_activity_at, closing_text)
			VALUES (%W, '01999999-0000-7000-8000-000000000002', '01999999-0000-7000-8000-000000000001', 'email', 'CLOSED', true, 1, now(), now(), now(), 'Über-Refund 24/7')`)
	note := func(typed string, n int) {
		t.Helper()
		if ids, _ := w.inboxSearch(db.ViewClosed, typed); len(ids) != n {
			t.Errorf("%q finds %d notes, not %d", typed, len(ids), n)
		}
	}
	agent := func(typed string, want ...string) {
		t.Helper()
		l, err := w.Agents(t.Context(), w.Manager, service.AgentsInput{Search: &typed})
		servicetest.Fine(t, err)
		var got []string
		for _, a := range l.Rows {
			got = append(got, a.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q finds the agents %q, not %q", typed, got, want)
		}
	}
	asBefore := func() {
		t.Helper()
		for _, typed := range []string{"ärne", "ARNE", "är", "ost", "arne.ost@example.org", "Ärne Øst", "90182", "öst arne"} {
			w.finds(typed, "Ärne Øst")
		}
		note("refund", 1)
		note("uber-refund", 1)
		note("24/7", 1)
		note("arne", 1)
		agent("zoe", "Zoë Old")
		agent("zoe.old@acme", "Zoë Old")
	}
	asBefore()
	a, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentByEmail(t.Context(), "zoe.old@ACME.example")
	if err != nil || a.Name != "Zoë Old" {
		t.Errorf("the agent of the address is %v, %v", a, err)
	}
	l, err := w.Contacts(t.Context(), w.Manager, service.ContactsInput{PageInput: service.PageInput{First: new(100)}})
	if err != nil || len(l.Rows) != 100 || !l.HasNext {
		t.Errorf("the list of contacts has %d, %v", len(l.Rows), err)
	}

	servicetest.Fine(t, w.MakeSearchable(t.Context()))
	var left int
	servicetest.Fine(t, w.DB.NewRaw("SELECT count(*) FROM contacts WHERE search_text IS NULL OR name_text IS NULL OR search_country IS NULL").Scan(t.Context(), &left))
	servicetest.Equal(t, "contacts that are not folded", left, 0)
	if again, err := w.DB.UnfoldedWorkspaces(t.Context()); err != nil || len(again) != 0 {
		t.Errorf("there is more to fold: %v, %v", again, err)
	}
	asBefore()
	w.finds("030 901820", "Ärne Øst")
	w.finds("Øst, Ärne", "Ärne Øst")
	w.finds("arnne", "Ärne Øst") // its words are stored now
	note("refnud", 1)

	// A server of the version before changes the contact and the note.
	w.before(`UPDATE contacts SET name = 'Bjørn Vest', email = NULL, phone = '0301234' WHERE id = '01999999-0000-7000-8000-000000000001'`,
		`UPDATE conversations SET closing_text = 'Goodwill' WHERE id = '01999999-0000-7000-8000-000000000002'`,
		`UPDATE agents SET name = 'Zara New', email = 'zara@acme.example' WHERE name = 'Zoë Old'`)
	for range 2 {
		w.finds("bjorn", "Bjørn Vest")
		w.finds("bj", "Bjørn Vest")
		w.finds("0301234", "Bjørn Vest")
		w.finds("Ärne")
		note("goodwill", 1)
		note("refund", 0)
		agent("zara", "Zara New")
		agent("zoe")
		if a, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentByEmail(t.Context(), "ZARA@acme.example"); err != nil || a.Name != "Zara New" {
			t.Errorf("the agent of the address is %v, %v", a, err)
		}
		servicetest.Fine(t, w.MakeSearchable(t.Context())) // then as new ones
	}
	w.finds("bjrn", "Bjørn Vest")

	// A change that leaves the folded text the same needs no further work.
	id := db.ContactID{UUID: a.ID.UUID}
	servicetest.Fine(t, id.Scan("01999999-0000-7000-8000-000000000001"))
	w.OK(w.UpdateContact(t.Context(), w.Manager, service.UpdateContactInput{ContactID: id, Name: new("BJORN VEST")}))
	servicetest.Fine(t, w.DB.NewRaw("SELECT count(*) FROM contacts WHERE search_text IS NULL").Scan(t.Context(), &left))
	servicetest.Equal(t, "contacts that are not folded", left, 0)
}

// TestSearchIsKept: rows written by other programs become searchable while a server runs.
func TestSearchIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.before(`INSERT INTO contacts (workspace_id, id, name, phone, created_at) VALUES (%W, gen_random_uuid(), 'Late', '+49 (0) 30 901820', now())`)
	ctx, stop := context.WithCancel(w.Context())
	ended := make(chan struct{})
	go func() { w.Maintain(ctx); close(ended) }()
	defer func() { stop(); <-ended }()
	for typed := "030 901820"; ; {
		l, err := w.Contacts(w.Context(), w.Manager, service.ContactsInput{Search: &typed})
		servicetest.Fine(t, err)
		if len(l.Rows) == 1 {
			return
		}
	}
}

// TestSearchInAnyLocale: nothing depends on the locale of the database.
func TestSearchInAnyLocale(t *testing.T) {
	t.Parallel()
	for name, options := range map[string]string{
		"Turkish": "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'",
		"C":       "ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorldOn(t, dbtest.NewWith(t, options, servicetest.Migrate), db.Options{MaxConns: 8})
			for _, in := range []service.CreateContactInput{{Name: "INGRID IŞIK"}, {Name: "Пётр ИВАНОВ"}, {Name: "Élise"}, {Name: "Zoë"}, {Name: "anna"}, {Name: "Bob"}} {
				w.ContactWith(in)
			}
			w.finds("ingrid", "INGRID IŞIK")
			w.finds("İNGRİD ışık", "INGRID IŞIK")
			w.finds("isik", "INGRID IŞIK")
			w.finds("in", "INGRID IŞIK")
			w.finds("ингрид")
			w.finds("петр", "Пётр ИВАНОВ")
			w.finds("ивонов", "Пётр ИВАНОВ") // a typo
			w.finds("ingird", "INGRID IŞIK")
			w.finds("ÉLISE", "Élise")
			w.finds("él", "Élise")
			l, err := w.Contacts(t.Context(), w.Manager, service.ContactsInput{})
			servicetest.Fine(t, err)
			var names []string
			for _, c := range l.Rows {
				names = append(names, c.Name)
			}
			servicetest.Lines(t, names, "anna", "Bob", "Élise", "INGRID IŞIK", "Zoë", "Пётр ИВАНОВ")

			closed := w.Closes(w.Opens(w.Contact("Somebody")), "İADE: KIRIK ÜRÜN").Conversation
			if ids, _ := w.inboxSearch(db.ViewClosed, "iade kırık"); !slices.Equal(ids, []db.ConversationID{closed.ID}) {
				t.Errorf("the note is found in %v", ids)
			}
			w.OK(w.CreateAgent(t.Context(), w.Manager, service.CreateAgentInput{Name: "Ingrid", Email: "INGRID@acme.example", Role: db.RoleAgent}))
			for _, address := range []string{"ingrid@acme.example", "Ingrid@ACME.EXAMPLE"} {
				_, err := w.CreateAgent(t.Context(), w.Manager, service.CreateAgentInput{Name: "Other", Email: address, Role: db.RoleAgent})
				servicetest.Refused(t, err, service.EmailTaken)
				if a, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentByEmail(t.Context(), address); err != nil || a.Name != "Ingrid" {
					t.Errorf("the agent of %s is %v, %v", address, a, err)
				}
			}
		})
	}
}

// TestSameAddressBefore: two agents whose addresses differ only in spelling keep them, if they are
// older than the folded comparison. One of them is found by the address, and the migration logs the
// other.
func TestSameAddressBefore(t *testing.T) {
	t.Parallel()
	w := newWorldOn(t, dbtest.NewWith(t, "ENCODING 'UTF8' LOCALE_PROVIDER icu ICU_LOCALE 'tr' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8'", servicetest.Migrate), db.Options{MaxConns: 8})
	var log bytes.Buffer
	w.Log = slog.New(slog.NewTextHandler(&log, nil))
	w.before(`INSERT INTO agents (workspace_id, id, name, email, role, availability, active, created_at) VALUES
		(%W, '01999999-0000-7000-8000-000000000001', 'First', 'INGRID@acme.example', 'AGENT', 'OFFLINE', true, now()),
		(%W, '01999999-0000-7000-8000-000000000002', 'Second', 'ingrid@acme.example', 'AGENT', 'OFFLINE', true, now())`)
	servicetest.Fine(t, w.MakeSearchable(t.Context()))
	servicetest.Fine(t, w.MakeSearchable(t.Context()))
	if text := log.String(); strings.Count(text, "differ only in their spelling") != 1 || !strings.Contains(text, "email=ingrid@acme.example") {
		t.Errorf("the log is %s", text)
	}
	for _, address := range []string{"ingrid@acme.example", "INGRID@acme.example"} {
		if a, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentByEmail(t.Context(), address); err != nil || a.Name != "First" {
			t.Errorf("the agent of %s is %v, %v", address, a, err)
		}
	}
	var second db.AgentID
	servicetest.Fine(t, second.Scan("01999999-0000-7000-8000-000000000002"))
	w.OK(w.UpdateAgent(t.Context(), w.Manager, service.UpdateAgentInput{AgentID: second, Email: new("inge@acme.example")}))
	if a, err := w.DB.ForWorkspace(w.Manager.Workspace).AgentByEmail(t.Context(), "INGE@acme.example"); err != nil || a.Name != "Second" {
		t.Errorf("the agent of the new address is %v, %v", a, err)
	}
}

package service_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// shelf is a world with contacts to search for.
type shelf struct{ *world }

func newShelf(t *testing.T) shelf {
	w := newWorld(t)
	for _, in := range []service.CreateContactInput{
		{Name: "Jana Nováková", Email: new("jana.n@mail.example"), Phone: new("+1 (555) 010-2345")},
		{Name: "Nguyễn Văn Ánh", Email: new("anh@vietnam.example")},
		{Name: "Mojang Studios", Email: new("help@mojang.example")},
		{Name: "Łukasz Żółć"},
		{Name: "Jürgen Groß", Phone: new("0049 89 636-48018")},
		{Name: "Пётр Иванов"},
		{Name: `100% _real_ back\slash`},
		{Name: "O'Brien \"Bob\"; DROP TABLE contacts; --"},
		{Name: "Ng"},
		{Name: "What? $1 ?0 ?TableName"},
	} {
		w.ContactWith(in)
	}
	return shelf{w}
}

// contacts returns the names of the contacts that are found.
func (s shelf) contacts(term string) []string {
	s.T.Helper()
	l, err := s.Contacts(s.T.Context(), s.Manager, service.ContactsInput{Search: &term, PageInput: service.PageInput{First: new(100)}})
	if err != nil {
		s.T.Fatalf("%q: %v", term, err)
	}
	var names []string
	for _, c := range l.Rows {
		names = append(names, c.Name)
	}
	return names
}

func TestSearchContacts(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	const (
		jana, anh, mojang, lukasz, jurgen = "Jana Nováková", "Nguyễn Văn Ánh", "Mojang Studios", "Łukasz Żółć", "Jürgen Groß"
		petr, odd, bob, ng, what          = "Пётр Иванов", `100% _real_ back\slash`, `O'Brien "Bob"; DROP TABLE contacts; --`, "Ng", "What? $1 ?0 ?TableName"
	)
	all := s.contacts("")
	if len(all) != 10 {
		t.Fatalf("there are %d", len(all))
	}
	for _, c := range []struct {
		term string
		want []string
	}{
		// A blank term finds everything.
		{" ", all}, {"\t\n\u00a0", all},
		// Accents and case, in the term or in the name.
		{"novak", []string{jana}}, {"NOVÁKOVÁ", []string{jana}}, {"nóvăkova", []string{jana}},
		{"NGUYEN", []string{anh}}, {"nguyễn", []string{anh}}, {"lukasz", []string{lukasz}}, {"ŁUKASZ zolc", []string{lukasz}},
		{"jurgen", []string{jurgen}}, {"GROSS", []string{jurgen}}, {"groß", []string{jurgen}}, {"петр", []string{petr}}, {"ИВАНОВ", []string{petr}},
		// Typos: a letter left out, changed, swapped, doubled.
		{"novk", []string{jana}}, {"novokova", []string{jana}}, {"Novkáová", []string{jana}}, {"mojnag", []string{mojang}},
		{"mojjang", []string{mojang}}, {"studois", []string{mojang}}, {"lukas", []string{lukasz}}, {"lukazs", []string{lukasz}}, {"ивонов", []string{petr}},
		// Typos are tolerated only if the exact term finds nothing, and only small ones.
		{"jana", []string{jana}}, {"xxnovkxx", nil}, {"zzzzzz", nil},
		// Parts of names, e-mail addresses and phone numbers.
		{"ovák", []string{jana}}, {"tudio", []string{mojang}}, {"jana.n@", []string{jana}}, {"anh@vietnam.example", []string{anh}}, {"mail.example", []string{jana}},
		{"5550102", []string{jana}}, {"+1 (555) 010-2345", []string{jana}}, {"555 010", []string{jana}}, {"(555)", []string{jana}},
		{"15550102345", []string{jana}}, {"004989", []string{jurgen}}, {"636.48018", []string{jurgen}}, {"5559", nil},
		// Several words in any order, which must all match.
		{"nova jana", []string{jana}}, {"jana novk", []string{jana}}, {"jana mojang", nil}, {"van ánh", []string{anh}}, {"  jana   555  ", []string{jana}},
		// A term of fewer than three letters is a prefix of a word of the name.
		{"n", []string{ng, anh, jana}}, {"NG", []string{ng, anh}}, {"ja", []string{jana}}, {"ov", nil}, {"ł", []string{lukasz}}, {"zo", []string{lukasz}}, {"10", []string{odd}},
		{"п", []string{petr}}, {"ив", []string{petr}}, {"ma", nil}, {"Á", []string{anh}}, {"jana n", []string{jana}}, {"jana o", nil}, {"n jana", []string{jana}},
		// A name that punctuation divides is also found in one word.
		{"obrien", []string{bob}}, {"obrein", []string{bob}}, {"OBrien bob", []string{bob}},
		// Punctuation separates words, and so do SQL's wildcards; alone it finds names of
		// punctuation only.
		{"%", nil}, {"_", nil}, {`\`, nil}, {"100%", []string{odd}}, {"_real_", []string{odd}}, {`back\slash`, []string{odd}},
		{"%%%", nil}, {"___", nil}, {`\\\`, nil}, {"%novak%", []string{jana}}, {"n_xak", nil}, {"100% _r", []string{odd}},
		// Quotes and other texts that SQL or its libraries might interpret.
		{"o'brien", []string{bob}}, {`"bob"`, []string{bob}}, {"DROP TABLE", []string{bob}}, {"'; DROP TABLE contacts; --", []string{bob}}, {"'", nil}, {"'''", nil},
		{"what?", []string{what}}, {"?0 what ?", []string{what}}, {"?tablename", []string{what}}, {"$1 ?tablename", []string{what}}, {"{}", nil}, {"{jana,b}", nil}, {"NULL", nil},
		{"E'\\x41'", nil}, {"(", nil}, {"[[:alpha:]]+", nil}, {"nova.*", []string{jana}}, {"☃☃☃", nil}, {"😀", nil},
		// The longest term.
		{strings.Repeat("x", 100), nil}, {strings.Repeat("ß", 100), nil}, {strings.Repeat("9", 100), nil}, {strings.Repeat("n ", 50), []string{ng, anh, jana}},
	} {
		got := s.contacts(c.term)
		if !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(c.want))) {
			t.Errorf("%q finds %q, not %q", c.term, got, c.want)
		}
	}
	if again := s.contacts(""); !slices.Equal(again, all) {
		t.Errorf("now there are %q", again)
	}
}

func TestSearchTooLong(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, term := range []string{strings.Repeat("ß", 101), "a\x00b", "a\xffb"} {
		_, err1 := w.Contacts(t.Context(), w.Manager, service.ContactsInput{Search: &term})
		_, err2 := w.Agents(t.Context(), w.Manager, service.AgentsInput{Search: &term})
		_, err3 := w.Inbox(t.Context(), w.Manager, service.InboxInput{View: db.ViewAll, Search: &term})
		for _, err := range []error{err1, err2, err3} {
			if err == nil || service.Explain(err).Code != service.BadInput {
				t.Errorf("%.20q: %v", term, err)
			}
		}
	}
}

// inboxSearch returns the conversations that a view shows for a term.
func (w *world) inboxSearch(view db.View, term string) (ids []db.ConversationID, l *service.InboxList) {
	w.T.Helper()
	l, err := w.Inbox(w.T.Context(), w.Manager, service.InboxInput{View: view, Search: &term, PageInput: service.PageInput{First: new(100)}})
	if err != nil {
		w.T.Fatalf("%q: %v", term, err)
	}
	for _, c := range l.Rows {
		ids = append(ids, c.ID)
	}
	if total, capped, err := w.InboxTotal(w.T.Context(), w.Manager, l); err != nil || total != len(ids) && len(ids) < 100 || capped {
		w.T.Errorf("%q: the total is %d of %d, capped: %t, %v", term, total, len(ids), capped, err)
	}
	return ids, l
}

func TestSearchInbox(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	open := w.Opens(w.Contact("Jana Nováková"))
	refund := w.Closes(w.Opens(w.Contact("Mojang Studios")), "Refund für die beschädigte Lieferung 2026-03-01, 100% of it").Conversation
	novak := w.Closes(w.Opens(w.Contact("Somebody Else")), "Asked for Mrs Novák again").Conversation
	note := &service.ClosingNoteInput{Category: new("Feedback")}
	categorised := w.Opens(w.Contact("Third Party"))
	_, err := w.CloseConversation(t.Context(), w.Manager, service.CloseConversationInput{ConversationID: categorised.ID, Note: note})
	servicetest.Fine(t, err)
	for _, c := range []struct {
		view db.View
		term string
		want []*db.Conversation
	}{
		{db.ViewAll, "novak", []*db.Conversation{open}}, {db.ViewAll, "novk", []*db.Conversation{open}}, {db.ViewAll, "refund", nil},
		{db.ViewClosed, "novak", []*db.Conversation{novak}}, {db.ViewClosed, "refund", []*db.Conversation{refund}},
		{db.ViewClosed, "beschadigte", []*db.Conversation{refund}}, {db.ViewClosed, "refnud", []*db.Conversation{refund}},
		{db.ViewClosed, "beschädgte liferung", []*db.Conversation{refund}}, {db.ViewClosed, "refund novak", nil},
		{db.ViewClosed, "mojang", []*db.Conversation{refund}}, {db.ViewClosed, "mojnag", []*db.Conversation{refund}},
		{db.ViewClosed, "2026-03-01", []*db.Conversation{refund}}, {db.ViewClosed, "100%", []*db.Conversation{refund}},
		{db.ViewClosed, "%%%", nil}, {db.ViewClosed, "%", nil}, {db.ViewClosed, "_", nil}, {db.ViewClosed, "'; --", nil},
		{db.ViewClosed, "feedback", []*db.Conversation{categorised}}, {db.ViewClosed, "feedbcak", []*db.Conversation{categorised}},
		{db.ViewClosed, "mo", []*db.Conversation{refund}}, {db.ViewClosed, "re", nil}, {db.ViewMine, "novak", nil}, {db.ViewUnassigned, "novak", []*db.Conversation{open}},
		{db.ViewClosed, " ", []*db.Conversation{refund, novak, categorised}},
	} {
		got, l := w.inboxSearch(c.view, c.term)
		var want []db.ConversationID
		for _, c := range c.want {
			want = append(want, c.ID)
		}
		slices.SortFunc(got, func(a, b db.ConversationID) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
		slices.SortFunc(want, func(a, b db.ConversationID) int { return slices.Compare(a.UUID[:], b.UUID[:]) })
		if !slices.Equal(got, want) || l.SearchCapped {
			t.Errorf("%s, %q: %d of %d, capped: %t", c.view, c.term, len(got), len(want), l.SearchCapped)
		}
	}
	// Reopening clears the note, which is then no longer searched.
	_, err = w.ReopenConversation(t.Context(), w.Manager, service.ReopenConversationInput{ConversationID: refund.ID})
	servicetest.Fine(t, err)
	if got, _ := w.inboxSearch(db.ViewAll, "beschädigte"); got != nil {
		t.Error("a cleared note is found")
	}
}

func TestSearchAgents(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for i, name := range []string{"Zoë Müller", "Andrzej Król", "Ann"} {
		w.OK(w.CreateAgent(t.Context(), w.Manager, service.CreateAgentInput{Name: name, Email: fmt.Sprint(i, "@agents.example"), Role: db.RoleAgent}))
	}
	for term, want := range map[string][]string{
		"zoe":                   {"Zoë Müller"},
		"MULLER":                {"Zoë Müller"},
		"mulelr":                {"Zoë Müller"},
		"andrezj":               {"Andrzej Król"},
		"krol andr":             {"Andrzej Król"},
		"an":                    {"Andrzej Król", "Ann"},
		"mia@acme":              {"Mia Manager"},
		"acme":                  {"Mia Manager"},
		"agents.example":        {"Andrzej Król", "Ann", "Zoë Müller"},
		"'":                     nil,
		"%":                     nil,
		"' OR '1'='1":           nil,
		"":                      {"Andrzej Król", "Ann", "Mia Manager", "Zoë Müller"},
		"\u0301":                nil,
		"ann \u0301":            {"Ann"},
		strings.Repeat("a", 99): nil,
	} {
		l, err := w.Agents(t.Context(), w.Manager, service.AgentsInput{Search: &term})
		if err != nil {
			t.Fatalf("%q: %v", term, err)
		}
		var got []string
		for _, a := range l.Rows {
			got = append(got, a.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%q finds %q, not %q", term, got, want)
		}
	}
}

// TestSearchElsewhere: a search finds no objects of another workspace, and uses none of its words.
func TestSearchElsewhere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Closes(w.Opens(w.Contact("Nováková")), "refund promised")
	w.Contact("Petal") // nearer to "petar" than Petra
	w.Agent("Zacharias")
	other := &world{w.NewWorkspace("otto@other.example")}
	mine := other.Closes(other.Opens(other.Contact("Petra")), "nothing to say").Conversation
	for _, term := range []string{"novakova", "novk", "novakoav", "refund", "refnud", "acme.example", "zacharias", "zachraias", "no", "za"} {
		contacts, err := other.Contacts(t.Context(), other.Manager, service.ContactsInput{Search: &term})
		servicetest.Fine(t, err)
		agents, err := other.Agents(t.Context(), other.Manager, service.AgentsInput{Search: &term})
		servicetest.Fine(t, err)
		if ids, _ := other.inboxSearch(db.ViewClosed, term); len(ids)+len(contacts.Rows)+len(agents.Rows) != 0 {
			t.Errorf("%q: %d conversations, %d contacts, %d agents", term, len(ids), len(contacts.Rows), len(agents.Rows))
		}
	}
	if ids, _ := other.inboxSearch(db.ViewClosed, "petar"); len(ids) != 1 || ids[0] != mine.ID {
		t.Errorf("its own: %v", ids)
	}
}

package db

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"switchboard/db/dbtest"
)

// newWorkspace returns an empty workspace on a database of its own.
func newWorkspace(t *testing.T, o Options) ForWorkspace {
	t.Helper()
	d, err := Open(t.Context(), dbtest.New(t, func(ctx context.Context, url string) error { _, err := Migrate(ctx, url); return err }), o)
	fine(t, err)
	t.Cleanup(func() { _ = d.Close() })
	w := &Workspace{ID: WorkspaceID{UUID: NewUUID()}, Name: "Acme", TimeZone: "UTC", ReopenPolicy: Reopen, ReopenWithinDays: 7,
		OwnerPolicy: OwnerKeep, ClosingCategories: []string{}, CreatedAt: time.Now()}
	fine(t, d.InsertWorkspace(t.Context(), w, func(Tx) error { return nil }))
	return d.ForWorkspace(w.Key)
}

// contactCase is a search of contacts with a reference: all contacts that match, in list order.
type contactCase struct {
	contactQuery
	want []*Contact
}

// reference searches the contacts one by one.
func (c *contactCase) reference(all []*Contact, typed string) {
	for _, contact := range all {
		matches := c.Blocked == nil || *c.Blocked == contact.Blocked()
		for _, word := range strings.Fields(typed) {
			if len(word) < 3 {
				matches = matches && slices.ContainsFunc(strings.Fields(*contact.NameText), func(of string) bool { return strings.HasPrefix(of, word) })
			} else {
				matches = matches && strings.Contains(*contact.SearchText, word)
			}
		}
		if matches {
			c.want = append(c.want, contact)
		}
	}
	slices.SortFunc(c.want, func(a, b *Contact) int {
		n := strings.Compare(*a.NameText, *b.NameText)
		if c.order.Columns[0] == "created_at" {
			n = a.CreatedAt.Compare(b.CreatedAt)
		}
		if n == 0 {
			n = slices.Compare(a.ID.UUID[:], b.ID.UUID[:])
		}
		if c.order.Desc {
			return -n
		}
		return n
	})
}

// page returns the ids of the wanted page; from and to are the bounds.
func (c *contactCase) page(from, to, limit int, backward bool) []ContactID {
	in := c.want[from:to]
	if backward {
		in = in[max(0, len(in)-limit):]
	} else {
		in = in[:min(len(in), limit)]
	}
	return contactIDsOf(in)
}

func contactIDsOf(contacts []*Contact) (ids []ContactID) {
	for _, c := range contacts {
		ids = append(ids, c.ID)
	}
	return ids
}

// TestContactSearchIsExact compares pages of searches with a reference: those of each way to find a
// page, with low limits, unless it says that the page may be incomplete, and those of all ways.
func TestContactSearchIsExact(t *testing.T) {
	t.Parallel()
	w := newWorkspace(t, Options{MaxConns: 4})
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(words ...string) string { return words[r.IntN(len(words))] }
	var all []*Contact
	for i := range 700 {
		at := time.Unix(1_700_000_000, 0).Add(time.Duration(r.IntN(500)) * time.Second)
		c := &Contact{ID: ContactID{UUID: NewUUID()}, Version: 1, CreatedAt: at,
			Name: pick("Ada", "Adam", "Bea", "Zoe") + " " + pick("Novak", "Nova", "Smith", "Rare")}
		if i%100 == 0 {
			c.Name += " Odd"
		}
		if r.IntN(4) == 0 {
			c.BlockedAt = &at
		}
		all = append(all, c)
	}
	fine(t, w.db.Transact(t.Context(), w.Key, func(tx Tx) error { return tx.InsertContacts(t.Context(), all, nil) }))
	incomplete, complete := map[string]int{}, map[string]int{}
	for _, typed := range []string{"nova", "ada", "ad", "z", "no", "o", "ada no", "odd", "odd novak", "smith", "adam rare", "nothing"} {
		search, err := w.ResolveContacts(t.Context(), typed)
		fine(t, err)
		for n := range 12 {
			c := contactCase{contactQuery: contactQuery{ContactFilter{Search: search}, ContactOrder(n&1 > 0, n&2 > 0), Page{Limit: 1 + r.IntN(60)}}}
			if n >= 8 {
				c.Blocked = new(n >= 10)
			}
			c.choosePage(r, n&4 > 0, all, typed, func(from, to int) {
				want := c.page(from, to, c.contactQuery.page.Limit, c.contactQuery.page.Backward)
				got, _, _, err := w.ContactPage(t.Context(), c.ContactFilter, c.order, c.contactQuery.page)
				fine(t, err)
				if !slices.Equal(contactIDsOf(got), want) {
					t.Errorf("%q, %v: %d contacts, not the %d wanted", typed, c.contactQuery, len(got), len(want))
				}
				for name, find := range map[string]contactRead{
					"few": c.inOrder(50), "more": c.inOrder(300), "ids": c.byIDs(20), "all": c.all,
				} {
					got, more, err := w.readContacts(t.Context(), c.contactQuery, w.search, find)
					fine(t, err)
					got, _, _ = Trim(got, c.contactQuery.page)
					if more {
						incomplete[name]++
					} else if complete[name]++; !slices.Equal(contactIDsOf(got), want) {
						t.Errorf("%q, %v, %s: %d contacts, not the %d wanted", typed, c.contactQuery, name, len(got), len(want))
					}
				}
			})
		}
	}
	for _, name := range []string{"few", "more", "ids", "all"} {
		if complete[name] == 0 || incomplete[name] == 0 && name != "all" {
			t.Errorf("%s: %d pages are complete, %d are not", name, complete[name], incomplete[name])
		}
	}
}

// choosePage chooses a page between two of the wanted contacts, or none.
func (c *contactCase) choosePage(r *rand.Rand, backward bool, all []*Contact, typed string, check func(from, to int)) {
	c.reference(all, typed)
	c.contactQuery.page.Backward = backward
	from, to := 0, len(c.want)
	if to > 4 && r.IntN(2) == 0 {
		from = r.IntN(to / 2)
		to -= r.IntN(to / 2)
		key := func(contact *Contact) Key {
			contact.NameOrder = *contact.NameText
			return contact.Key(c.order)
		}
		if from > 0 {
			c.contactQuery.page.After = key(c.want[from-1])
		}
		if to < len(c.want) {
			c.contactQuery.page.Before = key(c.want[to])
		}
	}
	check(from, to)
}

// statements is a tracer that keeps the statements that are run.
type statements struct {
	mutex sync.Mutex
	all   []pgx.TraceQueryStartData
}

func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, q pgx.TraceQueryStartData) context.Context {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.all = append(s.all, q)
	return ctx
}

func (*statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// plan is a node of an executed plan.
type plan struct {
	Kind      string  `json:"Node Type"`
	Relation  string  `json:"Relation Name"`
	Index     string  `json:"Index Name"`
	Rows      float64 `json:"Actual Rows"`
	Loops     float64 `json:"Actual Loops"`
	Filtered  float64 `json:"Rows Removed by Filter"`
	Rechecked float64 `json:"Rows Removed by Index Recheck"`
	Plans     []plan
}

// read returns the number of rows that a plan read from tables, and the indexes that it used.
func (p plan) read() (rows int, indexes []string) {
	if p.Relation != "" {
		rows = int((p.Rows + p.Filtered + p.Rechecked) * p.Loops)
	}
	if p.Index != "" && p.Loops > 0 {
		indexes = append(indexes, p.Index)
	}
	for _, child := range p.Plans {
		n, more := child.read()
		rows, indexes = rows+n, append(indexes, more...)
	}
	return rows, indexes
}

// TestSearchReadsFewRows executes the statements of searches once more and counts the rows that
// they read, among 12,000 contacts with a closed conversation each.
func TestSearchReadsFewRows(t *testing.T) {
	t.Parallel()
	log := &statements{}
	w := newWorkspace(t, Options{MaxConns: 2, Tracer: log, StatementTimeout: time.Minute}) // for many rows
	for _, sql := range []string{
		`INSERT INTO contacts (workspace_id, id, name, name_text, search_text, search_country, created_at)
			SELECT ?0, gen_random_uuid(), name, name, name || ' mail example', '', now() FROM (
				SELECT CASE WHEN n % 4000 = 0 THEN 'zoe needle' ELSE 'anna ' || translate(n::text, '0123456789', 'bcdfghklmn') END AS name
				FROM generate_series(1, 12000) AS n) AS names`,
		`INSERT INTO conversations (workspace_id, id, contact_id, channel, status, latest, version, opened_at, closed_at, last_activity_at, closing_category, note_text)
			SELECT ?0, gen_random_uuid(), id, 'email', 'CLOSED', true, 1, now(), now(), now(), note, lower(note)
			FROM (SELECT id, CASE WHEN length(name) % 2 = 0 THEN 'Feedback' END AS note FROM contacts) AS noted`,
		`INSERT INTO known_words (workspace_id, kind, word, code) SELECT DISTINCT ?0::bigint, 'CONTACT', word, word
			FROM contacts, string_to_table(search_text, ' ') AS word WHERE length(word) > 3`,
		"ANALYZE",
	} {
		_, err := w.bun.ExecContext(t.Context(), sql, w.Key)
		fine(t, err)
	}
	for _, c := range []struct {
		typed       string
		found, most int // rows found on the first page and rows read at most
		index       string
	}{
		{"example", 50, 300, ""},
		{"anna", 50, 300, ""},
		{"needle", 3, 500, "contacts_search_text"},
		{"neelde", 3, 500, "contacts_search_text"},
		{"zoe needle", 3, 500, "contacts_search_text"},
		{"xqwvyz", 0, 500, "contacts_search_text"},
		{"zo", 3, 500, "contacts_search_text"},
		{"ne", 3, 500, "contacts_search_text"},
	} {
		for name, search := range map[string]func() int{
			"contacts": func() int {
				found, err := w.ResolveContacts(t.Context(), c.typed)
				fine(t, err)
				rows, _, _, err := w.ContactPage(t.Context(), ContactFilter{Search: found}, ContactOrder(false, false), Page{Limit: 50})
				fine(t, err)
				return len(rows)
			},
			"inbox": func() int {
				found, err := w.ResolveInbox(t.Context(), c.typed)
				fine(t, err)
				page, err := w.Inbox(t.Context(), InboxQuery{View: ViewClosed, Search: found, Field: LastActivity, Desc: true, Page: Page{Limit: 50}})
				fine(t, err)
				return len(page.Rows)
			},
		} {
			log.all = nil
			if found := search(); found != c.found {
				t.Errorf("%s, %q: %d rows, not %d", name, c.typed, found, c.found)
			}
			read, indexes := 0, []string(nil)
			for _, s := range log.all {
				if strings.HasPrefix(s.SQL, "SELECT") || strings.Contains(s.SQL, "WITH ") {
					n, used := w.explain(t, s)
					read, indexes = read+n, append(indexes, used...)
				}
			}
			t.Logf("%s, %q: %d statements read %d rows", name, c.typed, len(log.all), read)
			if read > c.most || c.index != "" && !slices.Contains(indexes, c.index) {
				t.Errorf("%s, %q: %d rows are read, at most %d expected, by %v", name, c.typed, read, c.most, indexes)
			}
		}
	}
}

// explain executes a statement and returns the number of rows that it reads and the indexes it
// uses.
func (w ForWorkspace) explain(t *testing.T, s pgx.TraceQueryStartData) (int, []string) {
	t.Helper()
	args := slices.DeleteFunc(slices.Clone(s.Args), func(arg any) bool { _, isMode := arg.(pgx.QueryExecMode); return isMode })
	rows, err := w.raw.QueryContext(t.Context(), "EXPLAIN (ANALYZE, FORMAT JSON) "+s.SQL, append([]any{pgx.QueryExecModeCacheDescribe}, args...)...)
	if err != nil {
		t.Fatal(fmt.Errorf("%s: %w", s.SQL, err))
	}
	defer func() { _ = rows.Close() }()
	var explained string
	for rows.Next() {
		fine(t, rows.Scan(&explained))
	}
	var plans []struct{ Plan plan }
	fine(t, json.Unmarshal([]byte(explained), &plans))
	return plans[0].Plan.read()
}

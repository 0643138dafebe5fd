package service_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

var update = flag.Bool("update", false, "write testdata/ anew from what the code does")

// cast are the agents of the state machine's table.
type cast struct{ ada, ben, zoe service.Actor } // the caller, a colleague, a deactivated one

// state is a situation in which a verb is called. make returns the conversation for the verbs, nil
// if there is none, and its contact.
type state struct {
	name string
	make func(w *world, c cast) (*db.Conversation, db.ContactID)
}

// its returns a conversation with its contact.
func its(c *db.Conversation) (*db.Conversation, db.ContactID) { return c, c.ContactID }

var states = []state{
	{"no conversation", func(w *world, c cast) (*db.Conversation, db.ContactID) { return nil, w.Contact("Cora").ID }},
	{"open, unassigned", func(w *world, c cast) (*db.Conversation, db.ContactID) { return its(w.Open()) }},
	{"open, mine", func(w *world, c cast) (*db.Conversation, db.ContactID) { return its(w.Open(c.ada)) }},
	{"open, Ben's", func(w *world, c cast) (*db.Conversation, db.ContactID) { return its(w.Open(c.ben)) }},
	{"closed, unassigned", func(w *world, c cast) (*db.Conversation, db.ContactID) { return its(w.Closed()) }},
	{"closed, mine", func(w *world, c cast) (*db.Conversation, db.ContactID) { return its(w.Closed(c.ada)) }},
	{"closed, Ben's", func(w *world, c cast) (*db.Conversation, db.ContactID) { return its(w.Closed(c.ben)) }},
	{"closed, inactive Zoe's", func(w *world, c cast) (*db.Conversation, db.ContactID) {
		conversation := w.Closed()
		w.Reactivate(c.zoe)
		w.Assign(conversation, c.zoe)
		w.Deactivate(c.zoe)
		return its(conversation)
	}},
	{"older, newer open", func(w *world, c cast) (*db.Conversation, db.ContactID) {
		older, _ := w.Older(c.ada)
		return its(older)
	}},
	{"older, newer closed", func(w *world, c cast) (*db.Conversation, db.ContactID) {
		older, newer := w.Older(c.ada)
		w.Closes(newer)
		return its(older)
	}},
}

// move is a call with a row in the table.
type move struct {
	name string
	on   string
	call func(w *world, c cast, x target) (*service.Outcome, error)
	bulk func(w *world, c cast, x target) (*service.Outcome, error) // the same call as a bulk of one; nil if there is none
}

// moves are the verbs on conversations and contacts, some also with an input that is refused, which
// is checked last (S5).
func moves() []move {
	var all []move
	for _, v := range verbs[:13] {
		all = append(all, move{v.name, v.on, func(w *world, c cast, x target) (*service.Outcome, error) {
			x.agent = *c.ben.Agent
			return v.in(w, c.ada, x)
		}, bulks[v.name]})
		if strings.HasPrefix(v.name, "assignCon") {
			all = append(all, move{v.name + " to inactive Zoe", v.on, func(w *world, c cast, x target) (*service.Outcome, error) {
				x.agent = *c.zoe.Agent
				return v.in(w, c.ada, x)
			}, bulks[v.name+" to inactive Zoe"]})
		}
	}
	unknown := &service.ClosingNoteInput{Category: service.Text("Nonsense")}
	return append(all, move{"closeConversation with an unknown category", "conversation", func(w *world, c cast, x target) (*service.Outcome, error) {
		return w.CloseConversation(w.Context(), c.ada, service.CloseConversationInput{
			ConversationID: x.conversation, ExpectedVersion: x.expected, Note: unknown})
	}, func(w *world, c cast, x target) (*service.Outcome, error) {
		return w.CloseConversations(w.Context(), c.ada, service.CloseConversationsInput{Items: x.item(), Note: unknown})
	}})
}

// bulks are the moves that exist for many conversations at once. Their answer about each item is
// that of the verb on one.
var bulks = map[string]func(w *world, c cast, x target) (*service.Outcome, error){
	"assignConversation": func(w *world, c cast, x target) (*service.Outcome, error) {
		return w.AssignConversations(w.Context(), c.ada, service.AssignConversationsInput{Items: x.item(), AssigneeID: *c.ben.Agent})
	},
	"assignConversation to inactive Zoe": func(w *world, c cast, x target) (*service.Outcome, error) {
		return w.AssignConversations(w.Context(), c.ada, service.AssignConversationsInput{Items: x.item(), AssigneeID: *c.zoe.Agent})
	},
	"unassignConversation": func(w *world, c cast, x target) (*service.Outcome, error) {
		return w.UnassignConversations(w.Context(), c.ada, service.UnassignConversationsInput{Items: x.item()})
	},
	"closeConversation": func(w *world, c cast, x target) (*service.Outcome, error) {
		return w.CloseConversations(w.Context(), c.ada, service.CloseConversationsInput{Items: x.item()})
	},
}

// circumstances are the columns of the table.
var circumstances = []struct {
	name           string
	blocked, stale bool
}{{"current expectedVersion", false, false}, {"stale expectedVersion", false, true}, {"blocked", true, false}, {"blocked, stale", true, true}}

// unversioned are the moves that take no expectedVersion.
var unversioned = map[string]bool{"sendMessage": true, "addNote": true, "markRead": true}

// TestStates records the whole state machine: the answer of each verb in each state. Rule S5 has
// the order of the refusals.
func TestStates(t *testing.T) {
	t.Parallel()
	tables := make([]string, len(moves()))
	t.Run("verbs", func(t *testing.T) {
		for i, m := range moves() {
			t.Run(m.name, func(t *testing.T) {
				t.Parallel()
				tables[i] = stateTable(newWorld(t), m)
			})
		}
	})
	if !t.Failed() {
		golden(t, "state.golden", "# What each verb answers: the code that refuses, +EVENTS, or that nothing changed\n\n"+strings.Join(tables, "\n"))
	}
}

// stateTable tries one move in every state and circumstance.
func stateTable(w *world, m move) string {
	c := cast{w.Agent("Ada"), w.Agent("Ben"), w.Agent("Zoe")}
	w.Deactivate(c.zoe)
	text := "## " + m.name + "\n" + row("state", func(i int) string { return circumstances[i].name }) +
		strings.ReplaceAll(row("-", func(int) string { return "-" }), " ", "-")
	for _, s := range states {
		cells := make([]string, len(circumstances))
		for i, is := range circumstances {
			tried := func(m move) string {
				conversation, contact := s.make(w, c)
				if conversation == nil && m.on == "conversation" {
					return ""
				}
				if is.blocked {
					w.OK(w.BlockContact(w.Context(), w.Manager, service.BlockContactInput{ContactID: contact}))
				}
				return attempt(w, c, m, conversation, contact, is.stale)
			}
			if is.stale && unversioned[m.name] {
				cells[i] = "-"
				continue
			}
			cells[i] = tried(m)
			if m.bulk != nil {
				bulk := m
				bulk.call = func(w *world, c cast, x target) (*service.Outcome, error) {
					return w.alone(m.bulk(w, c, x))
				}
				servicetest.Equal(w.T, m.name+" as a bulk, "+s.name+", "+is.name, tried(bulk), cells[i])
			}
		}
		if cells[0] != "" {
			text += row(s.name, func(i int) string { return cells[i] })
		}
	}
	return text
}

// alone is single with the contact, which the verb on one conversation returns.
func (w *world) alone(o *service.Outcome, err error) (*service.Outcome, error) {
	o, err = single(o, err)
	if o != nil && o.Conversation != nil {
		o.Contact = w.ReadContact(o.Conversation.ContactID)
	}
	return o, err
}

func row(name string, cell func(i int) string) string {
	text := fmt.Sprintf("| %-23s |", name)
	for i, width := range []int{48, 23, 48, 23} {
		text += fmt.Sprintf(" %-*s |", width, cell(i))
	}
	return text + "\n"
}

// attempt makes a move and returns its outcome as text. It checks that A4 holds and that the reason
// the API showed beforehand is the refusal (S4).
func attempt(w *world, c cast, m move, conversation *db.Conversation, id db.ContactID, stale bool) string {
	t := w.T
	x := target{contact: id}
	before, head := w.ReadContact(id), w.Head()
	if stale {
		x.expected = new(before.Version - 1)
	} else {
		x.expected = &before.Version
	}
	if conversation != nil {
		x.conversation = conversation.ID
		conversation = w.Read(conversation)
	}
	foretold := whyNot(w, m.name, before, conversation)
	outcome, err := m.call(w, c, x)
	answer := answerOf(t, outcome, err)
	if !stale && foretold != "?" && answer != foretold && !(foretold == "" && err == nil) {
		t.Errorf("%s: the API says %q beforehand, but answers %s", m.name, foretold, answer)
	}
	checkVersions(w, before, head, outcome, err)
	return answer
}

func answerOf(t *testing.T, o *service.Outcome, err error) string {
	var refusal *service.Refusal
	switch {
	case errors.As(err, &refusal):
		return string(refusal.Code)
	case err != nil:
		t.Error(err)
		return service.Explain(err).Error()
	case len(o.Events) == 0:
		return "unchanged"
	}
	return "+" + servicetest.Types(o.Events)
}

// whyNot returns the reason that the API shows before the move; "?" if it shows none for this move.
func whyNot(w *world, move string, contact *db.Contact, c *db.Conversation) string {
	rows, err := w.LatestConversations(w.Context(), w.Manager, []db.ContactID{contact.ID})
	if err != nil {
		w.T.Fatal(err)
	}
	var refusal *service.Refusal
	switch move {
	case "closeConversation":
		refusal = service.WhyNotClose(contact, c)
	case "openConversation":
		refusal = service.WhyNotOpen(contact, service.First(rows))
	case "reopenConversation":
		refusal = service.WhyNotReopen(contact, service.First(rows), c)
	default:
		return "?"
	}
	if refusal == nil {
		return ""
	}
	return string(refusal.Code)
}

// checkVersions: a refusal and a call that changes nothing leave log and versions alone; each event
// but a message is a change of status, assignee or block and counts one; contact and latest
// conversation say the same; the objects of the answer are as they are stored (A4).
func checkVersions(w *world, before *db.Contact, head db.Seq, o *service.Outcome, err error) {
	t, now := w.T, w.ReadContact(before.ID)
	if err == nil {
		head += db.Seq(len(o.Events))
		counted := slices.DeleteFunc(slices.Clone(o.Events), func(e *db.Event) bool { return e.Data.MessageID != nil })
		servicetest.Equal(t, "version", now.Version, before.Version+len(counted))
	} else {
		servicetest.Equal(t, "version after a refusal", now.Version, before.Version)
	}
	servicetest.Equal(t, "end of the log", w.Head(), head)
	if o.Contact != nil {
		servicetest.Equal(t, "contact in the answer", o.Contact.Version, now.Version)
	}
	latest, _ := w.LatestConversations(w.Context(), w.Manager, []db.ContactID{before.ID})
	for _, c := range latest {
		servicetest.Equal(t, "version of the latest conversation", c.Version, now.Version)
		servicetest.Equal(t, "owner of the latest conversation", w.Named(c.AssigneeID), w.Named(now.AssigneeID))
		servicetest.Equal(t, "blocked", c.Blocked, now.Blocked())
	}
	if c := o.Conversation; c != nil {
		stored := w.Read(c)
		servicetest.Equal(t, "conversation in the answer", fmt.Sprint(c.Status, c.Version, w.Named(c.AssigneeID), c.Latest),
			fmt.Sprint(stored.Status, stored.Version, w.Named(stored.AssigneeID), stored.Latest))
	}
}

// golden compares a text with a file of testdata/, or writes it with -update.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	servicetest.Lines(t, strings.Split(got, "\n"), strings.Split(string(want), "\n")...)
}

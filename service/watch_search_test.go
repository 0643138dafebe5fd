package service_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestSearchedView (I2): what a searched live view holds is what the list finds with the same words, and
// it changes likewise if its events are read later, when the contacts have other names.
func TestSearchedView(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	ada, ben := w.Agent("Ada"), w.Agent("Ben")
	names := []string{"Anna Lindt", "Anne-Marie Roth", "Bo Roth", "Émile Zola", "Nobody"}
	emails := []string{"roth@example.org", "anna@example.org", ""}
	phones := []string{"+49 30 1234567", "+43 1 555 0199", ""}
	type view struct {
		db.View
		words string
		held  map[db.ConversationID]bool
		seen  []string // the changes
		live  *service.Stream[service.InboxChange]
	}
	var views []*view
	for _, v := range []db.View{db.ViewAll, db.ViewMine} {
		for _, words := range []string{"roth", "Roth anna", "annemarie", "an", "emile", "030 1234567", "r", "555 0199", "´"} {
			live, err := w.WatchInbox(w.Context(), ada, v, nil, &words, &start)
			servicetest.Fine(t, err)
			defer live.Close()
			views = append(views, &view{v, words, map[db.ConversationID]bool{}, nil, live})
		}
	}
	random := rand.New(rand.NewPCG(5, 7))
	one := func(texts []string) *string { return service.Text(texts[random.IntN(len(texts))]) }
	w.Contact("Roth Anna Annemarie Emile") // as these words occur, the list corrects none of them
	var open []*db.Conversation
	for i := range 8 {
		open = append(open, w.Opens(w.ContactWith(service.CreateContactInput{Name: names[i%len(names)], Email: service.Text(fmt.Sprint(i, "@example.org"))})))
	}
	for step := range 32 {
		c := open[random.IntN(len(open))]
		switch random.IntN(6) {
		case 0:
			w.OK(w.AssignConversation(w.Context(), w.Manager, service.AssignConversationInput{ConversationID: c.ID, AssigneeID: *[]service.Actor{ada, ben}[random.IntN(2)].Agent}))
		case 1:
			w.OK(w.UnassignConversation(w.Context(), w.Manager, service.UnassignConversationInput{ConversationID: c.ID}))
		case 2:
			w.Receives(c.ContactID)
		case 3:
			if w.Read(c).Status == db.StatusOpen {
				w.Closes(c, "Question", "roth")
			} else {
				w.Reopens(c)
			}
		default:
			w.OK(w.UpdateContact(w.Context(), w.Manager, service.UpdateContactInput{ContactID: c.ContactID, Name: one(names), Email: one(emails), Phone: one(phones)}))
		}
		for _, v := range views {
			v.seen = append(v.seen, follow(t, w, v.live, v.held)...)
			if step%8 != 0 {
				continue
			}
			if want := searched(t, w, ada, v.View, v.words); !slices.Equal(held(v.held), want) {
				t.Fatalf("after step %d the view %s with %q holds\n%v, the list\n%v", step, v.View, v.words, held(v.held), want)
			}
		}
	}
	for _, v := range views {
		replayed, err := w.WatchInbox(w.Context(), ada, v.View, nil, &v.words, &start)
		servicetest.Fine(t, err)
		again := follow(t, w, replayed, map[db.ConversationID]bool{})
		replayed.Close()
		if !slices.Equal(again, v.seen) {
			t.Errorf("the view %s with %q changed\n%v, replayed\n%v", v.View, v.words, v.seen, again)
		}
	}
	for _, v := range []db.View{db.ViewClosed, db.ViewBlocked} {
		if _, err := w.WatchInbox(w.Context(), ada, v, nil, service.Text("roth"), nil); err == nil || service.Explain(err).Code != service.BadInput {
			t.Errorf("a search of the view %s is answered %v", v, err)
		}
	}
	live, err := w.WatchInbox(w.Context(), ada, db.ViewClosed, nil, service.Text(" "), nil)
	servicetest.Fine(t, err) // a blank text is no search
	live.Close()
}

// follow applies all changes up to the end of the log to the conversations that a view holds, and
// returns them.
func follow(t *testing.T, w *world, s *service.Stream[service.InboxChange], held map[db.ConversationID]bool) (seen []string) {
	t.Helper()
	for head := w.Head(); ; {
		change, ok, err := s.Next(w.Context())
		servicetest.Fine(t, err)
		if position, _ := s.Position(); !ok && position.Seq >= head {
			return seen
		}
		if !ok {
			servicetest.Fine(t, s.Wait(w.Context()))
			continue
		}
		seen = append(seen, fmt.Sprint(change.Kind, " ", change.Event.Seq))
		id := *change.Event.ConversationID
		if isNew := change.Kind == service.Entered; isNew == held[id] {
			t.Errorf("%s of a conversation that the view holds: %v", change.Kind, held[id])
		}
		if held[id] = change.Kind != service.Left; !held[id] {
			delete(held, id)
		}
	}
}

func held(of map[db.ConversationID]bool) (ids []string) {
	for id := range of {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	return ids
}

// searched returns the ids of the conversations that a list finds, without mistyped words.
func searched(t *testing.T, w *world, a service.Actor, v db.View, words string) (ids []string) {
	t.Helper()
	for _, id := range w.list(a, service.InboxInput{View: v, Search: &words}) {
		ids = append(ids, id.String())
	}
	slices.Sort(ids)
	return ids
}

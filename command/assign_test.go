package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// The race for conversations: everybody tries to take all of them at once.
const (
	takers   = 64 // agents, each with a client
	together = 4  // assignToMe in one request
)

// attempt is the answer that an agent got for one conversation.
type attempt struct {
	Conversation struct {
		ID       string
		Assignee struct{ ID string }
	}
	Events     []struct{ To struct{ ID string } }
	UserErrors []struct{ Code string }
}

func TestEveryConversationIsTakenOnce(t *testing.T) {
	isLoad(t)
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, takers)
	contested := sized(200, 500)
	conversations := openMany(s, c.Token, contested)

	began := time.Now()
	attempts := make([][]attempt, takers)
	var taking sync.WaitGroup
	starting := make(chan struct{})
	for i, a := range c.agents {
		taking.Go(func() {
			<-starting
			for n := 0; n < len(conversations); n += together {
				got, err := s.as(a.token).take(t, conversations[n:n+together])
				if err != nil {
					t.Error(err)
					return
				}
				attempts[i] = append(attempts[i], got...)
			}
		})
	}
	close(starting)
	taking.Wait()
	if t.Failed() {
		return
	}
	t.Logf("%d attempts in %v", takers*contested, time.Since(began))

	winners := map[string]string{} // by conversation
	for i, a := range c.agents {
		for _, one := range attempts[i] {
			if len(one.UserErrors) > 0 {
				continue
			}
			if len(one.Events) != 1 || one.Events[0].To.ID != a.id || one.Conversation.Assignee.ID != a.id {
				t.Errorf("%s wins with %+v", a.id, one)
			}
			if other := winners[one.Conversation.ID]; other != "" {
				t.Errorf("%s is won by %s and %s", one.Conversation.ID, other, a.id)
			}
			winners[one.Conversation.ID] = a.id
		}
	}
	if len(winners) != contested {
		t.Errorf("%d of %d conversations are won", len(winners), contested)
	}
	wins := map[string]int{}
	for _, winner := range winners {
		wins[winner]++
	}
	t.Logf("%d agents won something", len(wins))
	for i, a := range c.agents {
		if len(attempts[i]) != contested {
			t.Errorf("%s was answered %d times", a.id, len(attempts[i]))
		}
		for _, one := range attempts[i] {
			lost := len(one.UserErrors) == 1 && one.UserErrors[0].Code == "ALREADY_ASSIGNED" && len(one.Events) == 0
			if winner := winners[one.Conversation.ID]; winner != a.id && !lost || one.Conversation.Assignee.ID != winner {
				t.Errorf("%s, who did not win, was told %+v; the winner is %s", a.id, one, winner)
			}
		}
	}
	var counts struct {
		InboxCounts struct{ Unassigned, All int }
	}
	s.as(c.Token).ask(&counts, `{ inboxCounts { unassigned all } }`, nil)
	if counts.InboxCounts.Unassigned != 0 || counts.InboxCounts.All != contested {
		t.Errorf("afterwards %+v", counts.InboxCounts)
	}
}

// take tries to take some conversations in one request.
func (c caller) take(t *testing.T, conversations []string) ([]attempt, error) {
	var document strings.Builder
	document.WriteString("mutation {")
	for i, conversation := range conversations {
		fmt.Fprintf(&document, ` a%d: assignToMe(input: {conversationId: %q}) {
			conversation { id assignee { id } } events { ... on ConversationAssigned { to { id } } } userErrors { code } }`, i, conversation)
	}
	document.WriteString(" }")
	status, a, err := c.post(t.Context(), document.String(), nil)
	if err != nil || status != http.StatusOK || len(a.Errors) > 0 {
		return nil, fmt.Errorf("status %d %v %w", status, a.Errors, err)
	}
	var named map[string]attempt
	if err := json.Unmarshal(a.Data, &named); err != nil {
		return nil, err
	}
	got := make([]attempt, len(conversations))
	for i := range got {
		got[i] = named[fmt.Sprint("a", i)]
	}
	return got, nil
}

// openMany opens conversations through several clients.
func openMany(s *server, token string, n int) []string {
	const clients = 8
	conversations := make([]string, n)
	var opening sync.WaitGroup
	for i := range clients {
		opening.Go(func() {
			for at := i; at < n; at += clients {
				conversations[at] = s.as(token).open(fmt.Sprint("Contact ", at))
			}
		})
	}
	opening.Wait()
	return conversations
}

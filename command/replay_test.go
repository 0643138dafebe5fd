package command_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// played is the result that a replay prints with --json.
type played struct {
	Conversations, Of, Received, Replies, Taken, Closed, Retries int
	Refused                                                      map[string]int
	Interrupted                                                  bool
	InboxCounts                                                  struct{ Unassigned, All, Closed, Blocked int }
}

// pastConversations writes a file that can be imported. It has three companies; every fifth
// contact writes twice, and every third conversation has a reply.
func pastConversations(t *testing.T, n int) (file string, messages, replies, contacts int) {
	t.Helper()
	var lines bytes.Buffer
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	for i := range n {
		contact, at := i, start.Add(time.Duration(i)*10*time.Minute)
		if i%5 == 4 {
			contact = i - 4
		} else {
			contacts++
		}
		said := []vars{{"at": at, "from": "contact", "body": fmt.Sprintf("It broke, %d.", i)}}
		messages++
		if i%3 == 0 {
			said = append(said, vars{"at": at.Add(2 * time.Minute), "from": "agent", "body": "Since when?"},
				vars{"at": at.Add(3 * time.Minute), "from": "contact", "body": "Since today."})
			messages++
			replies++
		}
		check(t, json.NewEncoder(&lines).Encode(vars{
			"company": []string{"Acme Care", "Globex", "Initech"}[contact%3], "contact": vars{"externalId": fmt.Sprint("c", contact), "name": fmt.Sprint("Contact ", contact)},
			"openedAt": at, "closingNote": "Sent a new one.", "messages": said}))
	}
	file = filepath.Join(t.TempDir(), "past.jsonl")
	check(t, os.WriteFile(file, lines.Bytes(), 0o600))
	return file, messages, replies, contacts
}

// freeAddr returns an address on which no process listens, for a server that is restarted there.
func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	check(t, l.Close())
	return l.Addr().String()
}

// lossy passes calls on to a server, but loses every seventh answer.
func lossy(t *testing.T, addr string) string {
	t.Helper()
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr})
	var answers atomic.Int64
	proxy.ModifyResponse = func(*http.Response) error {
		if answers.Add(1)%7 == 0 {
			return errors.New("lost")
		}
		return nil
	}
	proxy.ErrorHandler = func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) }
	s := httptest.NewServer(proxy)
	t.Cleanup(s.Close)
	return s.URL + "/graphql"
}

// TestReplay plays conversations while answers are lost and the server is killed and restarted:
// nothing is lost or done twice, and in the end list, counts, live view and rows agree.
func TestReplay(t *testing.T) {
	t.Parallel()
	dir, addr := newDir(t), freeAddr(t)
	s := start(t, "--data-dir", dir, "--no-demo", "--addr", addr)
	c := found(t, s, dir, 0)
	file, messages, replies, contacts := pastConversations(t, 100)
	beginning := s.as(c.Token).asOf()

	var output, log bytes.Buffer
	cmd := exec.Command(binary, "replay", file, "--workspace", c.Workspace, "--url", lossy(t, addr), "--speed", "max", "--data-dir", dir, "--json")
	cmd.Stdout, cmd.Stderr = &output, &log
	check(t, cmd.Start())
	eventually(t, patience, "conversations are closed", func() bool { return s.as(c.Token).counts().Closed >= 20 })
	s.kill()
	s = start(t, "--data-dir", dir, "--no-demo", "--addr", addr)
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var p played
	check(t, json.Unmarshal(output.Bytes(), &p))
	if p.Conversations != 100 || p.Of != 100 || p.Received != messages || p.Replies != replies || p.Taken != 100 || p.Closed != 100 || len(p.Refused) > 0 || p.Retries < 20 || p.Interrupted {
		t.Errorf("played %+v; %d messages, %d replies", p, messages, replies)
	}
	// The second message of a contact belongs to the same conversation as the first.
	counts := s.as(c.Token).counts()
	if counts.Closed != contacts || counts.All != 0 || p.InboxCounts.Closed != contacts {
		t.Errorf("counted %+v and %+v of %d contacts", counts, p.InboxCounts, contacts)
	}
	var closings struct {
		Events struct{ Nodes []struct{ Cursor string } }
	}
	s.as(c.Token).ask(&closings, `query($after: EventCursor) { events(types: [CONVERSATION_CLOSED], after: $after, first: 100) { nodes { cursor } } }`, vars{"after": beginning})
	end := closings.Events.Nodes[99].Cursor // what is later, such as the end of the replay's token, is in no view
	for view, want := range map[string]int{"CLOSED": contacts, "ALL": 0} {
		if n := len(s.as(c.Token).liveView(view, beginning, end)); n != want {
			t.Errorf("the live view %s holds %d, not %d", view, n, want)
		}
		if n, total := s.as(c.Token).listed(view); n != want || total != want {
			t.Errorf("the list %s holds %d of %d, not %d", view, n, total, want)
		}
	}
	d, leave := openDatabase(t, dir)
	defer leave()
	for kind, want := range map[string]int{"MESSAGE_RECEIVED": messages, "MESSAGE_SENT": replies, "CONVERSATION_CLOSED": 100, "CONVERSATION_OPENED": contacts, "CONTACT_CREATED": contacts} {
		var n int
		check(t, d.NewRaw("SELECT count(*) FROM events WHERE workspace_id IS NOT NULL AND type = ?", kind).Scan(t.Context(), &n))
		if n != want {
			t.Errorf("%s: %d, not %d", kind, n, want)
		}
	}
	var known, valid int
	check(t, d.NewRaw("SELECT count(*), count(*) FILTER (WHERE revoked_at IS NULL) FROM tokens WHERE workspace_id IS NOT NULL AND name = 'replay'").Scan(t.Context(), &known, &valid))
	if known == 0 || valid > 0 {
		t.Errorf("of %d tokens of the replay %d are valid", known, valid)
	}
}

// viewCounts are the numbers of conversations in some views.
type viewCounts struct{ All, Closed int }

func (c caller) counts() viewCounts {
	c.server.t.Helper()
	var data struct{ InboxCounts viewCounts }
	c.ask(&data, `{ inboxCounts { all closed } }`, nil)
	return data.InboxCounts
}

// listed pages through a view and returns the number of its conversations and its totalCount.
func (c caller) listed(view string) (n, total int) {
	c.server.t.Helper()
	var after *string
	for {
		var data struct {
			Inbox struct {
				Nodes      []struct{ ID string }
				TotalCount int
				PageInfo   struct {
					HasNextPage bool
					EndCursor   *string
				}
			}
		}
		c.ask(&data, `query($view: InboxView!, $after: String) { inbox(view: $view, first: 30, after: $after) { nodes { id } totalCount pageInfo { hasNextPage endCursor } } }`,
			vars{"view": view, "after": after})
		n += len(data.Inbox.Nodes)
		if !data.Inbox.PageInfo.HasNextPage {
			return n, data.Inbox.TotalCount
		}
		after = data.Inbox.PageInfo.EndCursor
	}
}

// liveView applies the changes of a view between two cursors and returns its conversations. The
// last change must have the cursor to.
func (c caller) liveView(view, from, to string) map[string]bool {
	t := c.server.t
	t.Helper()
	socket, err := c.connect()
	check(t, err)
	defer func() { _ = socket.Close() }()
	check(t, socket.subscribe(`subscription($view: InboxView!, $after: EventCursor) { inboxChanged(view: $view, after: $after) { kind conversationId cursor } }`,
		vars{"view": view, "after": from}))
	inside := map[string]bool{}
	for {
		data, err := socket.next()
		check(t, err)
		var item struct {
			InboxChanged struct{ Kind, ConversationID, Cursor string }
		}
		check(t, json.Unmarshal(data, &item))
		change := item.InboxChanged
		if inside[change.ConversationID] != (change.Kind != "ENTERED") {
			t.Fatalf("received %s for a conversation that is in the view: %t", change.Kind, inside[change.ConversationID])
		}
		if inside[change.ConversationID] = true; change.Kind == "LEFT" {
			delete(inside, change.ConversationID)
		}
		if change.Cursor == to {
			return inside
		}
	}
}

// TestInterruptedReplay ends a replay with Ctrl-C while it waits.
func TestInterruptedReplay(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	file, _, _, _ := pastConversations(t, 10)
	var output, log bytes.Buffer
	cmd := exec.Command(binary, "replay", file, "--workspace", c.Workspace, "--url", s.GraphQL, "--speed", "1x", "--longest-pause", "0", "--data-dir", dir, "--json")
	cmd.Stdout, cmd.Stderr = &output, &log
	check(t, cmd.Start())
	eventually(t, patience, "the first contact writes", func() bool { return s.as(c.Token).counts().All == 1 })
	check(t, cmd.Process.Signal(os.Interrupt))
	if err := cmd.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, log.String())
	}
	var p played
	check(t, json.Unmarshal(output.Bytes(), &p))
	if !p.Interrupted || p.Received != 1 || p.Conversations != 0 || p.Of != 10 {
		t.Errorf("played %+v", p)
	}
	if listed := run(t, "token", "list", "--workspace", c.Workspace, "--data-dir", dir).output; strings.Count(listed, "revoked") != 5 {
		t.Errorf("an integration, a manager and three agents had tokens:\n%s", listed)
	}
}

func TestRefusedReplays(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 0)
	file, _, _, _ := pastConversations(t, 1)
	args := func(more ...string) []string { return append([]string{"replay", file, "--data-dir", dir}, more...) }
	refused(t, 2, args(), "--workspace")
	refused(t, 2, args("--workspace", c.Workspace, "--speed", "fast"), "give a speed such as 60x, or max")
	refused(t, 2, args("--workspace", c.Workspace, "--speed=-1"), "give a speed such as 60x, or max")
	refused(t, 1, args("--workspace", "ws_1", "--url", s.GraphQL), "there is no workspace")
	refused(t, 1, args("--workspace", c.Workspace, "--url", s.Playground), "not a GraphQL endpoint", "--url")
	other := newDir(t)
	stranger := start(t, "--data-dir", other, "--no-demo")
	refused(t, 1, args("--workspace", c.Workspace, "--url", stranger.GraphQL), "same database", "--url")
}

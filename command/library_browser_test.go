package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	lifecycle "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"

	"switchboard/web/webtest"
)

// libraryPage is a page with live lists. It shows what they hold as text.
const libraryPage = `<!doctype html><meta charset="utf-8"><title>Lists</title><script type="module">
import { createSwitchboard } from '/client.js'
const token = location.hash.slice(1)
const board = globalThis.board = createSwitchboard({ url: location.origin + '/graphql', token: () => token })
const lists = ['MINE', 'UNASSIGNED', 'ALL', 'CLOSED'].map((view) => board.inbox({ view, window: 4 }))
globalThis.shown = () => JSON.stringify(lists.map((list) => list.get().rows.map(({ id, revision }) => ({ id, revision }))))
globalThis.isLive = () => lists.every((list) => list.get().status === 'live')
</script>`

// libraryTabs are tabs of one browser with the lists of libraryPage.
type libraryTabs struct {
	t       *testing.T
	browser context.Context
	address string
	open    []context.Context
}

// add opens another tab and waits until its lists are live.
func (b *libraryTabs) add() {
	b.t.Helper()
	tab, cancel := chromedp.NewContext(b.browser)
	b.t.Cleanup(cancel)
	check(b.t, chromedp.Do(tab, chromedp.Navigate(b.address)))
	b.open = append(b.open, tab)
	eventually(b.t, patience, "the lists are live", func() bool { return evaluated[bool](tab, "globalThis.isLive?.() ?? false") })
}

func evaluated[T any](tab context.Context, expression string) (value T) {
	value, _ = chromedp.Run(tab, chromedp.Evaluate[T](expression))
	return value
}

// show waits until all tabs show what a fresh query shows.
func (b *libraryTabs) show(agent caller, when string) {
	b.t.Helper()
	defer func(began time.Time) { b.t.Logf("%s: %v", when, time.Since(began)) }(time.Now())
	type nodes struct {
		Nodes []struct {
			ID       string `json:"id"`
			Revision int    `json:"revision"`
		}
	}
	var fresh struct{ Mine, Unassigned, All, Closed nodes }
	agent.ask(&fresh, `{ mine: inbox(view: MINE, first: 4) { ...rows } unassigned: inbox(view: UNASSIGNED, first: 4) { ...rows }
		all: inbox(view: ALL, first: 4) { ...rows } closed: inbox(view: CLOSED, first: 4) { ...rows } }
		fragment rows on InboxConnection { nodes { id revision } }`, nil)
	want := string(must(json.Marshal([]any{fresh.Mine.Nodes, fresh.Unassigned.Nodes, fresh.All.Nodes, fresh.Closed.Nodes})))
	for i, tab := range b.open {
		got := ""
		for deadline := time.Now().Add(patience); got != want; time.Sleep(20 * time.Millisecond) {
			if got = evaluated[string](tab, "shown()"); time.Now().After(deadline) {
				b.t.Fatalf("%s, tab %d shows\n%s, not\n%s", when, i, got, want)
			}
		}
	}
}

// TestClientInChromium: three tabs of a browser share a socket, and show what fresh queries show
// while the server is killed, and while the tab with the socket is closed or frozen.
func TestClientInChromium(t *testing.T) {
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	addr := must(url.Parse(s.GraphQL)).Host
	c := found(t, s, dir, 2)
	agent := s.as(c.agents[0].token)

	folder := buildLibrary(t)
	runNode(t, folder, "node_modules/esbuild/bin/esbuild", "dist/index.js", "--bundle", "--splitting", "--format=esm", "--outdir=page", "--entry-names=client")
	mux := http.NewServeMux()
	mux.Handle("/graphql", httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: addr}))
	mux.Handle("/", http.FileServer(http.Dir(filepath.Join(folder, "page"))))
	check(t, os.WriteFile(filepath.Join(folder, "page", "lists.html"), []byte(libraryPage), 0o600))
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)

	browser := webtest.Browser(t)
	check(t, chromedp.Do(browser, chromedp.Navigate("about:blank")))
	tabs := &libraryTabs{t: t, browser: browser, address: site.URL + "/lists.html#" + agent.token}
	for range 3 {
		tabs.add()
	}
	random := rand.New(rand.NewPCG(1, 2))
	var conversations []string
	change := func(times int) {
		t.Helper()
		for range times {
			if len(conversations) < 8 {
				conversations = append(conversations, agent.open(fmt.Sprint("Customer ", len(conversations))))
			}
			id := conversations[random.IntN(len(conversations))]
			switch random.IntN(4) {
			case 0:
				agent.unassign(id)
			case 1:
				agent.ask(&struct{}{}, `mutation($id: ID!) { closeConversation(input: {conversationId: $id}) { __typename } }`, vars{"id": id})
			case 2:
				agent.ask(&struct{}{}, `mutation($id: ID!) { reopenConversation(input: {conversationId: $id}) { __typename } }`, vars{"id": id})
			default:
				agent.assign(id, c.agents[random.IntN(2)].id)
			}
		}
	}
	change(20)
	tabs.show(agent, "after changes")

	check(t, chromedp.Cancel(tabs.open[0])) // it has the socket
	tabs.open = slices.Delete(tabs.open, 0, 1)
	change(10)
	tabs.show(agent, "without the tab that had the socket")

	s.kill()
	s = start(t, "--data-dir", dir, "--no-demo", "--addr", addr)
	agent = s.as(agent.token)
	change(10)
	tabs.show(agent, "after the server was killed")

	frozen := tabs.open[0]
	live := func(state lifecycle.SetWebLifecycleStateState) {
		t.Helper()
		must(chromedp.Call(frozen, lifecycle.SetWebLifecycleState, lifecycle.SetWebLifecycleStateParams{State: state}))
	}
	live(lifecycle.SetWebLifecycleStateStateFrozen)
	tabs.open = tabs.open[1:]
	change(10)
	tabs.show(agent, "while the tab with the socket is frozen")
	live(lifecycle.SetWebLifecycleStateStateActive)
	tabs.open = append(tabs.open, frozen)
	change(5)
	tabs.show(agent, "after the frozen tab woke up")

	id := conversations[0]
	agent.ask(&struct{}{}, `mutation($id: ID!) { reopenConversation(input: {conversationId: $id}) { __typename } }`, vars{"id": id})
	tabs.show(agent, "before a tab assigns a conversation")
	evaluated[string](tabs.open[0], fmt.Sprintf(`board.assign({ conversationId: %q, assigneeId: %q }).settled.then(() => (globalThis.isSettled = true)), ''`, id, c.agents[0].id))
	eventually(t, patience, "the assignment is settled", func() bool { return evaluated[bool](tabs.open[0], "globalThis.isSettled ?? false") })
	tabs.show(agent, "after a tab assigned a conversation")
}

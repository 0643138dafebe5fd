package command_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	cdppage "github.com/chromedp/cdproto/page"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"switchboard/web/webtest"
)

// desk is the console in a browser.
type desk struct {
	page
	axe string // the script of axe-core
}

// openDesk opens the console with an address that contains tokens.
func openDesk(t *testing.T, address, axe string) desk {
	t.Helper()
	d := desk{page{t, webtest.Browser(t)}, axe}
	d.do(chromedp.Navigate(address))
	return d
}

// axeCore returns the script of axe-core, in the version that the console pins.
func axeCore(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	check(t, copyFiles("../web/console", folder, func(name string) bool { return strings.HasPrefix(name, "package") || name == ".npmrc" }))
	installPackages(t, "console", folder)
	return string(must(os.ReadFile(filepath.Join(folder, "node_modules", "axe-core", "axe.min.js"))))
}

// press types keys.
func (d desk) press(keys ...string) {
	d.t.Helper()
	for _, key := range keys {
		d.do(chromedp.KeyEvent(key))
	}
}

// command presses keys that the console acts on. As the console prevents their default, they write
// nothing; the protocol of the browser would nevertheless write what [desk.press] sends.
func (d desk) command(keys ...string) {
	d.t.Helper()
	for _, key := range keys {
		for _, kind := range []input.DispatchKeyEventType{input.DispatchKeyEventTypeRawKeyDown, input.DispatchKeyEventTypeKeyUp} {
			must(chromedp.Call(d.ctx, input.DispatchKeyEvent, input.DispatchKeyEventParams{Type: kind, Key: key}))
		}
	}
}

// atOnce presses keys in one turn of the page, so that nothing arrives between them.
func (d desk) atOnce(keys ...string) {
	d.t.Helper()
	const press = `for (const key of %s) document.dispatchEvent(new KeyboardEvent('keydown', { key, cancelable: true })); ''`
	evaluated[string](d.ctx, fmt.Sprintf(press, must(json.Marshal(keys))))
}

// control presses Ctrl with a key.
func (d desk) control(key string) {
	d.t.Helper()
	d.do(chromedp.KeyEvent(key, chromedp.KeyModifiers(chromedp.ModifierCtrl)))
}

// text waits until an element contains a text. The marks that isolate names are left out.
func (d desk) text(selector, text string) {
	d.t.Helper()
	d.shows(fmt.Sprintf(`document.querySelector(%q)?.innerText.replace(/[\u2068\u2069]/g, '').includes(%q)`, selector, text))
}

// click clicks on an element that contains a text, as soon as there is one.
func (d desk) click(selector, text string) {
	d.t.Helper()
	d.shows(fmt.Sprintf(`[...document.querySelectorAll(%q)].some((one) => one.innerText.includes(%q) && (one.click(), true))`, selector, text))
}

// looks checks the screen with axe-core and keeps a picture of it, in light and in dark.
func (d desk) looks(name string) {
	d.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		d.scheme(scheme)
		d.shows(`!document.getAnimations().some((one) => one.effect.getComputedTiming().iterations === 1 && one.playState === 'running')`)
		d.accessible(name + " in " + scheme)
		webtest.Screenshot(d.t, d.ctx, "console-"+name+"-"+scheme)
	}
	d.scheme("light")
}

func (d desk) scheme(scheme string) {
	d.t.Helper()
	features := []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}
	must(chromedp.Call(d.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: features}))
}

// accessible checks the screen with axe-core.
func (d desk) accessible(name string) {
	d.t.Helper()
	if !evaluated[bool](d.ctx, `'axe' in window`) {
		must(chromedp.Run(d.ctx, chromedp.Evaluate[string](d.axe+`; ''`)))
	}
	const run = `axe.run().then(({ violations }) => JSON.stringify(violations.map(({ id, help, nodes }) => [id, help, nodes[0].html, nodes[0].failureSummary])))`
	found := must(chromedp.Run(d.ctx, chromedp.Evaluate[string](run, chromedp.EvalAwaitPromise)))
	if found != "[]" {
		d.t.Errorf("axe-core finds in %s: %s", name, found)
	}
}

// conversation is what the API says of a conversation.
type conversation struct {
	ID, Status string
	Assignee   *struct{ ID, Name string }
	Contact    struct {
		ID, Name string
		Blocked  bool
	}
	LastMessage struct{ Body, Kind string }
	Revision    int
}

func (c caller) read(id string) conversation {
	c.server.t.Helper()
	var got struct{ Conversation conversation }
	c.ask(&got, `query($id: ID!) { conversation(id: $id) { id status assignee { id name } contact { id name blocked } lastMessage { body kind } revision } }`, vars{"id": id})
	return got.Conversation
}

// becomes waits until the API says something of a conversation.
func (c caller) becomes(id, what string, holds func(conversation) bool) {
	c.server.t.Helper()
	eventually(c.server.t, patience, what, func() bool { return holds(c.read(id)) })
}

// openID returns the id of the conversation that is open in the console.
func (d desk) openID() string {
	d.t.Helper()
	d.shows(`document.querySelector('.pane .entries li')`)
	path := evaluated[string](d.ctx, `location.pathname`)
	return path[strings.LastIndex(path, "/")+1:]
}

// TestConsole: an agent works in the console with the keyboard alone, and what is done is what the
// API says afterwards. Every screen passes axe-core and is kept as a picture.
func TestConsole(t *testing.T) {
	s := start(t, "--data-dir", newDir(t))
	me := s.as(s.Developers[1].Token)
	d := openDesk(t, s.Console, axeCore(t))

	d.shows(`document.querySelectorAll('.team button').length === 3`)
	if left := evaluated[string](d.ctx, `location.hash`); left != "" {
		t.Errorf("the tokens are still in the address: %s", left)
	}
	d.looks("sign-in")
	d.press(kb.Tab, kb.Tab)
	d.text(":focus", s.Developers[1].Name)
	d.press(kb.Enter)
	d.shows(`document.querySelectorAll('.row:not(.skeleton)').length > 5`)
	d.looks("inbox")

	d.command("j", "j")
	d.press(kb.Enter)
	id := d.openID()
	before := me.read(id)
	d.text(".pane .head", before.Contact.Name)
	d.looks("conversation")

	d.command("a")
	d.shows(`document.activeElement.getAttribute('role') === 'combobox'`)
	d.looks("assign")
	d.press(s.Developers[2].Name)
	d.text(`[role=option][aria-selected=true]`, s.Developers[2].Name)
	d.press(kb.Enter)
	me.becomes(id, "assigned to the chosen agent", func(c conversation) bool { return c.Assignee != nil && c.Assignee.Name == s.Developers[2].Name })
	d.text(".pane .assignee", s.Developers[2].Name)
	d.command("m")
	d.text("#dialog-title", "Take "+before.Contact.Name+" from "+s.Developers[2].Name)
	d.looks("take")
	d.press(kb.Enter)
	me.becomes(id, "assigned to the viewer", func(c conversation) bool { return c.Assignee != nil && c.Assignee.Name == s.Developers[1].Name })
	d.text(".pane .assignee", "You")
	d.command("u")
	me.becomes(id, "unassigned", func(c conversation) bool { return c.Assignee == nil })
	d.text(".notices", "is unassigned")
	d.command("z")
	me.becomes(id, "assigned again by undoing", func(c conversation) bool { return c.Assignee != nil })
	d.text(".pane .assignee", "You")
	assigned := me.read(id)
	d.atOnce("u", "z") // undone before the server has answered
	me.becomes(id, "assigned again by undoing at once", func(c conversation) bool {
		return c.Assignee != nil && c.Assignee.ID == assigned.Assignee.ID && c.Revision == assigned.Revision+2
	})

	d.command("r")
	d.shows(`document.activeElement.id === 'composer'`)
	d.press("Your parcel is on its way.")
	d.control(kb.Enter)
	me.becomes(id, "the reply", func(c conversation) bool {
		return c.LastMessage.Body == "Your parcel is on its way." && c.LastMessage.Kind == "OUTBOUND"
	})
	d.text(".entries", "Your parcel is on its way.")
	d.press(kb.Escape)
	d.command("n")
	d.shows(`document.activeElement.id === 'composer' && document.querySelector('.composer.note')`)
	d.press("Called the carrier.")
	d.control(kb.Enter)
	me.becomes(id, "the note", func(c conversation) bool { return c.LastMessage.Kind == "NOTE" })
	d.text(".entries .note", "Called the carrier.")
	d.press(kb.Escape)

	d.command("e")
	d.shows(`document.activeElement.id === 'category'`)
	d.looks("close")
	d.press(kb.Tab, "Sent again.")
	d.control(kb.Enter)
	me.becomes(id, "closed", func(c conversation) bool { return c.Status == "CLOSED" })
	d.text(".pane .actions", "Open")
	d.text(".entries", "Sent again.")
	d.command("z")
	me.becomes(id, "open again by undoing", func(c conversation) bool { return c.Status == "OPEN" })

	d.command("c")
	d.text(".drawer", before.Contact.Name)
	d.looks("contact")
	d.do(chromedp.Focus(chromedp.CSS(".drawer .danger")))
	d.press(kb.Enter)
	me.becomes(id, "blocked", func(c conversation) bool { return c.Contact.Blocked })
	d.text(".pane .strip.blocked", "is blocked")
	d.shows(`document.querySelector('.pane .actions button:last-child').disabled`)
	d.text(".composer", "No reply: The contact is blocked.")
	d.looks("blocked")
	d.command("z")
	me.becomes(id, "unblocked by undoing", func(c conversation) bool { return !c.Contact.Blocked })
	d.shows(`!document.querySelector('.pane .actions button:last-child').disabled`)

	d.press(kb.Escape, kb.Escape)
	d.shows(`document.querySelector('.pane.none')`)
	d.command("?")
	d.shows(`document.querySelector('dialog[open] .keys')`)
	d.looks("keys")
	d.press(kb.Escape)
	d.shows(`!document.querySelector('dialog')`)
	d.command("x", "j", "x")
	d.text(".bulk", "2 chosen")
	d.looks("several")
	d.press(kb.Escape)
	d.command("3")
	// What the agent reads on another device is read here.
	s.as(s.Developers[3].Token).receive("Una Read", "Is anybody there?")
	const row = `[...document.querySelectorAll('.row.unread')].find((one) => one.innerText.includes('Una Read'))`
	d.shows(row)
	arrived := evaluated[string](d.ctx, row+`.id`)
	s.as(s.Developers[1].Token).ask(new(any), `mutation($id: ID!) { markRead(input: {conversationId: $id}) { userErrors { code } } }`,
		vars{"id": strings.TrimPrefix(arrived, "row-")})
	d.shows(fmt.Sprintf(`document.querySelector('#%s:not(.unread)')`, arrived))
	d.command("/")
	d.shows(`document.activeElement.id === 'search'`)
	first, last, _ := strings.Cut(before.Contact.Name, " ")
	d.press(first)
	d.shows(fmt.Sprintf(`new URLSearchParams(location.search).get('search') === %q`, first))
	d.press(" ") // stays although the list changes beside it
	sidebar := evaluated[string](d.ctx, `document.querySelector('.views').innerText`)
	me.open("Someone else")
	d.shows(fmt.Sprintf(`document.querySelector('.views').innerText !== %q`, sidebar))
	d.press(last)
	d.shows(fmt.Sprintf(`document.querySelector('#search').value === %q`, before.Contact.Name))
	d.shows(`document.querySelectorAll('.row:not(.skeleton)').length < 10`)
	d.text(".list", before.Contact.Name)
	d.press(kb.Escape)
	d.do(chromedp.Navigate(evaluated[string](d.ctx, `location.origin`) + "/inbox/closed?search=zzzqqqxxx"))
	d.text(".list", "Nothing matches")
	d.looks("empty")

	for _, size := range []struct {
		name          string
		width, height int64
	}{{"narrow", 390, 844}, {"medium", 900, 700}} {
		d.do(chromedp.EmulateViewport(size.width, size.height))
		d.do(chromedp.Navigate(evaluated[string](d.ctx, `location.origin`) + "/inbox/all"))
		d.shows(`document.querySelectorAll('.row:not(.skeleton)').length > 3`)
		d.looks(size.name + "-list")
		d.command("j")
		d.press(kb.Enter)
		d.shows(`document.querySelector('.pane .entries li')`)
		d.looks(size.name + "-conversation")
	}
	d.ownServerOnly(s)
}

// ownServerOnly checks that the page asked nobody but its server.
func (d desk) ownServerOnly(s *server) {
	d.t.Helper()
	own := must(url.Parse(s.GraphQL)).Host
	for _, address := range webtest.Requests(d.ctx) {
		if at, err := url.Parse(address); err != nil || at.Host != own {
			d.t.Errorf("the page asked elsewhere: %s", address)
		}
	}
}

// TestConsoleRace (A3): two agents take one conversation at the same moment. One gets it, the other is
// told who was faster, and both screens agree; who then takes it from the other is shown there at once.
func TestConsoleRace(t *testing.T) {
	s := start(t, "--data-dir", newDir(t))
	me := s.as(s.Developers[0].Token)
	var first struct {
		Inbox struct{ Nodes []struct{ ID string } }
	}
	me.ask(&first, `{ inbox(view: UNASSIGNED, first: 1) { nodes { id } } }`, nil)
	id := first.Inbox.Nodes[0].ID
	origin := strings.TrimSuffix(s.GraphQL, "/graphql")
	var desks []desk
	for i := range 2 {
		d := openDesk(t, origin+"/inbox/unassigned/"+id+"#token="+s.Developers[i].Token, "")
		d.openID()
		d.shows(`document.querySelectorAll('.row:not(.skeleton)').length > 5`)
		desks = append(desks, d)
	}
	var pressed sync.WaitGroup
	for _, d := range desks {
		pressed.Go(func() { d.press("m") })
	}
	pressed.Wait()
	winner, loser := desks[0], desks[1]
	me.becomes(id, "assigned", func(c conversation) bool { return c.Assignee != nil })
	name := me.read(id).Assignee.Name
	loserName := s.Developers[1].Name
	if name == loserName {
		winner, loser, loserName = loser, winner, s.Developers[0].Name
	}
	winner.text(".notices", "is assigned to you")
	winner.text(".pane .assignee", "You")
	loser.text(".notices", "Somebody was faster")
	loser.text(".notices", "is assigned to "+name)
	loser.text(".pane .assignee", name)
	webtest.Screenshot(t, loser.ctx, "console-race")

	loser.command("m")
	loser.text("#dialog-title", "from "+name)
	loser.press(kb.Enter)
	winner.text(".notices", loserName+" took")
	winner.text(".notices", "from you")
	winner.text(".pane .assignee", loserName)
	webtest.Screenshot(t, winner.ctx, "console-taken")
}

// TestConsoleMeanwhile: an action is meant for what was shown. If somebody else has changed that since,
// nothing is done, by a dialog, by undoing, or after an outage. Only the last action is undone.
func TestConsoleMeanwhile(t *testing.T) {
	s := start(t, "--data-dir", newDir(t))
	manager, me, mia := s.as(s.Developers[0].Token), s.as(s.Developers[1].Token), s.as(s.Developers[2].Token)
	id := manager.open("Ada Novak")
	manager.assign(id, mia.viewer())
	d := openDesk(t, strings.TrimSuffix(s.GraphQL, "/graphql")+"/inbox/all/"+id+"#token="+s.Developers[1].Token, "")
	d.text(".pane .assignee", s.Developers[2].Name)
	isWith := func(c caller) {
		t.Helper()
		agent := c.viewer()
		me.becomes(id, "with the right agent", func(c conversation) bool { return c.Assignee != nil && c.Assignee.ID == agent })
	}
	overtaken := func() {
		t.Helper()
		d.text(".notice.problem", "Somebody was faster: Ada Novak is assigned to")
		d.shows(`(document.querySelector('.notice.problem [aria-label=Dismiss]')?.click(), !document.querySelector('.notice.problem'))`)
	}

	d.command("m")
	d.text("#dialog-title", "Take Ada Novak from "+s.Developers[2].Name)
	manager.assign(id, manager.viewer())
	d.text(".pane .assignee", s.Developers[0].Name)
	d.press(kb.Enter)
	overtaken()
	isWith(manager)

	d.command("m")
	d.text("#dialog-title", "from "+s.Developers[0].Name)
	d.press(kb.Enter)
	d.text(".notices", "Ada Novak is assigned to you")
	mia.assign(id, mia.viewer())
	d.text(".pane .assignee", s.Developers[2].Name)
	d.command("z")
	overtaken()
	isWith(mia)

	mia.assign(id, me.viewer())
	d.text(".pane .assignee", "You")
	d.command("u")
	d.text(".notices", "Ada Novak is unassigned")
	d.command("n")
	d.shows(`document.activeElement.id === 'composer'`)
	d.press("Called.")
	d.control(kb.Enter)
	d.text(".entries .note", "Called.")
	d.press(kb.Escape)
	d.command("z")
	d.text(".notices", "There is nothing to undo")
	me.becomes(id, "still unassigned", func(c conversation) bool { return c.Assignee == nil })

	// Keys after r are text, also while the conversation is loaded.
	other := manager.open("Bo Berg")
	d.shows(`document.querySelector('#row-` + other + `')`)
	evaluated[string](d.ctx, `window.fetch = ((fetch) => (...all) => new Promise((done) => setTimeout(done, 500)).then(() => fetch(...all)))(fetch), ''`)
	d.do(chromedp.Click(chromedp.CSS("#row-" + other)))
	d.shows(`document.querySelector('.pane[aria-busy=true]')`)
	d.atOnce("r", "m", "e")
	d.shows(`document.activeElement.id === 'composer' && document.activeElement.value === 'me'`)
	if c := me.read(other); c.Assignee != nil || c.Status != "OPEN" || evaluated[bool](d.ctx, `Boolean(document.querySelector('dialog'))`) {
		t.Errorf("letters of a reply were commands: %+v", c)
	}

	// What was done without a connection is not done to what somebody else has made of it.
	d.press(kb.Escape)
	d.do(chromedp.Click(chromedp.CSS("#row-" + id)))
	d.text(".pane .head", "Ada Novak")
	evaluated[string](d.ctx, `window.online = fetch, window.fetch = () => Promise.reject(new TypeError('no network')), ''`)
	d.command("m")
	d.text(".pane .assignee", "You")
	mia.assign(id, mia.viewer())
	evaluated[string](d.ctx, `window.fetch = window.online, ''`)
	overtaken()
	isWith(mia)
	d.text(".pane .assignee", s.Developers[2].Name)

	// Of several, those that nobody has changed are closed.
	for one, name := range map[string]string{id: "Ada Novak", other: "Bo Berg"} {
		d.do(chromedp.Click(chromedp.CSS("#row-" + one)))
		d.text(".pane .head", name)
		d.command("x")
	}
	d.text(".bulk", "2 chosen")
	d.command("e")
	d.shows(`document.activeElement.id === 'category'`)
	mia.assign(other, mia.viewer())
	d.text("#row-"+other, s.Developers[2].Name)
	d.control(kb.Enter)
	d.text(".notices", "1 conversation is closed")
	d.text(".notice.problem", "1 not closed")
	d.text(".bulk", "1 chosen")
	if closed, kept := me.read(id), me.read(other); closed.Status != "CLOSED" || kept.Status != "OPEN" {
		t.Errorf("what nobody had changed is %s, what a colleague had taken %s", closed.Status, kept.Status)
	}
}

// TestConsoleServerKilled: the server is killed and comes back, without a reload of the page. The rows
// stay meanwhile, what was done while it was away is done then, and what others did is caught up with.
func TestConsoleServerKilled(t *testing.T) {
	dir := newDir(t)
	s := start(t, "--data-dir", dir)
	addr := must(url.Parse(s.GraphQL)).Host
	d := openDesk(t, "http://"+addr+"/inbox/unassigned#token="+s.Developers[0].Token, axeCore(t))
	webtest.Expect(d.ctx, "WebSocket connection to")
	webtest.Expect(d.ctx, "ERR_")
	d.shows(`document.querySelectorAll('.row:not(.skeleton)').length > 5`)
	evaluated[string](d.ctx, `window.fewest = 1e9, window.sameWindow = true, requestAnimationFrame(function see() {
		window.fewest = Math.min(window.fewest, document.querySelectorAll('.row:not(.skeleton)').length)
		requestAnimationFrame(see)
	}), ''`)
	d.command("j")
	d.press(kb.Enter)
	id := d.openID()

	s.kill()
	d.text(".strip.offline", "No connection")
	d.looks("offline")
	d.command("m")
	d.text(".pane .assignee", "You")
	s = start(t, "--data-dir", dir, "--addr", addr)
	began := time.Now()
	other := s.as(s.Developers[1].Token)
	other.becomes(id, "what was done meanwhile", func(c conversation) bool { return c.Assignee != nil && c.Assignee.Name == s.Developers[0].Name })
	d.shows(`!document.querySelector('.column > .strip')`)
	took := time.Since(began)
	t.Logf("live again %v after the server was ready", took)
	if full() && took > 2*time.Second {
		t.Errorf("the page was live again only %v after the server was ready", took)
	}
	other.assign(id, other.viewer())
	d.text(".pane .assignee", s.Developers[1].Name)
	if fewest := evaluated[int](d.ctx, `window.fewest`); fewest < 5 {
		t.Errorf("the list had only %d rows for a moment", fewest)
	}
	if !evaluated[bool](d.ctx, `window.sameWindow === true`) {
		t.Error("the page was loaded again")
	}
}

// viewer returns the id of the calling agent.
func (c caller) viewer() string {
	c.server.t.Helper()
	var got struct{ Viewer struct{ ID string } }
	c.ask(&got, `{ viewer { id } }`, nil)
	return got.Viewer.ID
}

// TestConsolePaints: what happens is drawn soon after the page has received it.
func TestConsolePaints(t *testing.T) {
	isLoad(t)
	count, limit := 40, 500.0 // milliseconds: beside other tests the processors are not the page's alone
	if full() {
		count, limit = 400, 100
	}
	s := start(t, "--data-dir", newDir(t))
	d := desk{page{t, webtest.Browser(t)}, ""}
	// A change of the page in a frame is drawn with that frame; the message is handled right afterwards.
	const clock = `{
		const received = new Map(), Plain = WebSocket, drawn = new MessageChannel()
		window.painted = []
		window.WebSocket = class extends Plain {
			constructor(...all) {
				super(...all)
				this.addEventListener('message', ({ data }) => {
					const at = performance.now()
					for (const [name] of String(data).matchAll(/Paint \d+/g)) if (!received.has(name)) received.set(name, at)
				})
			}
		}
		drawn.port1.onmessage = ({ data }) => painted.push(performance.now() - data)
		new MutationObserver(() => {
			const text = document.querySelector('.list')?.textContent ?? ''
			for (const [name, at] of received) {
				if (at === null || !text.includes(name)) continue
				received.set(name, null)
				drawn.port2.postMessage(at)
			}
		}).observe(document, { childList: true, subtree: true, characterData: true })
	}`
	must(chromedp.Call(d.ctx, cdppage.AddScriptToEvaluateOnNewDocument, cdppage.AddScriptToEvaluateOnNewDocumentParams{Source: clock}))
	d.do(chromedp.Navigate(strings.TrimSuffix(s.GraphQL, "/graphql") + "/inbox/all#token=" + s.Developers[0].Token))
	d.shows(`document.querySelectorAll('.row:not(.skeleton)').length > 5`)
	connector := s.as(s.Developers[3].Token)
	for i := range count {
		connector.receive(fmt.Sprint("Paint ", 1000+i), "Hello")
		time.Sleep(50 * time.Millisecond)
	}
	d.shows(fmt.Sprintf(`painted.length === %d`, count))
	p50, p99 := evaluated[float64](d.ctx, `painted.sort((a, b) => a - b)[Math.floor(painted.length * 0.5)]`), evaluated[float64](d.ctx, `painted[Math.floor(painted.length * 0.99)]`)
	t.Logf("received to painted: p50 %.1f ms, p99 %.1f ms", p50, p99)
	if p99 > limit {
		t.Errorf("1 %% of what happens is drawn later than %.0f ms after it was received", p99)
	}
}

// TestConsoleScrolls: a list of many conversations is scrolled through without a task of the page that
// takes longer than 50 ms. The best of five rounds counts, as others use the machine too.
func TestConsoleScrolls(t *testing.T) {
	isLoad(t)
	count, limit := 5_000, 500.0 // milliseconds: beside other tests the processors are not the page's alone
	if full() {
		count, limit = 100_000, 50
	}
	dir := newDir(t)
	s := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, s, dir, 1)
	file := filepath.Join(t.TempDir(), "past.jsonl")
	var lines strings.Builder
	at := time.Now().Add(-100 * 24 * time.Hour)
	for i := range count {
		opened, closed := at.Add(time.Duration(i)*time.Minute).UTC().Format(time.RFC3339), at.Add(time.Duration(i+1)*time.Minute).UTC().Format(time.RFC3339)
		_ = json.NewEncoder(&lines).Encode(vars{
			"company": "Acme", "externalId": fmt.Sprint("c", i), "contact": vars{"externalId": fmt.Sprint("contact", i), "name": fmt.Sprint("Customer ", i)},
			"openedAt": opened, "closedAt": closed, "messages": []vars{{"at": opened, "from": "contact", "body": fmt.Sprint("Question ", i)}},
		})
	}
	check(t, os.WriteFile(file, []byte(lines.String()), 0o600))
	if r := run(t, "import", file, "--workspace", c.Workspace, "--data-dir", dir); r.status != 0 {
		t.Fatalf("import: %d\n%s%s", r.status, r.output, r.log)
	}
	d := openDesk(t, strings.TrimSuffix(s.GraphQL, "/graphql")+"/inbox/closed#token="+c.agents[0].token, "")
	d.shows(fmt.Sprintf(`document.querySelector('.list').ariaRowCount === '%d'`, count))
	d.shows(`document.querySelectorAll('.row:not(.skeleton)').length > 5`)
	evaluated[string](d.ctx, `window.tasks = [], new PerformanceObserver((list) => {
		for (const { duration } of list.getEntries()) tasks.push(Math.round(duration))
	}).observe({ type: 'longtask' }), ''`)
	const scroll = `new Promise((resolve) => {
		tasks.length = 0
		const list = document.querySelector('.list'), times = []
		let frames = 0, last = performance.now()
		list.scrollTop = 0
		requestAnimationFrame(function step(now) {
			times.push(now - last)
			last = now
			list.scrollTop += frames % 2 ? 1400 : 340
			if (++frames < 240) return requestAnimationFrame(step)
			list.scrollTop = list.scrollHeight
			setTimeout(() => resolve([Math.max(0, ...tasks), times.sort((a, b) => a - b)[236]]), 300)
		})
	})`
	best := 1e9
	for round := range 5 {
		ctx, cancel := context.WithTimeout(d.ctx, patience)
		figures, err := chromedp.Run(ctx, chromedp.Evaluate[[]float64](scroll, chromedp.EvalAwaitPromise))
		cancel()
		check(t, err)
		t.Logf("round %d: longest task %v ms, p98 between frames %.1f ms", round, figures[0], figures[1])
		if best = min(best, figures[0]); best <= limit {
			break
		}
	}
	if best > limit {
		t.Errorf("while %d conversations are scrolled, the page has a task of %v ms", count, best)
	}
	webtest.Screenshot(t, d.ctx, "console-end-of-many")
}

//go:build linux

package faults

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// evidence is what the judge looks at: the log and the tables at the end of a run, and what clients,
// subscribers and the auditor were told.
type evidence struct {
	cast   cast
	log    []*db.Event
	head   db.Seq            // as the counter row has it
	stored map[string]int    // number of rows by table and text
	seqs   map[string]db.Seq // of events, by id

	mutations     []*mutation
	subscriptions []subscription
	audits        []audit

	restored *restore
	mended   time.Duration
	soon     time.Duration // within which everything has to be delivered
}

// A subscription is what one subscriber was told.
type subscription struct {
	subject
	number   int
	sessions []session
}

// A finding is a rule that was broken, and how.
type finding struct{ rule, text string }

// checks are what the judge looks for, by the rule.
var checks = []struct {
	rule string
	look func(*evidence, func(format string, args ...any))
}{
	{"P2 the log has no gap and nothing twice", (*evidence).checkLog},
	{"P1 no event without its change", (*evidence).checkChains},
	{"P1 what was acknowledged is in the log once", (*evidence).checkAnswers},
	{"P6 a key has one effect", (*evidence).checkRows},
	{"P3 a subscriber has exactly its part of the log", (*evidence).checkSubscriptions},
	{"P8 delivery is late", (*evidence).checkDelays},
	{"I2 counts and dashboard are those of the log", (*evidence).checkStates},
	{"I2 lists and counts read are those of the log", (*evidence).checkAudits},
	{"P5 assignment and status are linearizable", (*evidence).checkThreads},
	{"W2 a workflow runs once for each event", (*evidence).checkRuns},
}

// most is how many findings of a rule are reported.
const most = 3

// judge returns what is wrong.
func (e *evidence) judge() (all []finding) {
	for _, c := range checks {
		n := 0
		c.look(e, func(format string, args ...any) {
			if n++; n <= most {
				all = append(all, finding{c.rule, fmt.Sprintf(format, args...)})
			}
		})
	}
	return all
}

// collect adds what the crowd of a run has seen. The crowd must have gone home.
func (e *evidence) collect(r *run) {
	for _, c := range r.clients {
		e.mutations = append(e.mutations, c.done...)
	}
	for _, s := range r.subscribers {
		e.subscriptions = append(e.subscriptions, subscription{s.subject, s.number, s.sessions})
	}
	e.audits, e.restored, e.mended, e.soon = r.auditor.audits, r.restored, r.mended, r.soon
}

// mayBeLost reports whether something at that time may be missing in the log, since the log was
// replaced by an older one later. For a mutation it is the time at which it was sent: its answer can
// be on its way while the log is replaced.
func (e *evidence) mayBeLost(at time.Duration) bool {
	return e.restored != nil && at < e.restored.ended
}

// position returns the number of the event that a cursor comes after, and whether there is one.
func (e *evidence) position(cursor string) (db.Seq, bool) {
	c, err := e.cast.key.Open(cursor)
	if err != nil || c.Seq < 0 || int(c.Seq) > len(e.log) {
		return 0, false
	}
	return c.Seq, c.Seq == 0 || e.log[c.Seq-1].Cursor() == c
}

func (e *evidence) checkLog(found func(string, ...any)) {
	for i, event := range e.log {
		if event.Seq != db.Seq(i+1) {
			found("event %d has the number %d", i+1, event.Seq)
		}
		if e.seqs[event.ID.String()] != event.Seq {
			found("event %s is there more than once", event.ID)
		}
	}
	if int(e.head) != len(e.log) {
		found("the counter row says %d, but the log has %d events", e.head, len(e.log))
	}
}

func (e *evidence) checkChains(found func(string, ...any)) {
	now := map[db.ConversationID]*db.Facets{}
	for _, event := range e.log {
		if event.ConversationID == nil || event.Type == db.WorkflowRan {
			continue
		}
		was := now[*event.ConversationID]
		if before := servicetest.FacetsText(event.Before); was != nil && servicetest.FacetsText(was) != before {
			found("event %d, %s, begins with %s, but it was %s", event.Seq, event.Type, before, servicetest.FacetsText(was))
		}
		if event.Before != nil && event.After.Version != event.Before.Version+changes(event) {
			found("event %d, %s, has version %d after %d", event.Seq, event.Type, event.After.Version, event.Before.Version)
		}
		now[*event.ConversationID] = event.After
	}
}

// changes returns by how much an event raises the version (A4).
func changes(e *db.Event) int {
	if e.Before.Status == e.After.Status && e.Before.Blocked == e.After.Blocked && service.SameAgent(e.Before.Assignee, e.After.Assignee) {
		return 0
	}
	return 1
}

func (e *evidence) checkAnswers(found func(string, ...any)) {
	logged, ends := map[string][]string{}, map[string]db.Seq{}
	for _, event := range e.log {
		if event.Origin == nil {
			continue
		}
		key := *event.Origin
		logged[key] = append(logged[key], event.ID.String())
		if end := event.ChangeEnd(); ends[key] != 0 && ends[key] != end {
			found("the events of %q are of two changes, which end with %d and %d", key, ends[key], end)
		} else {
			ends[key] = end
		}
	}
	for _, m := range e.mutations {
		events := logged[m.key]
		delete(logged, m.key)
		if m.verb == "" || len(events) == 0 && e.mayBeLost(m.sent) {
			continue
		}
		if !slices.Equal(events, m.events) {
			found("%s (%s) was answered with %v %s, but the log has %v", m.verb, m.key, m.events, m.refusal, events)
		}
	}
	for key, events := range logged {
		if !strings.HasPrefix(key, "probe ") {
			found("%v were written with %q, which nobody was answered", events, key)
		}
	}
}

func (e *evidence) checkRows(found func(string, ...any)) {
	for _, m := range e.mutations {
		if m.body == "" || e.mayBeLost(m.sent) {
			continue
		}
		want := 1
		if m.refusal != "" {
			want = 0
		}
		if n := e.stored[m.table+" "+m.body]; n != want {
			found("%s (%s, refused %q) left %d rows in %s", m.verb, m.key, m.refusal, n, m.table)
		}
	}
}

// part returns the items that a subscriber to a part of the log must receive after a position.
func (e *evidence) part(s subject, after db.Seq) (items []item) {
	for _, event := range e.log[after:] {
		if kind, is := s.part(e.cast, event); is {
			items = append(items, item{event: event.ID.String(), kind: kind})
		}
	}
	return items
}

// isComplete reports whether a subscriber has received everything.
func (e *evidence) isComplete(s *subscriber) bool {
	got := s.last()
	if s.part == nil {
		return len(got) > 0 && e.says(got[len(got)-1].state, db.Seq(len(e.log))) == ""
	}
	s.mu.Lock()
	after, known := e.position(s.sessions[len(s.sessions)-1].after)
	s.mu.Unlock()
	return known && len(got) >= len(e.part(s.subject, after))
}

func (e *evidence) checkSubscriptions(found func(string, ...any)) {
	for _, s := range e.subscriptions {
		if s.part == nil {
			continue
		}
		who := fmt.Sprintf("%s of server %d", s.name, s.number)
		if len(s.sessions) > 1 && e.restored == nil {
			found("%s was told to load again, without a reason", who)
		}
		for i, session := range s.sessions {
			isLast := i == len(s.sessions)-1
			after, known := e.position(session.after)
			if !known && isLast {
				found("%s began after %s, which is not in the log", who, session.after)
			}
			if known {
				e.checkSession(who, s.subject, session, after, isLast, found)
			}
		}
	}
}

// checkSession compares the items of a session with the log. A session that is not the last one may
// end earlier, and what it received then may have been lost.
func (e *evidence) checkSession(who string, s subject, got session, after db.Seq, isLast bool, found func(string, ...any)) {
	items := slices.Clone(got.items)
	if !isLast {
		items = slices.DeleteFunc(items, func(i item) bool { return e.seqs[i.event] == 0 && e.mayBeLost(i.at) })
	}
	want := e.part(s, after)
	if !isLast {
		want = want[:min(len(want), len(items))]
	}
	for i := range min(len(items), len(want)) {
		if items[i].event != want[i].event || items[i].kind != want[i].kind {
			found("%s: item %d is %s, but in the log it is %s", who, i+1, e.tell(items[i]), e.tell(want[i]))
			return
		}
		if at, known := e.position(items[i].cursor); !known || at != e.seqs[items[i].event] {
			found("%s: item %d, %s, has the cursor of event %d", who, i+1, e.tell(items[i]), at)
			return
		}
	}
	if len(items) != len(want) {
		found("%s: %d items came, and in the log there are %d", who, len(items), len(want))
	}
}

func (e *evidence) tell(i item) string {
	seq := e.seqs[i.event]
	if seq == 0 {
		return fmt.Sprintf("%s, which is not in the log", i.event)
	}
	return strings.TrimSpace(fmt.Sprintf("event %d (%s) %s", seq, e.log[seq-1].Type, i.kind))
}

// delays returns how long after its mutation was acknowledged each item came. What was acknowledged
// during the fault counts from its end, if fromEnd is set.
func (e *evidence) delays(fromEnd bool, visit func(s subscription, i item, late time.Duration)) {
	acknowledged := map[string]time.Duration{}
	for _, m := range e.mutations {
		for _, id := range m.events {
			acknowledged[id] = m.answered
		}
	}
	for _, s := range e.subscriptions {
		for _, session := range s.sessions {
			for _, i := range session.items {
				at, known := acknowledged[i.event]
				if fromEnd {
					at = max(at, e.mended)
				}
				if known {
					visit(s, i, i.at-at)
				}
			}
		}
	}
}

func (e *evidence) checkDelays(found func(string, ...any)) {
	e.delays(true, func(s subscription, i item, late time.Duration) {
		if late > e.soon {
			found("%s of server %d received %s %v after it was acknowledged and the fault had ended", s.name, s.number, e.tell(i), late)
		}
	})
}

// silences returns the longest time from an acknowledgement to its delivery of each subscriber, the
// shortest first.
func (e *evidence) silences() []time.Duration {
	longest := map[string]time.Duration{}
	e.delays(false, func(s subscription, _ item, late time.Duration) {
		who := fmt.Sprint(s.name, s.number)
		longest[who] = max(longest[who], late)
	})
	return slices.Sorted(maps.Values(longest))
}

// says returns how a state differs from that which the log has at a position; empty if it does not.
func (e *evidence) says(s state, at db.Seq) string {
	var f fold
	f.advance(e.log, at)
	return e.differs(s, &f)
}

func (e *evidence) differs(s state, f *fold) string {
	if s.Counts == nil {
		if is := f.counts(e.cast.agents[0].id); !sameCounts(is, s) {
			return fmt.Sprintf("%+v, but in the log %+v", s, is)
		}
		return ""
	}
	is := f.counts(db.AgentID{})
	if s.Counts.Open != is.All || s.Counts.Unassigned != is.Unassigned || s.Counts.Waiting != f.waiting() {
		return fmt.Sprintf("%+v, but in the log %d open, %d unassigned, %d waiting", *s.Counts, is.All, is.Unassigned, f.waiting())
	}
	loads := f.load()
	for _, a := range s.Agents {
		if a.OpenConversations != loads[a.Agent.ID] {
			return fmt.Sprintf("%d conversations of %s, but in the log %d", a.OpenConversations, a.Agent.ID, loads[a.Agent.ID])
		}
	}
	return ""
}

func sameCounts(a, b state) bool {
	return a.Mine == b.Mine && a.Unassigned == b.Unassigned && a.All == b.All && a.Closed == b.Closed && a.Blocked == b.Blocked
}

// A claim is a statement about the log at a position.
type claim struct {
	who   string
	at    db.Seq
	check func(f *fold) string // how it differs; empty if it does not
}

// verify compares claims with the log in the order of their positions.
func (e *evidence) verify(claims []claim, found func(string, ...any)) {
	slices.SortStableFunc(claims, func(a, b claim) int { return cmp.Compare(a.at, b.at) })
	var f fold
	for _, c := range claims {
		f.advance(e.log, c.at)
		if wrong := c.check(&f); wrong != "" {
			found("%s at event %d: %s", c.who, c.at, wrong)
		}
	}
}

func (e *evidence) checkStates(found func(string, ...any)) {
	var claims []claim
	for _, s := range e.subscriptions {
		if s.part != nil {
			continue
		}
		who := fmt.Sprintf("%s of server %d", s.name, s.number)
		for _, session := range s.sessions {
			isNew := map[int]bool{} // the connections that have shown a state of the log that replaced another
			for _, i := range session.items {
				at, known := e.position(i.cursor)
				if known && !e.mayBeLost(i.at) && e.restored != nil && at > e.restored.head {
					isNew[i.connection] = true
				}
				// Until a server reads the log that replaced another, it shows what it has.
				if !known && (isNew[i.connection] || !e.mayBeLost(i.at-e.soon)) {
					found("%s received a state at %v with a cursor that is not in the log", who, i.at)
				}
				if known && !e.mayBeLost(i.at) {
					claims = append(claims, claim{who, at, func(f *fold) string { return e.differs(i.state, f) }})
				}
			}
		}
		if items := s.sessions[len(s.sessions)-1].items; len(items) == 0 {
			found("%s has received nothing", who)
		} else {
			claims = append(claims, claim{who + ", the last of it", db.Seq(len(e.log)), func(f *fold) string { return e.differs(items[len(items)-1].state, f) }})
		}
	}
	e.verify(claims, found)
}

func (e *evidence) checkAudits(found func(string, ...any)) {
	var claims []claim
	add := func(a audit, who, cursor string, check func(f *fold) string) {
		at, known := e.position(cursor)
		if !known && !e.mayBeLost(a.at) {
			found("%s has a cursor that is not in the log", who)
		}
		if known && !e.mayBeLost(a.at) {
			claims = append(claims, claim{who, at, check})
		}
	}
	for n, a := range e.audits {
		add(a, fmt.Sprintf("counts of audit %d", n), a.countsAt, func(f *fold) string { return e.differs(a.counts, f) })
		add(a, fmt.Sprintf("dashboard of audit %d", n), a.dashboardAt, func(f *fold) string { return e.differs(a.dashboard, f) })
		for view, l := range a.lists {
			add(a, fmt.Sprintf("list %s of audit %d", view, n), l.at, func(f *fold) string { return l.differs(f.list(view, e.cast.agents[0].id)) })
		}
	}
	e.verify(claims, found)
}

// differs returns how a list differs from the conversations that it must have; empty if it does not.
func (l list) differs(want []string) string {
	got := slices.Sorted(slices.Values(l.ids))
	if l.total != len(want) || len(got) != min(len(want), listed) || len(want) <= listed && !slices.Equal(got, want) {
		return fmt.Sprintf("it counts %d and lists %v, but in the log there are %d: %v", l.total, got, len(want), want)
	}
	return ""
}

// checkThreads asks whether there is one order in which every answer about the contested threads is
// right.
func (e *evidence) checkThreads(found func(string, ...any)) {
	begin := e.cast.head
	if e.restored != nil {
		begin = e.restored.head
	}
	var history []porcupine.Operation
	for _, m := range e.mutations {
		if m.call == nil || e.mayBeLost(m.answered) {
			continue
		}
		var last *db.Event
		if len(m.events) > 0 {
			seq := e.seqs[m.events[len(m.events)-1]]
			if seq == 0 {
				continue // another check finds it
			}
			last = e.log[seq-1]
		}
		if e.mayBeLost(m.sent) && (last == nil || last.Seq <= begin) { // the older log may have it
			continue
		}
		o := porcupine.Operation{ClientId: m.client, Input: *m.call, Output: m.reply, Call: int64(m.sent), Return: int64(m.answered)}
		history = append(history, servicetest.Repeatable(o, last)...)
	}
	model := servicetest.Linearizable(e.threads(begin))
	result, ordered := porcupine.CheckOperationsVerbose(model, history, time.Minute)
	if result != porcupine.Ok {
		found("%d calls: %s%s", len(history), result, outOfOrder(model.Partition(history), ordered.PartialLinearizationsOperations()))
	}
}

// outOfOrder tells, for each thread, where the longest order of its calls ends, and which calls would
// have to follow: one of the first of them has an answer that is not right anywhere.
func outOfOrder(threads [][]porcupine.Operation, orders [][][]porcupine.Operation) string {
	const shown = 5 // on each side
	var b strings.Builder
	tell := func(o porcupine.Operation) {
		fmt.Fprintf(&b, "\n\tfrom %v to %v, client %d: %+v -> %+v", time.Duration(o.Call), time.Duration(o.Return), o.ClientId, o.Input, o.Output)
	}
	for i, calls := range threads {
		var longest []porcupine.Operation
		for _, order := range orders[i] {
			if len(order) > len(longest) {
				longest = order
			}
		}
		rest := slices.DeleteFunc(slices.Clone(calls), func(o porcupine.Operation) bool { return slices.Contains(longest, o) })
		if len(rest) == 0 {
			continue
		}
		fmt.Fprintf(&b, "\nthread %d is in order until", i)
		for _, o := range longest[max(0, len(longest)-shown):] {
			tell(o)
		}
		slices.SortFunc(rest, func(a, b porcupine.Operation) int { return cmp.Compare(a.Return, b.Return) })
		fmt.Fprint(&b, "\nand not with")
		for _, o := range rest[:min(len(rest), shown)] {
			tell(o)
		}
	}
	return b.String()
}

// threads returns the states of the contested threads at a position.
func (e *evidence) threads(at db.Seq) (states []servicetest.ThreadState) {
	for _, c := range e.cast.contested {
		var s servicetest.ThreadState
		for _, event := range e.log[:min(int(at), len(e.log))] {
			if event.ContactID != nil && *event.ContactID == c.contact && event.ConversationID != nil {
				s = servicetest.StateAfter(event)
			}
		}
		states = append(states, s)
	}
	return states
}

func (e *evidence) checkRuns(found func(string, ...any)) {
	for _, event := range e.log {
		want := 0
		if event.Type == db.ConversationClosed && event.After.Channel == "chat" {
			want = 1
		}
		if n := e.stored[fmt.Sprint("runs ", event.Seq)]; n != want {
			found("event %d, %s, has %d runs of the workflow", event.Seq, event.Type, n)
		}
	}
}

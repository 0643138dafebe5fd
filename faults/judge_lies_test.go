//go:build linux

package faults

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestJudge plants lies in the evidence of a run without a fault, one at a time. The judge finds
// nothing in the evidence as it is nor with what is allowed, and each of the lies.
func TestJudge(t *testing.T) {
	t.Parallel()
	e, _ := fault{name: "none", strike: nothing}.play(t, *seedFlag)
	if t.Failed() {
		return
	}
	later := e.clone()
	if !later.lookUpLater() {
		t.Error("no answer can be looked up later")
	}
	if findings := later.judge(); len(findings) > 0 {
		t.Errorf("an answer that was looked up later is not right: %v", findings)
	}
	for name, lie := range lies() {
		t.Run(name, func(t *testing.T) {
			corrupted := e.clone()
			if !lie.plant(corrupted) {
				t.Fatal("there is nothing to lie about")
			}
			findings := corrupted.judge()
			if !slices.ContainsFunc(findings, func(f finding) bool { return strings.HasPrefix(f.rule, lie.rule) }) {
				t.Errorf("the judge finds %v, and nothing of %s", findings, lie.rule)
			}
		})
	}
}

// A lie changes evidence so that it breaks a rule. plant returns false if it cannot.
type lie struct {
	rule  string
	plant func(e *evidence) bool
}

// clone returns evidence that can be changed without changing e.
func (e *evidence) clone() *evidence {
	c := *e
	c.log, c.stored, c.seqs = slices.Clone(e.log), maps.Clone(e.stored), maps.Clone(e.seqs)
	c.mutations = nil
	for _, m := range e.mutations {
		c.mutations = append(c.mutations, new(*m))
	}
	c.subscriptions = nil
	for _, s := range e.subscriptions {
		var sessions []session
		for _, was := range s.sessions {
			sessions = append(sessions, session{was.after, slices.Clone(was.items)})
		}
		s.sessions = sessions
		c.subscriptions = append(c.subscriptions, s)
	}
	c.audits = nil
	for _, a := range e.audits {
		a.lists = maps.Clone(a.lists)
		c.audits = append(c.audits, a)
	}
	return &c
}

func lies() map[string]lie {
	all := map[string]lie{}
	for rule, some := range map[string]map[string]func(*evidence) bool{
		"P2": logLies, "P1": answerLies, "P6": rowLies, "P5": threadLies, "I2": readLies,
	} {
		for name, plant := range some {
			all[name] = lie{rule, plant}
		}
	}
	for _, s := range subjects {
		if s.part == nil {
			continue
		}
		for name, change := range itemLies {
			all[name+" of "+s.name] = lie{"P3", inSession(s.name, change)}
		}
	}
	for _, name := range []string{"inboxCountsChanged", "dashboardChanged"} {
		all["a figure of "+name+" off by one"] = lie{"I2", inSession(name, offByOne)}
		all["nothing of "+name] = lie{"I2", inSession(name, func(items []item) []item { return nil })}
	}
	all["a state of a lost log after one of the new log"] = lie{"I2", lostLog(func(e *evidence, items []item) {
		e.restored.ended = items[len(items)-2].at
	})}
	all["a state of a lost log for longer than promised"] = lie{"I2", lostLog(func(e *evidence, items []item) {
		e.restored.head = e.head
		items[len(items)-1].at += e.soon
	})}
	all["an item that comes late"] = lie{"P8", late}
	all["an event without its run"] = lie{"W2", runs(0)}
	all["an event with two runs"] = lie{"W2", runs(2)}
	return all
}

var logLies = map[string]func(*evidence) bool{
	"an event dropped": func(e *evidence) bool { e.log = slices.Delete(e.log, len(e.log)/2, len(e.log)/2+1); return true },
	"an event doubled": func(e *evidence) bool {
		again := *e.log[10]
		again.Seq = db.Seq(len(e.log) + 1)
		e.log, e.head = append(e.log, &again), e.head+1
		return true
	},
	"two events swapped": func(e *evidence) bool {
		e.log[len(e.log)/2], e.log[len(e.log)/2+1] = e.log[len(e.log)/2+1], e.log[len(e.log)/2]
		return true
	},
	"a counter row ahead": func(e *evidence) bool { e.head++; return true },
}

var answerLies = map[string]func(*evidence) bool{
	"a change without its event": func(e *evidence) bool {
		return e.changeEvent(func(event *db.Event) bool {
			if event.Before == nil || event.Type != db.ConversationAssigned {
				return false
			}
			before := *event.Before
			before.Channel, event.Before = "elsewhere", &before
			return true
		})
	},
	"a version skipped": func(e *evidence) bool {
		return e.changeEvent(func(event *db.Event) bool {
			if event.Before == nil || event.After == nil {
				return false
			}
			moved := *event.After
			moved.Version++
			event.After = &moved
			return true
		})
	},
	"an acknowledged mutation missing": func(e *evidence) bool {
		e.mutations = append(e.mutations, &mutation{move: move{verb: "addNote"}, key: "gone", events: []string{"evt_gone"}})
		return true
	},
	"a refused mutation carried out": func(e *evidence) bool {
		return e.changeMutation(func(m *mutation) bool {
			done := len(m.events) > 0
			m.events, m.refusal = nil, service.NotOpen
			return done
		})
	},
	"a mutation that nobody was answered": func(e *evidence) bool {
		i := slices.IndexFunc(e.mutations, func(m *mutation) bool { return len(m.events) > 0 })
		e.mutations = slices.Delete(e.mutations, i, i+1)
		return true
	},
	"a mutation of two changes": func(e *evidence) bool {
		return e.changeEvent(func(event *db.Event) bool {
			other := e.log[event.Seq-2]
			if event.Origin == nil || other.Origin == nil || event.ChangeEnd() == other.ChangeEnd() {
				return false
			}
			event.Origin = other.Origin
			return true
		})
	},
}

var rowLies = map[string]func(*evidence) bool{
	"a row missing": func(e *evidence) bool { return e.changeStored(0) },
	"a row doubled": func(e *evidence) bool { return e.changeStored(2) },
}

var threadLies = map[string]func(*evidence) bool{
	"two winners": func(e *evidence) bool {
		return e.changeMutation(func(m *mutation) bool {
			lost := m.call != nil && m.attempts == 1 && (m.refusal == service.AlreadyAssigned || m.refusal == service.NotOpen)
			m.reply.Refusal = ""
			return lost
		})
	},
	"a refusal without a reason": func(e *evidence) bool {
		return e.changeMutation(func(m *mutation) bool {
			refused := m.call != nil && m.refusal != ""
			m.reply.Refusal = service.AgentInactive
			return refused
		})
	},
	"a state of the past": func(e *evidence) bool {
		was := e.threads(db.Seq(len(e.log)))[0]
		was.Version--
		call := &servicetest.Call{Verb: "read", Conversation: was.Latest}
		e.mutations = append(e.mutations, &mutation{move: move{call: call}, reply: servicetest.Reply{State: was}, sent: time.Hour, answered: 2 * time.Hour})
		return true
	},
}

var readLies = map[string]func(*evidence) bool{
	"a count read off by one":     func(e *evidence) bool { e.audits[len(e.audits)/2].counts.Closed++; return true },
	"my count read off by one":    func(e *evidence) bool { e.audits[len(e.audits)/2].counts.Mine--; return true },
	"a dashboard read off by one": func(e *evidence) bool { return e.changeDashboard(func(s *state) { s.Counts.Waiting++ }) },
	"a load read off by one":      func(e *evidence) bool { return e.changeDashboard(func(s *state) { s.Agents[0].OpenConversations++ }) },
	"a total off by one":          func(e *evidence) bool { return e.changeList(func(l *list) { l.total++ }) },
	"a conversation not listed":   func(e *evidence) bool { return e.changeList(func(l *list) { l.ids = l.ids[1:] }) },
	"a conversation listed doubly": func(e *evidence) bool {
		return e.changeList(func(l *list) { l.ids = append([]string{l.ids[0]}, l.ids...) })
	},
	"another conversation listed": func(e *evidence) bool {
		return e.changeList(func(l *list) { l.ids = append([]string{"conv_other"}, l.ids[1:]...) })
	},
}

var itemLies = map[string]func([]item) []item{
	"an item dropped":       func(items []item) []item { return slices.Delete(items, len(items)/2, len(items)/2+1) },
	"the last item dropped": func(items []item) []item { return items[:len(items)-1] },
	"an item doubled":       func(items []item) []item { return slices.Insert(items, len(items)/2, items[len(items)/2]) },
	"two items swapped": func(items []item) []item {
		items[0], items[1] = items[1], items[0]
		return items
	},
	"an item of another kind": func(items []item) []item {
		items[0].kind += "?"
		return items
	},
	"an item with another cursor": func(items []item) []item {
		items[0].cursor = items[1].cursor
		return items
	},
}

// inSession changes the items of a subscription.
func inSession(name string, change func([]item) []item) func(*evidence) bool {
	return func(e *evidence) bool {
		for _, s := range e.subscriptions {
			if s.name == name && len(s.sessions[0].items) > 1 {
				s.sessions[0].items = change(s.sessions[0].items)
				return true
			}
		}
		return false
	}
}

func offByOne(items []item) []item {
	i := &items[len(items)/2].state
	if i.Counts != nil {
		counts := *i.Counts
		counts.Unassigned++
		i.Counts = &counts
	}
	i.Unassigned++
	return items
}

// lostLog makes the last state that a subscriber received one of a log that was replaced.
func lostLog(when func(*evidence, []item)) func(*evidence) bool {
	return func(e *evidence) bool {
		return inSession("dashboardChanged", func(items []item) []item {
			e.restored = &restore{}
			when(e, items)
			items[len(items)-1].cursor = "that of a lost event"
			return items
		})(e)
	}
}

func late(e *evidence) bool {
	acknowledged := map[string]bool{}
	for _, m := range e.mutations {
		for _, id := range m.events {
			acknowledged[id] = true
		}
	}
	return inSession("events", func(items []item) []item {
		i := slices.IndexFunc(items, func(i item) bool { return acknowledged[i.event] })
		items[i].at += time.Hour
		return items
	})(e)
}

// runs changes the number of runs of an event that has one.
func runs(n int) func(*evidence) bool {
	return func(e *evidence) bool {
		for what, is := range e.stored {
			if strings.HasPrefix(what, "runs ") && is == 1 {
				e.stored[what] = n
				return true
			}
		}
		return false
	}
}

// changeEvent changes the first event of the run that it can.
func (e *evidence) changeEvent(change func(*db.Event) bool) bool {
	for i := int(e.cast.head) + 1; i < len(e.log); i++ {
		changed := *e.log[i]
		if change(&changed) {
			e.log[i] = &changed
			return true
		}
	}
	return false
}

// changeMutation changes the first mutation that it can, and leaves the others.
func (e *evidence) changeMutation(change func(*mutation) bool) bool {
	for i, m := range e.mutations {
		if changed := *m; change(&changed) {
			e.mutations[i] = &changed
			return true
		}
	}
	return false
}

// changeStored changes how many rows a mutation left that left one.
func (e *evidence) changeStored(n int) bool {
	for _, m := range e.mutations {
		if m.body != "" && m.refusal == "" {
			e.stored[m.table+" "+m.body] = n
			return true
		}
	}
	return false
}

// lookUpLater makes the answer of a call that changed nothing one that the server looked up at the
// end, when the thread has moved on.
func (e *evidence) lookUpLater() bool {
	end, allows := e.threads(db.Seq(len(e.log))), servicetest.Linearizable(nil).Step
	return e.changeMutation(func(m *mutation) bool {
		if m.call == nil || m.verb == "" || len(m.events) > 0 {
			return false
		}
		m.answered, m.reply = time.Hour, servicetest.Reply{Refusal: m.refusal, State: end[m.call.Contact]}
		again, _ := allows(m.reply.State, *m.call, servicetest.Reply{Refusal: m.refusal, Unread: true})
		return !again
	})
}

func (e *evidence) changeDashboard(change func(*state)) bool {
	s := &e.audits[len(e.audits)-1].dashboard
	counts := *s.Counts
	s.Counts, s.Agents = &counts, slices.Clone(s.Agents)
	change(s)
	return true
}

// changeList changes a list that is not empty.
func (e *evidence) changeList(change func(*list)) bool {
	for _, a := range e.audits {
		if l := a.lists[db.ViewAll]; len(l.ids) > 0 {
			change(&l)
			a.lists[db.ViewAll] = l
			return true
		}
	}
	return false
}

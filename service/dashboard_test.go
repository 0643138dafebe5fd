package service_test

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"os"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/history"
	"switchboard/service/servicetest"
	"switchboard/service/workflow"
)

// near compares quantiles with those of the sorted durations.
func near(got service.Quantiles, durations []time.Duration) error {
	if got.Count != len(durations) {
		return fmt.Errorf("%d durations, not %d", got.Count, len(durations))
	}
	slices.Sort(durations)
	for part, seconds := range map[float64]*float64{0.5: got.P50, 0.9: got.P90} {
		if len(durations) == 0 {
			if seconds != nil {
				return fmt.Errorf("a quantile of nothing: %v", *seconds)
			}
			continue
		}
		want := durations[int(math.Ceil(part*float64(len(durations))))-1].Seconds()
		if seconds == nil {
			return fmt.Errorf("there is no quantile %v, which is %v", part, want)
		}
		if math.Abs(*seconds-want) > 0.0101*want {
			return fmt.Errorf("the quantile %v is given as %v, not %v", part, *seconds, want)
		}
	}
	return nil
}

// TestDashboardAgrees carries out random calls over some weeks, in which the workspace's time zone
// changes. It compares the dashboard, both of the running projection and of a new one, with the
// whole log.
func TestDashboardAgrees(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.Clock = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)
	rapid.Check(t, func(t *rapid.T) {
		p := newPlay(t, w)
		for i := range rapid.IntRange(60, 150).Draw(t, "steps") {
			hours := rapid.Float64Range(0, 5).Draw(t, "hours")
			p.Clock = p.Clock.Add(time.Duration(hours * hours / 2 * float64(time.Hour)))
			switch {
			case i%20 == 10:
				p.relocate()
			case i%10 == 5:
				p.checkDashboard(p.Service.Service)
				p.SaveCheckpoints(p.ctx) // from which the new one starts
			case i%5 == 1:
				p.automatedReply()
			case i%5 == 2:
				_, _ = p.UnblockContact(p.ctx, p.manager, service.UnblockContactInput{ContactID: p.contact()})
				_ = p.reopen()
			case i%5 == 3:
				_ = p.close()
			}
			p.step()
		}
		p.checkDashboard(p.Service.Service)
		p.checkDashboard(service.New(p.DB, p.Feed, service.Options{Now: p.Now}))
		p.checkPlaces()
	})
}

func (p *play) relocate() {
	zone := drawOne(p, []string{"UTC", "Pacific/Auckland", "America/New_York", "Asia/Kathmandu", "Europe/Berlin"}, "zone")
	_, err := p.UpdateWorkspace(p.ctx, p.manager, service.UpdateWorkspaceInput{TimeZone: &zone})
	servicetest.Fine(p, err)
}

// automatedReply sends a reply by a program.
func (p *play) automatedReply() {
	robot := service.Actor{Workspace: p.manager.Workspace, Role: service.RoleIntegration, Token: db.TokenID{UUID: db.NewUUID()}}
	_, _ = p.PutMessage(p.ctx, robot, p.conversation(), db.Outbound, "we are closed")
}

// checkPlaces checks that SeqAt finds the last event before a time.
func (p *play) checkPlaces() {
	rows := p.DB.ForWorkspace(p.manager.Workspace)
	events, err := rows.EventsAfter(p.ctx, 0, 10_000)
	servicetest.Fine(p, err)
	for _, i := range []int{0, len(events) / 3, len(events) - 1} {
		at := events[i].CreatedAt
		for _, moment := range []time.Time{at, at.Add(time.Microsecond)} {
			seq, err := rows.LastSeqBefore(p.ctx, moment)
			if servicetest.Fine(p, err); seq > 0 && !events[seq-1].CreatedAt.Before(moment) || seq < db.Seq(len(events)) && events[seq].CreatedAt.Before(moment) {
				p.Fatalf("the log does not pass %v after event %d", moment, seq)
			}
		}
	}
}

// checkDashboard compares a dashboard with the log.
func (p *play) checkDashboard(s *service.Service) {
	d, err := s.Dashboard(p.ctx, p.manager)
	servicetest.Fine(p, err)
	r := p.reckon()
	if d.Counts != r.counts || d.AsOf != p.head() {
		p.Fatalf("%+v are counted as of %v, not %+v as of %v", d.Counts, d.AsOf, r.counts, p.head())
	}
	if got, want := agentsText(d.Agents), agentsText(r.agents); got != want {
		p.Fatalf("the agents are\n%s, not\n%s", got, want)
	}
	if got, want := timeText(d.OldestWaiting), timeText(r.oldest); got != want {
		p.Fatalf("the oldest waits since %s, not %s", got, want)
	}
	for name, got := range map[string]service.Durations{"response": d.FirstResponse, "resolution": d.Resolution, "assignment": d.TimeToAssignment} {
		if err := near(got.Today, r.today[name]); err != nil {
			p.Fatalf("%s today: %v", name, err)
		}
		if err := near(got.Last7Days, r.week[name]); err != nil {
			p.Fatalf("%s in the last 7 days: %v", name, err)
		}
	}
}

func timeText(t *time.Time) string {
	if t == nil {
		return "never"
	}
	return t.UTC().Format(time.RFC3339Nano)
}

func agentsText(agents []service.DashboardAgent) (text string) {
	for _, a := range agents {
		text += fmt.Sprintln(a.AgentID, a.OpenConversations, a.ClosedToday, timeText(a.LongestWaiting))
	}
	return text
}

// reckoning is a dashboard computed from the whole log, event by event.
type reckoning struct {
	counts      service.DashboardCounts
	agents      []service.DashboardAgent
	oldest      *time.Time
	today, week map[string][]time.Duration
}

// life is the state of one conversation so far in the log.
type life struct {
	*db.Facets
	opened, free time.Time // the last times at which it was opened, and became open and unassigned
}

func (p *play) reckon() *reckoning {
	rows := p.DB.ForWorkspace(p.manager.Workspace)
	events, err := rows.EventsAfter(p.ctx, 0, 10_000)
	servicetest.Fine(p, err)
	workspace, err := rows.Workspace(p.ctx)
	servicetest.Fine(p, err)
	zone, err := time.LoadLocation(workspace.TimeZone)
	servicetest.Fine(p, err)
	var present []*db.Agent
	servicetest.Fine(p, p.DB.NewSelect().Model(&present).Where("workspace_id = ?", p.manager.Workspace).Scan(p.ctx))

	r := &reckoning{today: map[string][]time.Duration{}, week: map[string][]time.Duration{}}
	midnight := func(t time.Time) time.Time {
		year, month, date := t.In(zone).Date()
		return time.Date(year, month, date, 0, 0, 0, 0, time.UTC)
	}
	today := midnight(p.Clock)
	ended := func(what string, e *db.Event, since time.Time) {
		on := midnight(e.CreatedAt)
		if on.Equal(today) {
			r.today[what] = append(r.today[what], max(e.CreatedAt.Sub(since), 0))
		}
		if on.After(today.AddDate(0, 0, -7)) {
			r.week[what] = append(r.week[what], max(e.CreatedAt.Sub(since), 0))
		}
	}
	lives, closed := map[db.ConversationID]*life{}, map[db.AgentID]int{}
	for _, e := range events {
		// A message that opens a conversation names it, but precedes the opening.
		if e.ConversationID == nil || e.After == nil {
			continue
		}
		c := lives[*e.ConversationID]
		if c == nil {
			c = &life{}
			lives[*e.ConversationID] = c
		}
		isFree := func(f *db.Facets) bool { return f != nil && f.Status == db.StatusOpen && f.Assignee == nil }
		switch {
		case e.Type == db.MessageSent && c.WaitingSince != nil && e.Actor.Prefix == db.AgentPrefix:
			ended("response", e, *c.WaitingSince)
		case e.Type == db.ConversationAssigned && isFree(c.Facets) && !c.Blocked:
			ended("assignment", e, c.free)
		case e.Type == db.ConversationClosed:
			ended("resolution", e, c.opened)
			if midnight(e.CreatedAt).Equal(today) {
				closed[db.AgentID{UUID: e.Actor.ID}]++
			}
		}
		if e.After.Status == db.StatusOpen && (c.Facets == nil || c.Status != db.StatusOpen) {
			c.opened = e.CreatedAt
		}
		if isFree(e.After) && !isFree(c.Facets) {
			c.free = e.CreatedAt
		}
		c.Facets = e.After
	}

	slices.SortFunc(present, func(a, b *db.Agent) int { return cmp.Compare(a.ID.UUID.String(), b.ID.UUID.String()) })
	for _, a := range present {
		if a.Active || closed[a.ID] > 0 {
			r.agents = append(r.agents, service.DashboardAgent{AgentID: a.ID, ClosedToday: closed[a.ID]})
		}
	}
	earlier := func(t **time.Time, than *time.Time) {
		if *t == nil || than.Before(**t) {
			*t = than
		}
	}
	for _, c := range lives {
		if c.Status != db.StatusOpen || c.Blocked {
			continue
		}
		r.counts.Open++
		if c.WaitingSince != nil {
			r.counts.Waiting++
			earlier(&r.oldest, c.WaitingSince)
		}
		if c.Assignee == nil {
			r.counts.Unassigned++
			continue
		}
		a := &r.agents[slices.IndexFunc(r.agents, func(a service.DashboardAgent) bool { return a.AgentID == *c.Assignee })]
		a.OpenConversations++
		if c.WaitingSince != nil {
			earlier(&a.LongestWaiting, c.WaitingSince)
		}
	}
	return r
}

// says adds a message by an actor, which may be a program.
func (w *world) says(c *db.Conversation, kind db.MessageKind, by service.Actor) {
	w.T.Helper()
	w.OK(w.PutMessage(w.Context(), by, c.ID, kind, "hello"))
}

func (w *world) at(clock string) {
	w.T.Helper()
	t, err := time.Parse("2006-01-02 15:04:05", "2026-03-"+clock)
	servicetest.Fine(w.T, err)
	w.Clock = t
}

func (w *world) dashboard() *service.Dashboard {
	w.T.Helper()
	d, err := w.Dashboard(w.Context(), w.Manager)
	servicetest.Fine(w.T, err)
	return d
}

// tellDurations returns "count p50 p90" of today and of the last 7 days, in seconds.
func tellDurations(d service.Durations) (text string) {
	for i, q := range []service.Quantiles{d.Today, d.Last7Days} {
		if i > 0 {
			text += " | "
		}
		text += fmt.Sprint(q.Count)
		for _, seconds := range []*float64{q.P50, q.P90} {
			if seconds != nil {
				text += fmt.Sprintf(" %.2g", *seconds)
			}
		}
	}
	return text
}

func TestDashboard(t *testing.T) {
	hold(t, []rule{
		{"I6 first response: from waitingSince to an agent's reply", func(t *testing.T, w *world) {
			robot := w.Program(service.RoleIntegration)
			w.dashboard() // starts the projection
			w.at("02 09:00:00")
			c, other, third := w.Open(), w.Open(), w.Open()
			w.says(c, db.Inbound, robot)
			w.at("02 09:05:00")
			w.says(c, db.Inbound, robot)
			w.says(other, db.Inbound, robot)
			w.says(third, db.Inbound, robot)
			w.at("02 09:10:00")
			w.says(c, db.Note, w.Manager)
			w.says(c, db.Outbound, w.Manager)
			w.says(c, db.Outbound, w.Manager) // the contact no longer waits
			w.says(other, db.Outbound, robot) // automated
			w.Closes(third)                   // unanswered
			servicetest.Equal(t, "first response", tellDurations(w.dashboard().FirstResponse), "1 6e+02 6e+02 | 1 6e+02 6e+02")
		}},
		{"I6 resolution: from opening or reopening to the close", func(t *testing.T, w *world) {
			w.at("02 09:00:00")
			c := w.Open()
			w.at("02 10:00:00")
			w.dashboard()
			w.Closes(c)
			w.at("02 12:00:00")
			w.Reopens(c)
			w.at("02 12:10:00")
			w.Closes(c)
			servicetest.Equal(t, "resolution", tellDurations(w.dashboard().Resolution), "2 6e+02 3.6e+03 | 2 6e+02 3.6e+03")
		}},
		{"I6 time to assignment: from unassigned and open to assigned", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			w.at("02 09:00:00")
			c := w.Open()
			w.at("02 09:10:00")
			w.Assign(c, ada) // ten minutes after the opening
			w.at("02 09:20:00")
			w.Assign(c, ben) // it was assigned
			w.Unassign(c)
			w.at("02 09:25:00")
			w.dashboard()
			w.Assign(c, ada) // five minutes after it was unassigned
			w.Unassign(c)
			w.Closes(c)
			w.at("02 09:40:00")
			w.Assign(c, ben) // it is not open
			w.Unassign(c)
			w.Reopens(c)
			w.at("02 09:55:00")
			w.Block(c)
			w.Assign(c, ada) // it is in no list
			w.Unblock(c)
			servicetest.Equal(t, "time to assignment", tellDurations(w.dashboard().TimeToAssignment), "2 3e+02 6e+02 | 2 3e+02 6e+02")
		}},
		{"I6 imports are left out", func(t *testing.T, w *world) {
			f, err := os.Open("history/testdata/import.jsonl")
			servicetest.Fine(t, err)
			defer f.Close()
			records, _, err := history.Read(f)
			servicetest.Fine(t, err)
			_, err = history.Import(t.Context(), w.Service.Service, w.Manager.Workspace, "twitter", records, nil)
			servicetest.Fine(t, err)
			for _, d := range []*service.Dashboard{w.dashboard(), w.anew().dashboard()} {
				servicetest.Equal(t, "counts", d.Counts, service.DashboardCounts{})
				for _, durations := range []service.Durations{d.FirstResponse, d.Resolution, d.TimeToAssignment} {
					servicetest.Equal(t, "durations", tellDurations(durations), "0 | 0")
				}
				for _, a := range d.Agents {
					servicetest.Equal(t, "closed by "+w.Named(&a.AgentID), a.ClosedToday, 0)
				}
			}
		}},
		{"I6 by the day of the end, today and the last seven, in the workspace's time zone", func(t *testing.T, w *world) {
			w.at("01 08:00:00")
			c := w.Open()
			w.at("01 23:30:00")
			w.Closes(c) // on the 1st in UTC, on the 2nd in Berlin
			for _, c := range []struct{ zone, clock, want string }{
				{"UTC", "01 23:59:59", "1 | 1"},
				{"UTC", "02 00:00:00", "0 | 1"},
				{"UTC", "07 23:59:59", "0 | 1"},
				{"Europe/Berlin", "07 23:59:59", "0 | 1"},
				{"Europe/Berlin", "01 23:59:59", "1 | 1"},
				{"Europe/Berlin", "02 22:59:59", "1 | 1"},
				{"Europe/Berlin", "02 23:00:00", "0 | 1"},
				{"Europe/Berlin", "08 22:59:59", "0 | 1"},
				{"America/New_York", "02 04:59:59", "1 | 1"},
				{"America/New_York", "02 05:00:00", "0 | 1"},
				{"America/New_York", "08 04:59:59", "0 | 1"},
				{"America/New_York", "08 05:00:00", "0 | 0"}, // and so it is from now on
				{"UTC", "08 00:00:00", "0 | 0"},
			} {
				w.at(c.clock)
				w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{TimeZone: &c.zone}))
				for name, d := range map[string]*service.Dashboard{"projected": w.dashboard(), "anew": w.anew().dashboard()} {
					got := fmt.Sprintf("%d | %d", d.Resolution.Today.Count, d.Resolution.Last7Days.Count)
					servicetest.Equal(t, c.zone+" "+c.clock+", "+name, got, c.want)
					servicetest.Equal(t, c.zone+" "+c.clock+", closed today, "+name, d.Agents[0].ClosedToday, d.Resolution.Today.Count)
				}
			}
		}},
		{"I6 per agent: load, closed today, longest waiting", func(t *testing.T, w *world) {
			ada, ben := w.Agent("Ada"), w.Agent("Ben")
			w.dashboard()
			w.at("02 09:00:00")
			c, second := w.Open(ada), w.Open(ada)
			w.says(c, db.Inbound, w.Manager)
			w.at("02 09:01:00")
			w.says(second, db.Inbound, w.Manager)
			tell := func(want ...string) {
				t.Helper()
				for _, d := range []*service.Dashboard{w.dashboard(), w.anew().dashboard()} {
					var got []string
					for _, a := range d.Agents {
						waits := "-"
						if a.LongestWaiting != nil {
							waits = a.LongestWaiting.UTC().Format("15:04")
						}
						got = append(got, fmt.Sprint(w.Named(&a.AgentID), " ", a.OpenConversations, " ", a.ClosedToday, " ", waits))
					}
					servicetest.Lines(t, got, want...)
				}
			}
			tell("Mia Manager 0 0 -", "Ada 2 0 09:00", "Ben 0 0 -")
			w.Assign(c, ben)
			tell("Mia Manager 0 0 -", "Ada 1 0 09:01", "Ben 1 0 09:00")
			w.says(c, db.Outbound, ben)
			w.OK(w.CloseConversation(w.Context(), ben, service.CloseConversationInput{ConversationID: c.ID}))
			tell("Mia Manager 0 0 -", "Ada 1 0 09:01", "Ben 0 1 -")
			w.Deactivate(ada)
			w.Deactivate(ben) // who has closed something today
			tell("Mia Manager 0 0 -", "Ben 0 1 -")
			w.Reactivate(ada)
			tell("Mia Manager 0 0 -", "Ada 0 0 -", "Ben 0 1 -")
		}},
		{"S4 a blocked contact's conversation is in no count, load or list of who waits", func(t *testing.T, w *world) {
			w.at("02 09:00:00")
			c := w.Open(w.Manager)
			w.says(c, db.Inbound, w.Manager)
			since := w.Clock
			tell := func(n int) {
				t.Helper()
				for _, d := range []*service.Dashboard{w.dashboard(), w.anew().dashboard()} {
					servicetest.Equal(t, "counts", d.Counts, service.DashboardCounts{Open: n, Waiting: n})
					servicetest.Equal(t, "load", d.Agents[0].OpenConversations, n)
					for _, waits := range []*time.Time{d.OldestWaiting, d.Agents[0].LongestWaiting} {
						if n == 0 && waits != nil || n == 1 && (waits == nil || !waits.Equal(since)) {
							t.Errorf("with %d open the longest waits since %v", n, waits)
						}
					}
				}
			}
			tell(1)
			w.Block(c)
			tell(0)
			w.Unblock(c)
			tell(1)
		}},
	})
}

// anew returns the world with a new service, as after a restart of the server.
func (w *world) anew() *world {
	again := *w.World
	again.Service = workflow.New(service.New(w.DB, w.Feed, service.Options{Now: w.Now}))
	return &world{&again}
}

// TestDashboardAfterRestart: what a dashboard has measured is stored, and a restart goes on from
// there, unless it is of another log, another time zone or another version (I6).
func TestDashboardAfterRestart(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.at("02 09:00:00")
	ada := w.Agent("Ada")
	for i := range 3 {
		c := w.Open()
		w.at(fmt.Sprintf("02 10:%02d:00", i))
		w.Assign(c, ada)
		w.Closes(c)
	}
	w.Open()
	before := w.dashboard()
	w.SaveCheckpoints(w.Context())
	stores := func(change string) {
		t.Helper()
		w.changeCheckpoint("dashboards", change)
	}
	again := w.anew()
	servicetest.Equal(t, "the same after a restart", again.dashboard().Equal(*before), true)

	again.Closes(again.Open())
	after := again.dashboard()
	const less = `state = (regexp_replace(state::text, '"(Resolution|Assignment)":{[^}]*},?', '', 'g'))::json`
	stores(less)
	now := again.anew().dashboard()
	servicetest.Equal(t, "only what followed is measured", fmt.Sprint(now.Resolution.Today.Count, now.TimeToAssignment.Today.Count), "1 0")
	for name, change := range map[string]string{
		"another log": "event_id = gen_random_uuid()", "another time zone": `state = (jsonb_set(state::jsonb, '{TimeZone}', '"Asia/Kathmandu"'))::json`,
		"another version": "state = (jsonb_set(state::jsonb, '{Version}', '0'))::json", "no form": "state = '[]'", "the future": "seq = seq + 1000",
	} {
		_, err := w.DB.ExecContext(w.Context(), "DELETE FROM checkpoints")
		servicetest.Fine(t, err)
		measured := w.anew()
		servicetest.Equal(t, name+" has not come yet", measured.dashboard().Equal(*after), true)
		measured.SaveCheckpoints(w.Context())
		stores(less)
		stores(change)
		servicetest.Equal(t, name, w.anew().dashboard().Equal(*after), true)
	}
}

// TestWatchDashboard: the present state is sent at once, and again when it has changed.
func TestWatchDashboard(t *testing.T) {
	t.Parallel()
	w, _ := today(t)
	w.Open()
	s, err := w.WatchDashboard(t.Context(), w.Manager)
	servicetest.Fine(t, err)
	defer s.Close()
	if _, ok := s.Position(); ok {
		t.Error("states have no position")
	}
	asked := time.Now()
	if d := next(t, s); d.Counts.Open != 1 {
		t.Errorf("at first %+v", d.Counts)
	}
	for open := 2; open <= 4; open++ {
		c, last := w.Open(), asked
		asked = time.Now()
		d := next(t, s)
		if pause := time.Since(last); d.Counts.Open != open || pause < service.DashboardEvery {
			t.Errorf("after %v %+v", pause, d.Counts)
		}
		w.says(c, db.Note, w.Manager) // changes nothing that is shown
	}
	quiet, cancel := context.WithTimeout(t.Context(), 3*service.DashboardEvery)
	defer cancel()
	if d, err := servicetest.Await(quiet, s); err == nil {
		t.Errorf("pushed without a change: %+v", d)
	}
}

// TestDashboardAtMidnight: the dashboard is pushed when the day ends, even without an event.
func TestDashboardAtMidnight(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	zone := "Asia/Tokyo"
	w.OK(w.UpdateWorkspace(w.Context(), w.Manager, service.UpdateWorkspaceInput{TimeZone: &zone}))
	ahead := time.Until(time.Date(2026, 3, 1, 14, 59, 58, 0, time.UTC)) // two seconds before
	w.Service = workflow.New(service.New(w.DB, w.Feed, service.Options{Now: func() time.Time { return time.Now().Add(ahead) }}))
	w.Closes(w.Open())
	s, err := w.WatchDashboard(t.Context(), w.Manager)
	servicetest.Fine(t, err)
	defer s.Close()
	servicetest.Equal(t, "closed on the day", next(t, s).Agents[0].ClosedToday, 1)
	d := next(t, s)
	servicetest.Equal(t, "closed on the next", d.Agents[0].ClosedToday, 0)
	servicetest.Equal(t, "closed in the last 7 days", d.Resolution.Last7Days.Count, 1)
	if now := w.Now(); now.Hour() != 15 || now.Sub(now.Truncate(time.Hour)) > 10*time.Second {
		t.Errorf("pushed at %v", now)
	}
}

// TestWatchAgents: each event that changes an agent or a load is sent once, with all agents that it
// changes.
func TestWatchAgents(t *testing.T) {
	t.Parallel()
	w, start := today(t)
	ada, ben := w.Agent("Ada"), w.Agent("Ben") // two events each
	c := w.Open()
	w.Assign(c, ada)
	w.says(c, db.Inbound, w.Manager)
	w.Assign(c, ben)
	w.Closes(c)
	w.Assign(c, ada) // it is closed
	w.Reopens(c)
	w.Block(c)
	w.Assign(c, ben) // it is blocked
	w.Unblock(c)
	w.Unassign(c)
	w.Closes(c)
	w.Reopens(c)
	w.Assign(c, ada)
	w.OK(w.UpdateAgent(w.Context(), w.Manager, service.UpdateAgentInput{AgentID: *ben.Agent, Name: new("Benno")}))
	w.Deactivate(ada)
	w.Reactivate(ada)
	w.Contact("Cora")
	w.OK(w.SetAvailability(w.Context(), ada, service.SetAvailabilityInput{Availability: db.Online}))
	s, err := w.WatchAgents(t.Context(), w.Manager, &start)
	servicetest.Fine(t, err)
	defer s.Close()
	want := []string{
		"AGENT_CREATED Ada", "AVAILABILITY_CHANGED Ada", "AGENT_CREATED Benno", "AVAILABILITY_CHANGED Benno",
		"CONVERSATION_ASSIGNED Ada", "CONVERSATION_ASSIGNED Ada Benno", "CONVERSATION_CLOSED Benno",
		"CONVERSATION_REOPENED Ada", "CONTACT_BLOCKED Ada", "CONTACT_UNBLOCKED Benno", "CONVERSATION_UNASSIGNED Benno",
		"CONVERSATION_ASSIGNED Ada", "AGENT_UPDATED Benno", "AGENT_DEACTIVATED Ada", "CONVERSATION_UNASSIGNED Ada",
		"AGENT_REACTIVATED Ada", "AVAILABILITY_CHANGED Ada",
	}
	for _, want := range want {
		change := next(t, s)
		got := string(change.Event.Type)
		for _, id := range change.Agents {
			got += " " + w.Named(&id)
		}
		servicetest.Equal(t, "change", got, want)
		if at, ok := s.Position(); !ok || at != change.Event.Cursor() {
			t.Errorf("right after %s it is at %v, %t", got, at, ok)
		}
	}
}

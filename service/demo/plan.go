package demo

import (
	"time"

	"switchboard/db"
)

// step is one action of an agent or a contact.
type step struct {
	at           time.Duration // relative to now, negative
	do           stepKind
	guest        *guest
	agent        *db.Agent // who carries it out if the contact has no assignee
	text         string
	category     string
	availability db.Availability
}

type stepKind int

const (
	stepHire     stepKind = iota // the agent is created
	stepPresence                 // the agent's availability changes
	stepLeave                    // the agent is deactivated
	stepRegister                 // the agent enters a contact by hand
	stepArrive                   // the contact writes
	stepTake                     // the agent takes the conversation, or a manager assigns it
	stepReply                    // the agent answers
	stepNote                     // the agent adds a note
	stepHandOver                 // the conversation is assigned to the agent
	stepClose                    // the agent closes, with text as the closing note
	stepBlock                    // the agent blocks the contact
)

func minutes(n int) time.Duration { return time.Duration(n) * time.Minute }
func hours(n int) time.Duration   { return time.Duration(n) * time.Hour }
func days(n int) time.Duration    { return hours(24 * n) }

// The state in which a contact's story ends depends on its index: unassigned, open, blocked, silent
// (without a conversation), and closed for the rest.
const (
	unassignedUntil = 60
	openUntil       = unassignedUntil + 345
	blockedUntil    = openUntil + 25
	silentUntil     = blockedUntil + 120
)

// plan adds all steps with one contact, by its index.
func (d *demo) plan(index int, g *guest) {
	if index >= blockedUntil && index < silentUntil {
		d.steps = append(d.steps, step{at: -d.between(hours(2), age-hours(1)), do: stepRegister, guest: g, agent: d.anyone()})
		return
	}
	s := &story{demo: d, guest: g}
	if index >= unassignedUntil {
		for range d.earlier() {
			s.episode()
			s.pause()
		}
	}
	var rest time.Duration // from the last step until now
	switch {
	case index < unassignedUntil:
		s.unanswered()
		rest = d.between(minutes(1), hours(7))
	case index < openUntil:
		waits := s.ongoing()
		if rest = d.between(minutes(15), days(4)); waits {
			rest = d.between(minutes(2), hours(9))
		}
	case index < blockedUntil:
		s.abuse()
		rest = d.between(hours(1), days(20))
	default:
		s.episode()
		rest = d.even(minutes(4), max(age-hours(2)-s.now, minutes(5)))
	}
	s.finish(rest)
}

// earlier returns a random number of episodes before the last one.
func (d *demo) earlier() int {
	switch n := d.random.IntN(100); {
	case n < 60:
		return 0
	case n < 84:
		return 1
	case n < 95:
		return 2
	}
	return 3
}

// story collects the steps with one contact, from its first message on.
type story struct {
	*demo
	guest  *guest
	agent  *db.Agent // who handles this episode
	now    time.Duration
	script script
	filled func(string) string // replaces the placeholders of the script
	steps  []step
}

func (s *story) add(do stepKind, text string) {
	s.steps = append(s.steps, step{at: s.now, do: do, guest: s.guest, agent: s.agent, text: text})
}

// wait advances the time by a random duration, mostly close to the least.
func (s *story) wait(least, most time.Duration) { s.now += s.between(least, most) }

// begin chooses an agent and a script, and adds the contact's first message.
func (s *story) begin() {
	s.agent, s.script = s.anyone(), pick(s.demo, s.scripts[s.guest.language])
	s.filled = s.blanks(s.guest)
	opening := s.variant(s.script.lines[0].text)
	if s.script.language == "" {
		opening = pick(s.demo, greetings) + opening
	}
	s.add(stepArrive, s.filled(opening))
}

// unanswered adds a conversation without a reply.
func (s *story) unanswered() {
	s.begin()
	if s.script.language == "" && s.chance(25) {
		s.wait(minutes(2), hours(2))
		s.add(stepArrive, pick(s.demo, nudges))
	}
}

// episode adds a conversation that is closed in the end.
func (s *story) episode() {
	s.begin()
	lines := len(s.script.lines)
	if s.chance(60) {
		lines = 2
	}
	s.talk(lines)
	s.close()
}

// ongoing adds an open, assigned conversation, and reports whether the contact waits for a reply.
func (s *story) ongoing() (waits bool) {
	s.begin()
	waits = s.chance(55)
	var ends []int
	for i, line := range s.script.lines {
		if line.inbound == waits {
			ends = append(ends, i+1)
		}
	}
	lines := pick(s.demo, ends)
	if s.talk(lines); lines == 1 {
		s.wait(minutes(1), hours(1))
		s.add(stepTake, "")
	}
	return waits
}

// abuse adds a conversation after which the contact is blocked.
func (s *story) abuse() {
	s.begin()
	s.talk(2)
	s.wait(minutes(2), hours(3))
	s.add(stepArrive, pick(s.demo, insults))
	if s.chance(60) {
		s.wait(minutes(2), hours(1))
		s.add(stepReply, pick(s.demo, warnings))
		s.wait(minutes(1), hours(1))
		s.add(stepArrive, pick(s.demo, insults))
	}
	if s.chance(50) {
		s.close()
	}
	s.wait(minutes(1), minutes(20))
	s.add(stepBlock, "")
}

// talk adds the script's lines up to one; begin has added the first.
func (s *story) talk(until int) {
	if until > 1 && s.chance(60) {
		s.wait(minutes(1), hours(2))
		s.add(stepTake, "")
	}
	for i, line := range s.script.lines[1:until] {
		s.wait(minutes(2), hours(5))
		if line.inbound {
			s.add(stepArrive, s.filled(s.variant(line.text)))
			continue
		}
		if s.chance(9) {
			s.add(stepNote, pick(s.demo, notes[s.script.category]))
			s.wait(minutes(1), minutes(40))
		}
		s.add(stepReply, s.filled(s.styled(s.variant(line.text), i == 0)))
	}
	if until > 1 && s.chance(4) {
		s.handOver()
	}
}

func (s *story) handOver() {
	s.wait(minutes(1), minutes(30))
	s.add(stepNote, pick(s.demo, handOvers))
	s.agent = s.anyone()
	s.wait(minutes(1), minutes(3))
	s.add(stepHandOver, "")
}

// styled returns a reply in the form of its channel: e-mails have a salutation and a signature.
func (s *story) styled(text string, first bool) string {
	switch {
	case s.script.language != "":
	case s.guest.channel == "email":
		return "Hi {name},\n\n" + text + "\n\n" + pick(s.demo, signatures)
	case first:
		return pick(s.demo, []string{"Hi {name}! ", "Hello {name}. ", ""}) + text
	}
	return text
}

// close adds the close of the conversation, sometimes without a note or without a category.
func (s *story) close() {
	s.wait(minutes(1), hours(10))
	s.add(stepClose, s.filled(s.variant(s.script.closing)))
	last := &s.steps[len(s.steps)-1]
	last.category = s.script.category
	if s.chance(12) {
		last.text = ""
	}
	if s.chance(6) {
		last.category = ""
	}
}

// pause advances the time to when the contact writes again: soon enough to reopen the conversation,
// or later.
func (s *story) pause() {
	if s.chance(25) {
		s.now += s.even(hours(1), hours(40))
	} else {
		s.now += s.even(days(reopenWithin+1), days(9))
	}
}

// finish adds the steps to the demo, the last one the given time before now. A story that would
// begin before the workspace exists is compressed.
func (s *story) finish(rest time.Duration) {
	room := age - hours(1) - rest
	for _, step := range s.steps {
		at := step.at
		if s.now > room {
			at = time.Duration(float64(at) * float64(room) / float64(s.now)).Truncate(time.Second)
			step.at = at - room - rest
		} else {
			step.at = at - s.now - rest
		}
		s.demo.steps = append(s.demo.steps, step)
	}
}

// between returns a random duration, mostly close to the least; even returns a uniformly
// distributed one.
func (d *demo) between(least, most time.Duration) time.Duration {
	f := d.random.Float64()
	return least + time.Duration(f*f*f*(most-least).Seconds())*time.Second
}

func (d *demo) even(least, most time.Duration) time.Duration {
	return least + time.Duration(d.random.Float64()*(most-least).Seconds())*time.Second
}

func (d *demo) chance(percent int) bool { return d.random.IntN(100) < percent }

func pick[T any](d *demo, from []T) T { return from[d.random.IntN(len(from))] }

// anyone returns a random agent, somewhat more often one of those for whom tokens are printed.
func (d *demo) anyone() *db.Agent {
	if d.chance(12) {
		return d.agents[d.random.IntN(managerCount+2)]
	}
	return pick(d, d.agents)
}

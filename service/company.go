package service

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"switchboard/db"
)

// Mutations of threads go through the database in company: those of one workspace that wait at the
// same time share one transaction. A mutation waits for no company: the first one goes at once, and
// those that come meanwhile form the next company.

const (
	companySize = 64                     // threads that the mutations of one company name
	companyTime = 10 * time.Second       // for a company; its callers' contexts do not end it
	slowCompany = 500 * time.Millisecond // after which the next one does not wait for it any more
)

// member is a mutation of threads on its way through a company.
type member struct {
	ctx     context.Context // of the caller
	actor   Actor
	verb    Verb
	targets []target
	isBulk  bool
	key     *claim // nil without one

	reception *reception // nil unless it brings in a message or a business event

	done chan struct{} // closed when the company has ended; what follows is then set

	outcome *Outcome
	events  Changes
	err     error // a refusal, or why it could not be carried out
	isAlone bool  // it has to be carried out, or looked up, without the company
}

// mutate carries out a verb on one thread.
func (s *Service) mutate(ctx context.Context, actor Actor, name string, in Input, t target, v Verb) (*Outcome, error) {
	return s.join(&member{ctx: ctx, actor: actor, verb: v, targets: []target{t}}, name, in)
}

// join carries out a mutation of threads, in company if that is possible. If the caller leaves, it
// is dropped, unless its company has begun.
func (s *Service) join(m *member, name string, in Input) (_ *Outcome, err error) {
	began := time.Now()
	defer func() { s.measures.mutation(m.ctx, name, began, err) }()
	if err := Permit(m.actor, name); err != nil {
		return nil, err
	}
	if m.key, err = s.newClaim(m.actor, name, in); err != nil {
		return &Outcome{}, err
	}
	if m.isAlone = len(m.targets) > companySize; !m.isAlone {
		m.done = make(chan struct{})
		if s.companies.add(m) {
			go s.runCompanies(m.actor.Workspace)
		}
		select {
		case <-m.done:
		case <-m.ctx.Done():
			return nil, m.ctx.Err()
		}
	}
	switch {
	case m.isAlone && m.reception != nil:
		return m.reception.alone()
	case m.isAlone:
		s.alone(m)
	}
	return m.outcome, m.err
}

// companies are the mutations that wait for a company. A workspace has an entry while a company of
// it is under way.
type companies struct {
	mu      sync.Mutex
	waiting map[db.WorkspaceKey][]*member
}

// add enqueues a mutation. It reports whether no company of the workspace is under way, so that the
// caller must start one.
func (all *companies) add(m *member) (start bool) {
	all.mu.Lock()
	defer all.mu.Unlock()
	if all.waiting == nil {
		all.waiting = map[db.WorkspaceKey][]*member{}
	}
	waiting, underWay := all.waiting[m.actor.Workspace]
	all.waiting[m.actor.Workspace] = append(waiting, m)
	return !underWay
}

// next returns the next company of a workspace in the order of arrival, without those whose callers
// have left; empty if nobody waits. Of calls with the same key or external id it contains one: the
// next company finds its outcome.
func (all *companies) next(workspace db.WorkspaceKey) (company []*member) {
	all.mu.Lock()
	defer all.mu.Unlock()
	var rest []*member
	size, names := 0, map[any]bool{}
	for _, m := range all.waiting[workspace] {
		switch {
		case m.ctx.Err() != nil:
		case size+len(m.targets) > companySize, slices.ContainsFunc(m.names(), func(name any) bool { return names[name] }):
			rest = append(rest, m)
		default:
			size += len(m.targets)
			company = append(company, m)
			for _, name := range m.names() {
				names[name] = true
			}
		}
	}
	if all.waiting[workspace] = rest; len(company) == 0 {
		delete(all.waiting, workspace)
	}
	return company
}

// runCompanies runs one company of a workspace after the other until nobody waits. A slow one,
// whose connection may have broken without a word, does not hold up the next.
func (s *Service) runCompanies(workspace db.WorkspaceKey) {
	for {
		members := s.companies.next(workspace)
		if len(members) == 0 {
			return
		}
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			s.runCompany(workspace, members)
		}()
		select {
		case <-ended:
		case <-time.After(slowCompany):
		}
	}
}

// runCompany carries out the mutations of a company and answers those that are done. The others are
// left to be carried out alone: those that would have to wait for a lock, and all if the company
// was rolled back.
func (s *Service) runCompany(workspace db.WorkspaceKey, members []*member) {
	ctx, cancel := context.WithTimeout(context.Background(), companyTime)
	defer cancel()
	ctx = trace.ContextWithSpan(ctx, trace.SpanFromContext(members[0].ctx)) // shows the statements there
	_, err := Contained(func() (any, error) { return nil, s.together(ctx, workspace, members, false) })
	for _, m := range members {
		switch {
		case err == nil || m.isAlone:
		case db.Uncertain(err) && len(m.names()) == 0:
			m.outcome, m.err = nil, err
		default: // it was rolled back, or its key or external id will tell whether it was
			m.isAlone = true
		}
		close(m.done)
	}
}

// alone carries out one mutation in a transaction of its own, which waits for locks.
func (s *Service) alone(m *member) {
	for attempt := 1; !m.isRepeated(); attempt++ {
		if err := s.together(m.ctx, m.actor.Workspace, []*member{m}, true); err != nil {
			m.outcome, m.err = nil, err
		}
		if !m.isRepeated() && !mayRetry(m.err, attempt) && !m.key.tells(m.err, attempt) {
			return
		}
	}
	m.outcome = &Outcome{}
	m.err = m.key.recall(m.ctx, s.DB.ForWorkspace(m.actor.Workspace), m.outcome)
}

// names returns what tells whether the mutation was carried out before: its key and its external
// id.
func (m *member) names() (names []any) {
	if m.key != nil {
		names = append(names, m.key.name())
	}
	if m.reception != nil && m.reception.delivery != nil {
		names = append(names, m.reception.delivery.Lock(m.actor.Workspace))
	}
	return names
}

// isRepeated reports whether an earlier call has stored its outcome under the member's key.
func (m *member) isRepeated() bool { return m.key != nil && m.key.earlier != nil }

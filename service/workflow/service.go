// Package workflow carries out what a workspace wants to happen by itself (W1): the verbs on
// workflows, the planning of their runs from the event log, the steps of runs, and dry runs. What a
// workflow may be is in service/definition.
package workflow

import (
	"context"

	"switchboard/service"
)

// Service is a service that has the verbs on workflows as well.
type Service struct {
	*service.Service

	hasWorkflows chan struct{} // a workspace may have its first one
	measures     *measures
}

// New returns the verbs on workflows for a service.
func New(s *service.Service) *Service {
	return &Service{Service: s, hasWorkflows: make(chan struct{}, 1), measures: newMeasures()}
}

// writer is the transaction of a mutation with what workflows do in it.
type writer struct{ *service.Writer }

// write is service.Write for verbs of this package.
func (s *Service) write(ctx context.Context, actor service.Actor, verb string, input service.Input,
	fn func(w *writer) (service.Changes, error)) (*service.Outcome, error) {
	outcome, err := s.Write(ctx, actor, verb, input, func(w *service.Writer) (service.Changes, error) { return fn(&writer{w}) })
	if err == nil {
		s.measures.ended(outcome)
	}
	return outcome, err
}

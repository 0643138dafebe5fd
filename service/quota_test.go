package service_test

import (
	"fmt"
	"testing"
	"time"

	"switchboard/db"
	"switchboard/service"
	"switchboard/service/servicetest"
)

// TestQuotas (finding 12): beyond the quotas mutations are refused with LIMIT_REACHED and change
// nothing.
func TestQuotas(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ada := w.Agent("Ada")
	w.Quotas.Agents = 2 // with the manager
	create := service.CreateAgentInput{Name: "Bo", Email: "bo@acme.example", Role: db.RoleAgent}
	_, err := w.CreateAgent(w.Context(), w.Manager, create)
	servicetest.Refused(t, err, service.LimitReached)
	w.OK(w.DeactivateAgent(w.Context(), w.Manager, service.DeactivateAgentInput{AgentID: *ada.Agent}))
	w.OK(w.CreateAgent(w.Context(), w.Manager, create))
	_, err = w.ReactivateAgent(w.Context(), w.Manager, service.ReactivateAgentInput{AgentID: *ada.Agent})
	servicetest.Refused(t, err, service.LimitReached)

	w.Quotas.Tokens = 2
	token := service.CreateTokenInput{Scope: db.ScopeRead}
	first := w.OK(w.CreateToken(w.Context(), w.Manager, token)).Token
	expiring := token
	expiring.ExpiresAt = new(w.Clock.Add(time.Hour))
	w.OK(w.CreateToken(w.Context(), w.Manager, expiring))
	_, err = w.CreateToken(w.Context(), w.Manager, token)
	servicetest.Refused(t, err, service.LimitReached)
	w.OK(w.RevokeToken(w.Context(), w.Manager, service.RevokeTokenInput{TokenID: first.ID}))
	w.OK(w.CreateToken(w.Context(), w.Manager, token))
	_, err = w.CreateToken(w.Context(), w.Manager, token)
	servicetest.Refused(t, err, service.LimitReached)
	w.Clock = w.Clock.Add(2 * time.Hour)
	w.OK(w.CreateToken(w.Context(), w.Manager, token))

	w.Quotas.Keys = 2
	note := func(key string) error {
		_, err := w.SetAvailability(w.Context(), w.Manager, service.SetAvailabilityInput{Availability: "ONLINE", Keyed: service.Keyed{IdempotencyKey: &key}})
		return err
	}
	servicetest.Fine(t, note("1"))
	servicetest.Fine(t, note("2"))
	servicetest.Refused(t, note("3"), service.LimitReached)
	conversation := w.Open()
	key := "4"
	_, err = w.CloseConversation(w.Context(), w.Manager, service.CloseConversationInput{ConversationID: conversation.ID, Keyed: service.Keyed{IdempotencyKey: &key}})
	servicetest.Refused(t, err, service.LimitReached)
	w.Clock = w.Clock.Add(24 * time.Hour)
	servicetest.Fine(t, note("5"))
	w.Quotas.Keys = -1
	for i := range 5 {
		servicetest.Fine(t, note(fmt.Sprint("free", i)))
	}
}

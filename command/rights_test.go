package command_test

import "testing"

// TestP7DeactivatedAgentSeesNoMore: a deactivated agent's sockets receive no later event, also if
// the deactivation or the event went through another server.
func TestP7DeactivatedAgentSeesNoMore(t *testing.T) {
	t.Parallel()
	const forbidden = 4403
	dir := newDir(t)
	both := []*server{start(t, "--data-dir", dir, "--no-demo"), start(t, "--data-dir", dir)}
	c := found(t, both[0], dir, 4)
	manager := both[0].as(c.Token)
	conversation := manager.open("Ada")
	for i, a := range c.agents {
		s := both[i%2].as(a.token).watch(assignments, manager.asOf())
		events := manager.assign(conversation, a.id)
		if got := s.change(t); got.ID != events[0] {
			t.Fatalf("%v came instead of %v", got, events)
		}
		manager.ask(new(any), `mutation($id: ID!) { deactivateAgent(input: {agentId: $id}) { events { id } } }`, vars{"id": a.id})
		manager.assign(conversation, c.Manager)
		if code, items := s.rest(); code != forbidden || items > 0 {
			t.Errorf("after agent %d was deactivated: %d items, then the close code %d", i, items, code)
		}
	}
}

package db

import (
	"encoding/json"
	"testing"
)

// TestFormerTriggers: stored definitions with the former names of triggers can be read (W1).
func TestFormerTriggers(t *testing.T) {
	for stored, want := range map[string]WorkflowTrigger{
		"CONTACT_ASSIGNED": TriggerAssigned, "CONTACT_UNASSIGNED": TriggerUnassigned, "BUSINESS_EVENT": TriggerBusinessEvent,
		"CONVERSATION_ASSIGNED": TriggerAssigned, "MESSAGE_SENT": TriggerSent,
	} {
		var d WorkflowDefinition
		if err := json.Unmarshal([]byte(`{"triggers":["CONVERSATION_OPENED","`+stored+`"],"steps":[]}`), &d); err != nil {
			t.Fatal(err)
		}
		if d.Triggers[1] != want || d.Triggers[1].Event() != EventType(want) {
			t.Errorf("%s is read as %s", stored, d.Triggers[1])
		}
	}
}

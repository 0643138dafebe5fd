package db

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/google/uuid"
)

// typedID has the methods of all typed ids.
type typedID interface {
	fmt.Stringer
	MarshalGQL(io.Writer)
	UnmarshalGQL(any) error
}

func typedIDs(u uuid.UUID) map[string][2]typedID {
	return map[string][2]typedID{
		AgentPrefix:        {&AgentID{u}, &AgentID{}},
		ContactPrefix:      {&ContactID{u}, &ContactID{}},
		ConversationPrefix: {&ConversationID{u}, &ConversationID{}},
		MessagePrefix:      {&MessageID{u}, &MessageID{}},
		EventPrefix:        {&EventID{u}, &EventID{}},
		WorkspacePrefix:    {&WorkspaceID{u}, &WorkspaceID{}},
		TokenPrefix:        {&TokenID{u}, &TokenID{}},
	}
}

func TestIDRoundTrip(t *testing.T) {
	t.Parallel()
	for _, u := range []uuid.UUID{uuid.Nil, uuid.Max, NewUUID()} {
		for prefix, id := range typedIDs(u) {
			text := id[0].String()
			if !strings.HasPrefix(text, prefix+"_") || len(text) != len(prefix)+1+26 {
				t.Errorf("%s: %q", prefix, text)
			}
			var b strings.Builder
			id[0].MarshalGQL(&b)
			if b.String() != strconv.Quote(text) {
				t.Errorf("%s: %s in GraphQL", prefix, &b)
			}
			if err := id[1].UnmarshalGQL(text); err != nil || id[1].String() != text {
				t.Errorf("%s came back as %s, %v", text, id[1], err)
			}
		}
	}
}

func TestIDOfAnotherKind(t *testing.T) {
	t.Parallel()
	ids := typedIDs(NewUUID())
	for prefix, id := range ids {
		for other := range ids {
			err := id[1].UnmarshalGQL(ids[other][0].String())
			if (err == nil) != (prefix == other) || err != nil && !errors.Is(err, ErrBadID) {
				t.Errorf("%s parsed as the id of another kind, %s: %v", other, prefix, err)
			}
		}
	}
}

func TestIDMalformed(t *testing.T) {
	t.Parallel()
	good := AgentID{NewUUID()}.String()
	for _, value := range []any{
		nil, 1, true, "", "agent", "agent_", "_" + good[6:], good[6:], good + "0", good[:len(good)-1], strings.ToUpper(good), " " + good,
		good + "\n", "agent__" + good[6:], "agent_8zzzzzzzzzzzzzzzzzzzzzzzzz", "agent_" + strings.Repeat("u", 26), strings.Repeat("a", 1<<16),
		strings.Repeat("\xff", 100),
	} {
		err := new(AgentID).UnmarshalGQL(value)
		if !errors.Is(err, ErrBadID) {
			t.Errorf("%.80q: %v", value, err)
		}
		if err != nil && len(err.Error()) > 300 {
			t.Errorf("the message has %d bytes", len(err.Error()))
		}
	}
}

func TestActorRefRoundTrip(t *testing.T) {
	t.Parallel()
	u := NewUUID()
	for _, ref := range []ActorRef{{}, AgentID{u}.Ref(), ContactID{u}.Ref(), TokenID{u}.Ref()} {
		value, err := ref.Value()
		fine(t, err)
		var got ActorRef
		if err := got.Scan(value); err != nil || got != ref {
			t.Errorf("%v came back as %v, %v", ref, got, err)
		}
		if text, ok := value.(string); ok {
			if err := got.Scan([]byte(text)); err != nil || got != ref {
				t.Errorf("%v came back from bytes as %v, %v", ref, got, err)
			}
		}
	}
	if err := new(ActorRef).Scan(7); err == nil {
		t.Error("a number was parsed as an actor")
	}
}

func FuzzParseID(f *testing.F) {
	f.Add(AgentID{NewUUID()}.String())
	f.Add("01h455vb4pex5vsknk084sn02q")
	f.Add("a_b_01h455vb4pex5vsknk084sn02q")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		prefix, id, err := ParseID(text)
		if err == nil && format(prefix, id) != text {
			t.Errorf("%q was parsed as %s of %q", text, id, prefix)
		}
		if err != nil && !errors.Is(err, ErrBadID) {
			t.Error(err)
		}
	})
}

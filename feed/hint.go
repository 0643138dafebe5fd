package feed

import (
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"switchboard/db"
)

// A Hint says that something happened in a workspace: that there are events, or that an agent has
// read a conversation, of which there is no event.
type Hint struct {
	Workspace    db.WorkspaceKey
	Agent        db.AgentID        // who has read; zero: there are events
	Conversation db.ConversationID // what was read
}

// IsOfRead reports whether an agent has read a conversation.
func (h Hint) IsOfRead() bool { return h.Agent != db.AgentID{} }

// text returns a hint as other processes read it. Those of the version before skip hints of reads.
func (h Hint) text() string {
	key := strconv.FormatInt(int64(h.Workspace), 36)
	if !h.IsOfRead() {
		return key
	}
	return key + "." + encodeUUID(h.Agent.UUID) + "." + encodeUUID(h.Conversation.UUID)
}

// parseHint reads the text of a hint; ok is false if it is invalid.
func parseHint(text string) (h Hint, ok bool) {
	parts := strings.Split(text, ".")
	key, err := strconv.ParseInt(parts[0], 36, 64)
	if h.Workspace = db.WorkspaceKey(key); err != nil || len(parts) == 1 {
		return h, err == nil
	}
	if len(parts) != 3 {
		return h, false
	}
	var agentOK, conversationOK bool
	h.Agent.UUID, agentOK = decodeUUID(parts[1])
	h.Conversation.UUID, conversationOK = decodeUUID(parts[2])
	return h, agentOK && conversationOK && h.IsOfRead()
}

func encodeUUID(id uuid.UUID) string { return base64.RawURLEncoding.EncodeToString(id[:]) }

func decodeUUID(text string) (id uuid.UUID, ok bool) {
	bytes, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(bytes) != len(id) {
		return id, false
	}
	return uuid.UUID(bytes), true
}

// formatHints returns hints as one line of text.
func formatHints(hints []Hint) string {
	texts := make([]string, len(hints))
	for i, h := range hints {
		texts[i] = h.text()
	}
	return strings.Join(texts, ",")
}

// hearEach calls hear for each hint in a message and skips invalid ones.
func hearEach(message string, hear func(Hint)) {
	for text := range strings.SplitSeq(message, ",") {
		if h, ok := parseHint(text); ok {
			hear(h)
		}
	}
}

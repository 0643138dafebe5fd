package db

import "testing"

// TestFoldExternalID: spellings of the same e-mail address fold to the same id, so that they belong
// to one contact. Ids of other channels are not folded.
func TestFoldExternalID(t *testing.T) {
	for _, row := range []struct{ channel, id, want string }{
		{"email", "Ada@X.org", "ada@x.org"}, {"email", " ADA@X.ORG\t", "ada@x.org"}, {"email", "ada@x.org\u200b", "ada@x.org"},
		{"email", "\u202aada@x.org\u202c", "ada@x.org"}, {"email", "\u0130x@x.org", "i\u0307x@x.org"}, {"email", "straße@x.org", "straße@x.org"},
		{"sms", " A", " A"}, {"telegram", "Ada", "Ada"},
	} {
		if got := FoldExternalID(row.channel, row.id); got != row.want {
			t.Errorf("%s %q: %q, not %q", row.channel, row.id, got, row.want)
		}
	}
	if got := FoldChannel(" WhatsApp "); got != "whatsapp" {
		t.Errorf("the channel is folded to %q", got)
	}
}

package projection

import (
	"reflect"
	"testing"
	"time"

	"switchboard/db"
)

// TestEntryHoldsConversation: an entry holds every field of an open conversation, so that a page
// from memory shows it.
func TestEntryHoldsConversation(t *testing.T) {
	t.Parallel()
	ofClosed := map[string]bool{"ClosedAt": true, "ClosedBy": true, "ClosingCategory": true, "ClosingText": true}
	fixed := map[string]bool{"BaseModel": true, "WorkspaceID": true, "Status": true, "Latest": true, "Blocked": true}
	var c db.Conversation
	fields := reflect.ValueOf(&c).Elem()
	for i := range fields.NumField() {
		field := fields.Type().Field(i)
		if !ofClosed[field.Name] && !fixed[field.Name] && field.Tag.Get("read") != "-" {
			fill(t, fields.Field(i), i)
		}
	}
	c.WorkspaceID, c.Status, c.Latest = 1, db.StatusOpen, true
	names, shown := newNames(), new(row)
	shown.show(newEntry(&c, names), c.WorkspaceID, names.texts)
	if !reflect.DeepEqual(&c, &shown.Conversation) {
		t.Errorf("an entry of\n%+v\nshows\n%+v", c, shown.Conversation)
	}
}

// fill sets a value to something that is not zero.
func fill(t *testing.T, v reflect.Value, n int) {
	t.Helper()
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.UnixMicro(int64(n + 1))))
		return
	case db.ActorRef:
		v.Set(reflect.ValueOf(db.ActorRef{Prefix: db.AgentPrefix, ID: db.NewUUID()}))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(t, v.Elem(), n)
	case reflect.String:
		v.SetString(string(rune('a' + n)))
	case reflect.Int, reflect.Int64:
		v.SetInt(int64(n + 1))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Struct: // a typed id
		v.Field(0).Set(reflect.ValueOf(db.NewUUID()))
	default:
		t.Fatalf("a test value of %s is missing", v.Type())
	}
}

package command_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// TestLogging starts and stops a server under each setting and reads its whole log.
func TestLogging(t *testing.T) {
	t.Setenv("SWITCHBOARD_LOG_LEVEL", "debug")
	t.Setenv("SWITCHBOARD_LOG_FORMAT", "json")
	dir := newDir(t)
	for name, c := range map[string]struct {
		args          []string
		json          bool
		debugs, infos bool
	}{
		"from the environment":        {nil, true, true, true},
		"flags win":                   {[]string{"--log-level", "info", "--log-format", "text"}, false, false, true},
		"warnings only, so nothing":   {[]string{"--log-level", "warn"}, true, false, false},
		"debugging messages, as text": {[]string{"--log-format", "text"}, false, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, append(c.args, "--data-dir", dir, "--no-demo")...)
			closed(t, s)
			s.terminate()
			s.wait()
			levels := map[string]bool{}
			for line := range strings.Lines(s.log.String()) {
				var entry struct{ Time, Level, Msg string }
				err := json.Unmarshal([]byte(line), &entry)
				if isJSON := err == nil && entry.Time != "" && entry.Msg != ""; isJSON != c.json {
					t.Errorf("logged as JSON: %t: %s", isJSON, line)
				}
				for _, level := range []string{"DEBUG", "INFO"} {
					levels[level] = levels[level] || entry.Level == level || strings.Contains(line, "level="+level)
				}
			}
			if levels["DEBUG"] != c.debugs || levels["INFO"] != c.infos {
				t.Errorf("logged levels: %v\n%s", levels, s.log.String())
			}
		})
	}
}

// closed makes the server close a socket, which it logs at level debug.
func closed(t *testing.T, s *server) {
	t.Helper()
	dialer := websocket.Dialer{Subprotocols: []string{"graphql-transport-ws"}, HandshakeTimeout: patience}
	socket, response, err := dialer.Dial("ws"+strings.TrimPrefix(s.GraphQL, "http"), nil)
	check(t, err)
	defer socket.Close()
	check(t, response.Body.Close())
	check(t, socket.WriteMessage(websocket.TextMessage, []byte("no JSON")))
	check(t, socket.SetReadDeadline(time.Now().Add(patience)))
	if _, _, err := socket.ReadMessage(); !websocket.IsCloseError(err, 4400) {
		t.Fatalf("the socket ended with %v", err)
	}
}

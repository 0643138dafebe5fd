package command_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

func TestFirstAndSecondStart(t *testing.T) {
	dir := newDir(t)
	const everything = `{ viewer { name role } inbox(view: ALL, first: 5) { nodes { contact { name } } } __schema { queryType { name } } }`
	var inbox struct {
		Viewer struct{ Name, Role string }
		Inbox  struct {
			Nodes []struct{ Contact struct{ Name string } }
		}
	}
	first := start(t, "--data-dir", dir)
	if len(first.Developers) != 4 {
		t.Fatalf("four development tokens are printed, not %d", len(first.Developers))
	}
	first.as(first.Developers[0].Token).ask(&inbox, everything, nil)
	took := time.Since(first.began)
	t.Logf("first start to first answer: %v", took)
	if took > 2*time.Minute { // a busy machine is no reason to fail
		t.Errorf("the first answer of a fresh folder took %v", took)
	}
	if len(inbox.Inbox.Nodes) != 5 {
		t.Errorf("the demo inbox holds %v", inbox.Inbox.Nodes)
	}
	for i, role := range []string{"manager", "agent", "agent"} {
		d := first.Developers[i]
		first.as(d.Token).ask(&inbox, everything, nil)
		if d.Role != role || strings.ToLower(inbox.Viewer.Role) != role || inbox.Viewer.Name != d.Name {
			t.Errorf("token %d is said to be of the %s %s and is of the %s %s", i, d.Role, d.Name, inbox.Viewer.Role, inbox.Viewer.Name)
		}
	}
	at, err := url.Parse(first.GraphQL)
	check(t, err)
	if want := "ws://" + at.Host + "/graphql"; first.WebSocket != want {
		t.Errorf("the socket is at %s, not %s", first.WebSocket, want)
	}
	connector := first.Developers[3]
	fragment := url.Values{"connector": {connector.Token}}
	for _, d := range first.Developers[:3] {
		fragment.Add("token", d.Token)
	}
	if want := "http://" + at.Host + "/#" + fragment.Encode(); first.Console != want {
		t.Errorf("the console is at %s, not %s", first.Console, want)
	}
	for i, d := range first.Developers[:3] {
		want := "http://" + at.Host + "/playground#token=" + d.Token + "&connector=" + connector.Token
		if d.Playground != want || i == 0 && first.Playground != want {
			t.Errorf("the playground is at %s and that of %s at %s, not %s", first.Playground, d.Name, d.Playground, want)
		}
	}
	if connector.Role != "connector" || connector.Playground != "" {
		t.Errorf("the fourth token is %+v", connector)
	}
	if got := first.as(connector.Token).receive("Maria", "Where is my order?"); got != "Where is my order?" {
		t.Errorf("the connector's message arrived as %q", got)
	}
	for path, want := range map[string]string{
		"/healthz": "200 ok", "/readyz": "200 ready", "/": "200 <!doctype html>", "/inbox/mine": "200 <!doctype html>", "/console/sign-in.json": `200 {"development":true}`, "/playground": "200 <!doctype html>", "/nothing": "404 404 page not found",
		"/schema.graphqls": "200 " + strings.ToLower(strings.SplitN(string(must(os.ReadFile("../schema.graphqls"))), "\n", 2)[0]),
	} {
		if got := get(t, "http://"+at.Host+path); got != want {
			t.Errorf("GET %s gives %q, want %q", path, got, want)
		}
	}
	if status := first.as("").status(); status != http.StatusUnauthorized {
		t.Errorf("without a token the status is %d", status)
	}

	first.terminate()
	if status := first.wait(); status != 0 {
		t.Fatalf("the first server ended with status %d", status)
	}
	second := start(t, "--data-dir", dir)
	second.as(first.Developers[0].Token).ask(&inbox, everything, nil)
	second.as(connector.Token).receive("Maria", "Are you there?")
	took = time.Since(second.began)
	t.Logf("second start to first answer: %v", took)
	if took > 15*time.Second { // 1 s without the race detector, on a machine that does nothing else
		t.Errorf("the first answer of a known folder took %v", took)
	}
	for i, d := range second.Developers {
		if d.Token != first.Developers[i].Token {
			t.Errorf("the token of %s has changed", d.Name)
		}
	}
	var tokens []listed
	succeed(t, &tokens, "token", "list", "--data-dir", dir, "--workspace", workspaceOf(t, dir))
	if len(tokens) != 1 || tokens[0].Name != "development connector" || tokens[0].Scope != "integration" {
		t.Errorf("after two starts the demo workspace has the tokens %+v", tokens)
	}
	succeed(t, &struct{}{}, "token", "revoke", tokens[0].TokenID, "--data-dir", dir, "--workspace", workspaceOf(t, dir))
	// A query may still use what the server knew half a second ago.
	eventually(t, 10*time.Second, "the revoked connector is refused", func() bool {
		return second.as(connector.Token).status() == http.StatusUnauthorized
	})
}

// workspaceOf returns the id of the only workspace in a data folder.
func workspaceOf(t *testing.T, dir string) string {
	t.Helper()
	var all []struct{ Workspace string }
	succeed(t, &all, "workspace", "list", "--data-dir", dir)
	if len(all) != 1 {
		t.Fatalf("the workspaces are %v", all)
	}
	return all[0].Workspace
}

func TestInterruptedFirstStart(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	s := launch(t, "--data-dir", dir)
	eventually(t, patience, "it begins", func() bool { return strings.Contains(s.log.String(), "creating the database folder") })
	s.terminate()
	if status := s.wait(); status != 1 || !strings.Contains(s.log.String(), "interrupted") {
		t.Errorf("it ended with status %d", status)
	}
	if databaseRuns(dir) {
		t.Error("it has left the database running")
	}
	if s = start(t, "--data-dir", dir); len(s.Developers) != 4 {
		t.Errorf("afterwards the tokens are %v", s.Developers)
	}
}

// get returns the status and the first line of the body, or the target of a redirect.
func get(t *testing.T, address string) string {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(must(http.NewRequest(http.MethodGet, address, nil)))
	check(t, err)
	defer func() { _ = response.Body.Close() }()
	line, err := bufio.NewReader(response.Body).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if to := response.Header.Get("Location"); to != "" {
		line = to
	}
	return fmt.Sprint(response.StatusCode, " ", strings.ToLower(strings.TrimSpace(line)))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestEnvironmentIsAsGoodAsFlags(t *testing.T) {
	port := freePort(t)
	t.Setenv("SWITCHBOARD_DATA_DIR", newDir(t))
	t.Setenv("SWITCHBOARD_ADDR", port)
	t.Setenv("SWITCHBOARD_DEMO", "false")
	t.Setenv("SWITCHBOARD_PLAYGROUND", "false")
	t.Setenv("SWITCHBOARD_ALLOW_ORIGIN", "https://inbox.example,https://Other.example:443/")
	t.Setenv("SWITCHBOARD_PUBLIC_URL", "")
	s := start(t)
	if s.GraphQL != "http://"+port+"/graphql" || s.Playground != "" || len(s.Developers) != 0 {
		t.Errorf("the server says %+v", s.cmd.Args)
	}
	if got := get(t, "http://"+port+"/playground"); got != "404 404 page not found" {
		t.Errorf("the playground gives %q", got)
	}
	preflight := must(http.NewRequest(http.MethodOptions, s.GraphQL, nil))
	preflight.Header.Set("Origin", "https://other.example")
	preflight.Header.Set("Access-Control-Request-Method", "DELETE")
	preflight.Header.Set("Access-Control-Request-Headers", "authorization,x-graphql-event-stream-token")
	response, err := httpClient.Do(preflight)
	check(t, err)
	check(t, response.Body.Close())
	if got := response.Header.Get("Access-Control-Allow-Origin"); got != "https://other.example" {
		t.Errorf("the second origin is allowed as %q", got)
	}

	refused(t, 1, []string{"serve"}, port, "already in use", "--addr")
}

// TestHeaderLimit: headers and a URL that are too long are refused before they are read completely.
func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	s := start(t, "--data-dir", newDir(t), "--no-demo")
	for _, c := range []struct {
		query, header string
		status        int
		says          string
	}{
		{"?query={asOf}", strings.Repeat("x", 8<<10), http.StatusUnauthorized, "UNAUTHENTICATED"},
		{"?query={asOf}" + strings.Repeat("%20", 6<<10), "", http.StatusRequestURITooLong, "send the query by POST"},
		{"?query={asOf}" + strings.Repeat("%20", 1<<20/3), "", http.StatusRequestHeaderFieldsTooLarge, "Too Large"},
		{"?query={asOf}", strings.Repeat("x", 32<<10), http.StatusRequestHeaderFieldsTooLarge, "Too Large"},
	} {
		r := must(http.NewRequest(http.MethodGet, s.GraphQL+c.query, nil))
		r.Header.Set("X-Long", c.header)
		response, err := httpClient.Do(r)
		check(t, err)
		body := string(must(io.ReadAll(response.Body)))
		check(t, response.Body.Close())
		if response.StatusCode != c.status || !strings.Contains(body, c.says) {
			t.Errorf("a URL of %d bytes with a header of %d is answered %s %s", len(c.query), len(c.header), response.Status, body)
		}
	}
}

// TestHostOfEmbedded: with the embedded database a request under another host name is refused,
// even if the name resolves to this machine.
func TestHostOfEmbedded(t *testing.T) {
	t.Parallel()
	s := start(t, "--data-dir", newDir(t), "--no-demo", "--public-url", "https://desk.example")
	port := must(url.Parse(s.GraphQL)).Port()
	for host, want := range map[string]int{
		"127.0.0.1:" + port: 401, "localhost:" + port: 401, "[::1]:" + port: 401, "LOCALHOST": 401, "desk.example": 401, "desk.example:443": 401,
		"evil.example": 403, "evil.example:" + port: 403, "127.0.0.1.evil.example": 403, "localhost.": 403,
	} {
		r := must(http.NewRequest(http.MethodPost, s.GraphQL, strings.NewReader(`{}`)))
		r.Host = host
		response, err := httpClient.Do(r)
		check(t, err)
		check(t, response.Body.Close())
		if response.StatusCode != want {
			t.Errorf("Host %s is answered %s, not %d", host, response.Status, want)
		}
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	defer func() { check(t, l.Close()) }()
	return l.Addr().String()
}

func TestDatabaseURLMeansProduction(t *testing.T) {
	t.Parallel()
	address := databaseURL(t)
	refused(t, 1, []string{"workspace", "list", "--database-url", address}, "switchboard migrate")
	refused(t, 1, []string{"token", "list", "--workspace", "ws_01h455vb4pex5vsknk084sn02q", "--database-url", address}, "switchboard migrate")
	var migrated struct{ Applied []string }
	succeed(t, &migrated, "migrate", "--database-url", address)
	if len(migrated.Applied) == 0 {
		t.Error("migrate applied nothing to an empty database")
	}
	if r := run(t, "migrate", "--database-url", address); r.status != 0 || !strings.Contains(r.output, "nothing to do") {
		t.Errorf("the second migrate ended with %d and said\n%s%s", r.status, r.output, r.log)
	}
	var made struct{ Workspace, Token string }
	succeed(t, &made, "workspace", "create", "Acme", "--manager", "mia@acme.example", "--database-url", address)

	plain := start(t, "--database-url", address)
	if plain.Playground != "" || len(plain.Developers) != 0 {
		t.Errorf("in production the server announces the playground %q and the tokens %v", plain.Playground, plain.Developers)
	}
	if got := get(t, plain.Console+"console/sign-in.json"); got != `200 {"development":false}` {
		t.Errorf("in production people can sign in by %s", got)
	}
	for _, path := range []string{"/playground", "/playground/playground.js"} {
		if got := get(t, strings.TrimSuffix(plain.GraphQL, "/graphql")+path); got != "404 404 page not found" {
			t.Errorf("in production %s gives %q", path, got)
		}
	}
	if _, a, err := plain.as(made.Token).post(t.Context(), `{ __schema { queryType { name } } }`, nil); err != nil || a.code() != "GRAPHQL_VALIDATION_FAILED" {
		t.Errorf("in production introspection gives %s %v %v", a.Data, a.Errors, err)
	}
	if _, a, err := plain.as(made.Token).post(t.Context(), `{ viewr { name } }`, nil); err != nil || len(a.Errors) == 0 || strings.Contains(a.Errors[0].Message, "Did you mean") {
		t.Errorf("in production a typing error is answered with %v %v", a.Errors, err)
	}
	if got := succeedQuery(plain, made.Token); got != "Acme" {
		t.Errorf("the workspace is %q", got)
	}

	asked := start(t, "--database-url", address, "--no-console", "--playground", "--addr", "0.0.0.0:0")
	if asked.Console != "" || get(t, strings.TrimSuffix(asked.GraphQL, "/graphql")+"/") != "302 /playground" {
		t.Errorf("with --no-console the server announces the console %q, or does not lead to the playground", asked.Console)
	}
	if asked.Playground == "" || len(asked.Developers) != 0 {
		t.Errorf("with --playground the server announces the playground %q and the tokens %v", asked.Playground, asked.Developers)
	}
	if _, a, err := asked.as(made.Token).post(t.Context(), `{ __schema { queryType { name } } }`, nil); err != nil || len(a.Errors) > 0 {
		t.Errorf("with --playground introspection gives %v %v", a.Errors, err)
	}
}

func succeedQuery(s *server, token string) string {
	s.t.Helper()
	var got struct{ Workspace struct{ Name string } }
	s.as(token).ask(&got, `{ workspace { name } }`, nil)
	return got.Workspace.Name
}

func TestRefusedStarts(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	for _, c := range []struct {
		args   []string
		status int
		parts  []string
	}{
		{[]string{"serve", "--addr", "0.0.0.0:8080"}, 1, []string{"loopback only", "0.0.0.0:8080", "DATABASE_URL"}},
		{[]string{"serve", "--addr", ":8080"}, 1, []string{"loopback only", "DATABASE_URL"}},
		{[]string{"serve", "--addr", "example.com:80"}, 1, []string{"loopback only"}},
		{[]string{"serve", "--addr", "nonsense"}, 1, []string{"--addr"}},
		{[]string{"serve", "--addr", "127.0.0.1:99999"}, 1, []string{"--addr"}},
		{[]string{"serve", "--addr", "127.0.0.1:0", "--database-url", "nonsense"}, 1, []string{"postgres://"}},
		{[]string{"serve", "--addr", "127.0.0.1:0", "--database-url", "postgres://nobody:secret-word@127.0.0.1:port/none"}, 1, []string{"postgres://"}},
		{[]string{"serve", "--addr", "127.0.0.1:0", "--database-url", "postgres://nobody:secret-word@127.0.0.1:1/none"}, 1, []string{"127.0.0.1"}},
		{[]string{"serve", "--addr", "127.0.0.1:0", "--nats-url", "http://nobody:secret-word@127.0.0.1:1"}, 1, []string{"--nats-url", "NATS_URL", "nats://"}},
		{[]string{"workspace", "list", "--nats-url", "nats://nobody:secret-word@127.0.0.1:po rt"}, 1, []string{"--nats-url", "nats://"}},
		{[]string{"serve", "--strict", "--database-url", "postgres://nobody:secret-word@192.0.2.1/none"}, 1, []string{"192.0.2.1", "sslmode=verify-full", "--strict"}},
		{[]string{"serve", "--strict", "--nats-url", "nats://nobody:secret-word@192.0.2.1:4222"}, 1, []string{"192.0.2.1", "tls://", "--strict"}},
		{[]string{"serve", "--trusted-proxy", "proxy.example"}, 2, []string{"--trusted-proxy", "10.0.0.0/8"}},
		{[]string{"import", "missing.jsonl", "--workspace", "ws_1"}, 1, []string{"there is no file missing.jsonl"}},
		{[]string{"replay", "missing.jsonl", "--workspace", "ws_1"}, 1, []string{"there is no file missing.jsonl"}},
		{[]string{"import", ".", "--workspace", "ws_1"}, 1, []string{". is a folder"}},
		{[]string{"import", "--workspace", "ws_1"}, 2, []string{"<file>", "--help"}},
		{[]string{"agent", "create", "Bo", "--workspace", "ws_1"}, 2, []string{"--email"}},
		{[]string{"agent", "create", "Bo", "--workspace", "ws_1", "--email", "bo@acme.example", "--role", "king"}, 2, []string{"agent", "manager"}},
		{[]string{"serve", "--allow-origin", "inbox.example"}, 2, []string{"--allow-origin", `"inbox.example"`, "write it like https://inbox.example"}},
		{[]string{"serve", "--allow-origin", "https://inbox.example,/app"}, 2, []string{"--allow-origin", `"/app"`, "write it like https://inbox.example"}},
		{[]string{"serve", "--allow-origin", "*"}, 2, []string{"--allow-origin", "write it like https://inbox.example"}},
		{[]string{"serve", "--public-url", "https://desk.example/app"}, 2, []string{"--public-url", "write it like https://inbox.example"}},
		{[]string{"serve", "--oidc", "issuer=http://login.example,audience=desk"}, 2, []string{"http://login.example", "must begin with https://"}},
		{[]string{"serve", "--oidc", "issuer=https://login.example"}, 2, []string{"https://login.example", "audience is missing"}},
		{[]string{"serve", "--oidc", "https://login.example"}, 2, []string{"--oidc", "write it like issuer=https://login.example"}},
		{[]string{"serve", "--oidc", "issuer=https://login.example,audience=desk,pem=missing.pem"}, 2, []string{"missing.pem"}},
		{[]string{"serve", "--oidc", "issuer=https://login.example,audience=desk,console=inbox,jwks=https://login.example/keys"}, 2, []string{"console needs", "leave out jwks"}},
		{[]string{"serve", "--oidc", "issuer=https://login.example,audience=desk,resource=https://desk.example"}, 2, []string{"name its client with console"}},
		{[]string{"serve", "--hs256", "issuer=backend,audience=desk"}, 2, []string{"SWITCHBOARD_HS256_SECRET", "--hs256-secret-file"}},
		{[]string{"serve", "--hs256", "issuer=backend,audience=desk", "--hs256-secret-file", "missing"}, 2, []string{"--hs256-secret-file", "missing"}},
		{[]string{"serve", "--no-demo", "--addr", "127.0.0.1:0", "--oidc", "issuer=https://login.example,audience=desk,workspace=ws_1"}, 2, []string{"there is no such workspace", "ws_1"}},
		{[]string{"serve", "--log-level", "loud"}, 2, []string{"--log-level", "debug", "warn", `"loud"`}},
		{[]string{"migrate", "--log-format", "xml"}, 2, []string{"--log-format", "text", "json", `"xml"`}},
		{[]string{"--unknown"}, 2, []string{"--unknown", "--help"}},
		{[]string{"serve", "--port", "80"}, 2, []string{"--port", "--help"}},
		{[]string{"dance"}, 2, []string{"dance", "--help"}},
		{[]string{"workspace", "create", "Acme"}, 2, []string{"--manager"}},
		{[]string{"token", "create", "--workspace", "ws_1"}, 2, []string{"--agent", "--scope"}},
		{[]string{"token", "create", "--workspace", "ws_1", "--scope", "everything"}, 2, []string{"integration", "read"}},
		{[]string{"token", "create", "--workspace", "ws_1", "--scope", "read", "--expires", "soon"}, 2, []string{"90d"}},
		{[]string{"token", "create", "--workspace", "ws_1", "--scope", "read", "--expires=-1d"}, 2, []string{"90d"}},
	} {
		args := append(slices.Clone(c.args), "--data-dir", dir)
		refused(t, c.status, args, c.parts...)
		if r := run(t, args...); strings.Contains(r.output+r.log, "secret-word") {
			t.Errorf("%v prints the password: %s", c.args, r.log)
		}
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	anywhere := map[string]string{"pooler": "$SWITCHBOARD_POOLER", "direct-url": "$SWITCHBOARD_DIRECT_URL", "database-url": "$DATABASE_URL", "data-dir": "$SWITCHBOARD_DATA_DIR", "nats-url": "$NATS_URL", "strict": "$SWITCHBOARD_STRICT", "log-level": "$SWITCHBOARD_LOG_LEVEL", "log-format": "$SWITCHBOARD_LOG_FORMAT", "config": "$SWITCHBOARD_CONFIG", "json": "", "version": "", "help": ""}
	flags := regexp.MustCompile(`(?s)--(?:\[no-\])?([a-z0-9-]+)(.*?)(?:\n\s+(?:-\w, )?--|\n\n|$)`)
	for command, own := range map[string]map[string]string{
		"": {},
		"serve": {
			"addr": "$SWITCHBOARD_ADDR", "demo": "$SWITCHBOARD_DEMO", "playground": "$SWITCHBOARD_PLAYGROUND", "console": "$SWITCHBOARD_CONSOLE", "ui-dir": "$SWITCHBOARD_UI_DIR", "allow-origin": "$SWITCHBOARD_ALLOW_ORIGIN",
			"public-url": "$SWITCHBOARD_PUBLIC_URL", "rate-limit": "$SWITCHBOARD_RATE_LIMIT",
			"no-migrate": "$SWITCHBOARD_NO_MIGRATE", "trusted-proxy": "$SWITCHBOARD_TRUSTED_PROXY",
			"documents": "$SWITCHBOARD_DOCUMENTS", "documents-mode": "$SWITCHBOARD_DOCUMENTS_MODE",
			"row-memory": "$SWITCHBOARD_ROW_MEMORY", "admin-addr": "$SWITCHBOARD_ADMIN_ADDR", "slow-operation": "$SWITCHBOARD_SLOW_OPERATION",
			"drain-delay": "$SWITCHBOARD_DRAIN_DELAY", "drain-over": "$SWITCHBOARD_DRAIN_OVER",
			"oidc": "$SWITCHBOARD_OIDC", "hs256": "$SWITCHBOARD_HS256",
			"hs256-secret-file": "$SWITCHBOARD_HS256_SECRET_FILE",
		},
		"migrate": {}, "workspace create": {"manager": ""}, "workspace list": {},
		"doctor": {}, "agent create": {"workspace": "", "email": "", "role": ""}, "schema": {},
		"import": {"workspace": "", "channel": ""}, "replay": {"workspace": "", "channel": "", "url": "$SWITCHBOARD_URL", "speed": "", "longest-pause": ""},
		"token create": {"workspace": "", "agent": "", "scope": "", "name": "", "expires": ""}, "token list": {"workspace": ""}, "token revoke": {"workspace": ""},
	} {
		r := run(t, append(strings.Fields(command), "--help")...)
		if r.status != 0 || r.log != "" {
			t.Errorf("%s --help: exit %d %s", command, r.status, r.log)
		}
		_, rest, _ := strings.Cut(r.output, "Flags:")
		help := map[string]string{}
		for rest != "" {
			found := flags.FindStringSubmatchIndex(rest)
			if found == nil {
				break
			}
			help[rest[found[2]:found[3]]] = rest[found[4]:found[5]]
			rest = rest[found[5]:]
		}
		for _, wanted := range []map[string]string{anywhere, own} {
			for flag, variable := range wanted {
				text, ok := help[flag]
				if !ok || !strings.Contains(text, variable) {
					t.Errorf("%s --help does not name --%s with %s:\n%s", command, flag, variable, r.output)
				}
				delete(help, flag)
			}
		}
		for flag := range help {
			t.Errorf("%s --help names --%s, which is not in this test's list of flags", command, flag)
		}
	}
}

func TestTerminatedServerLetsEverybodyGoInOrder(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	first := start(t, "--data-dir", dir, "--no-demo")
	c := found(t, first, dir, 0)
	second := start(t, "--data-dir", dir)
	subscribed := first.as(c.Token).watch(assignments, first.as(c.Token).asOf())
	idle, err := first.as(c.Token).connect()
	check(t, err)
	request := beginRequest(t, first, c.Token)

	first.terminate()
	for _, s := range []*socket{subscribed, idle} {
		if got := s.closed(); got != websocket.CloseServiceRestart {
			t.Errorf("the socket was closed with %d, want 1012", got)
		}
	}
	if got := request.finish(`{"query":"mutation { createContact(input: {name: \"Late\"}) { contact { name } } }"}`); !strings.Contains(got, `"name":"Late"`) {
		t.Errorf("the open request was answered with %s", got)
	}
	if status := first.wait(); status != 0 {
		t.Errorf("the server ended with status %d", status)
	}
	var contacts struct {
		Contacts struct{ Nodes []struct{ Name string } }
	}
	second.as(c.Token).ask(&contacts, `{ contacts(search: "Late") { nodes { name } } }`, nil)
	if len(contacts.Contacts.Nodes) != 1 {
		t.Errorf("the open request created %d contacts, not 1", len(contacts.Contacts.Nodes))
	}
	if !databaseRuns(dir) {
		t.Error("the database was stopped under the second server")
	}
	second.terminate()
	if status := second.wait(); status != 0 {
		t.Errorf("the second server ended with status %d", status)
	}
	if databaseRuns(dir) {
		t.Error("the last server to stop has not stopped the database")
	}
}

func TestTerminatedServerWhoseLogNobodyReadsAnyMore(t *testing.T) {
	t.Parallel()
	dir := newDir(t)
	cmd := exec.Command(binary, "serve", "--data-dir", dir, "--addr", "127.0.0.1:0", "--no-demo", "--json")
	output, err := cmd.StdoutPipe()
	check(t, err)
	log, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	_, err = bufio.NewReader(output).ReadString('\n') // it is ready
	check(t, err)
	check(t, output.Close()) // as in `switchboard | tee log`: Ctrl-C ends tee as well
	check(t, log.Close())
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	if err := cmd.Wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if databaseRuns(dir) {
		t.Error("the server has not stopped the database")
	}
}

// openRequest is a request of which the server has read the headers only.
type openRequest struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

const lateBody = 200 // bytes

// beginRequest sends the headers of a request and waits until the server asks for the body.
func beginRequest(t *testing.T, s *server, token string) openRequest {
	t.Helper()
	at, err := url.Parse(s.GraphQL)
	check(t, err)
	conn, err := net.Dial("tcp", at.Host)
	check(t, err)
	t.Cleanup(func() { _ = conn.Close() })
	check(t, conn.SetDeadline(time.Now().Add(patience)))
	_, err = fmt.Fprintf(conn, "POST /graphql HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: %d\r\n\r\n",
		at.Host, token, lateBody)
	check(t, err)
	r := openRequest{t, conn, bufio.NewReader(conn)}
	line, err := r.in.ReadString('\n')
	check(t, err)
	if !strings.Contains(line, "100 Continue") {
		t.Fatalf("the server does not ask for the body: %s", line)
	}
	_, err = r.in.ReadString('\n')
	check(t, err)
	return r
}

// finish sends the body and returns the body of the answer.
func (r openRequest) finish(body string) string {
	r.t.Helper()
	_, err := fmt.Fprintf(r.conn, "%-*s", lateBody, body)
	check(r.t, err)
	response, err := http.ReadResponse(r.in, nil)
	check(r.t, err)
	text, err := io.ReadAll(response.Body)
	check(r.t, err)
	return response.Status + " " + string(text)
}
